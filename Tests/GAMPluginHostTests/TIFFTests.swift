import GAMCore
import GAMPluginHost
import Testing

struct TIFFTests {
    /// A TIFF of one page, written by hand: uncompressed strips or tiles, interleaved or planar.
    struct Builder {
        var isBig = false
        var width = 5
        var height = 4
        var samples = 1
        var bits = 8
        var format = 1
        var compression = 1
        var isPlanar = false
        var tile: (width: Int, height: Int)?
        var photometric = 1
        var extra: [(tag: Int, type: Int, count: Int, value: Int)] = []

        private func number(_ value: Int, _ count: Int, _ bytes: inout Bytes) {
            isBig ? bytes.big(value, count) : bytes.little(value, count)
        }

        /// `blocks` are the strips or tiles, in the order of the file.
        func file(_ blocks: [[UInt8]]) -> [UInt8] {
            var bytes = Bytes()
            bytes.text(isBig ? "MM" : "II")
            number(42, 2, &bytes)
            number(8 + blocks.reduce(0) { $0 + $1.count } + blocks.count * 8, 4, &bytes)
            var offsets: [Int] = []
            for block in blocks {
                offsets.append(bytes.array.count)
                bytes.array += block
            }
            let offsetTable = bytes.array.count
            for offset in offsets { number(offset, 4, &bytes) }
            let countTable = bytes.array.count
            for block in blocks { number(block.count, 4, &bytes) }
            let single = blocks.count == 1
            let offsetValue = single ? offsets[0] : offsetTable
            let countValue = single ? blocks[0].count : countTable
            var entries = [
                (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits),
                (259, 3, 1, compression), (262, 3, 1, photometric), (277, 3, 1, samples),
                (284, 3, 1, isPlanar ? 2 : 1), (339, 3, 1, format),
            ]
            if let tile {
                entries += [
                    (322, 4, 1, tile.width), (323, 4, 1, tile.height),
                    (324, 4, blocks.count, offsetValue), (325, 4, blocks.count, countValue),
                ]
            } else {
                let strips = isPlanar ? blocks.count / samples : blocks.count
                entries += [
                    (273, 4, blocks.count, offsetValue),
                    (278, 4, 1, (height + strips - 1) / strips),
                    (279, 4, blocks.count, countValue),
                ]
            }
            entries += extra.map { ($0.tag, $0.type, $0.count, $0.value) }
            number(entries.count, 2, &bytes)
            for (tag, type, count, value) in entries.sorted(by: { $0.0 < $1.0 }) {
                number(tag, 2, &bytes)
                number(type, 2, &bytes)
                number(count, 4, &bytes)
                number(value, type == 3 ? 2 : 4, &bytes)
                if type == 3 { number(0, 2, &bytes) }
            }
            number(0, 4, &bytes)
            return bytes.array
        }
    }

    private static let types: [(SampleType.Family, Int)] = [
        (.unsigned, 1), (.unsigned, 2), (.unsigned, 4), (.unsigned, 8), (.unsigned, 12),
        (.unsigned, 16), (.unsigned, 32), (.signed, 8), (.signed, 16), (.signed, 32), (.float, 16),
        (.float, 32),
    ]

    @Test(arguments: [[1, 1], [1, 300], [300, 1], [37, 41], [3, 13, 17], [2, 1, 1]])
    func everySampleTypeIsExact(extents: [Int]) throws {
        for (family, bits) in Self.types {
            for channels in PNGTests.colors + [[.other, .other, .other, .other, .other]] {
                let signal = try PluginTests.signal(
                    extents: extents, channels: channels, family: family, bits: bits,
                    seed: UInt64(bits + channels.count))
                let file = try PluginTests.encode(
                    signal, plugin: "image", options: ["format": "tiff"], step: 13)
                let decoded = try PluginTests.decode(file, named: "a.tif", step: 17)
                #expect(decoded.description.extents == extents)
                #expect(decoded.description.sampleType == signal.description.sampleType)
                let isSame = decoded.samples == signal.samples
                #expect(isSame, "\(family) \(bits), \(channels.count) channels, \(extents)")
                let again = try PluginTests.encode(decoded, plugin: "image")
                let second = try PluginTests.decode(again, named: "b.tif")
                #expect(second == decoded)
            }
        }
    }

    @Test(arguments: [false, true])
    func stripsTilesAndPlanesAreRead(isBig: Bool) throws {
        let type = try SampleType(family: .unsigned, bits: 16)
        let samples = PluginTests.samples(5 * 4 * 3, type, seed: 9)  // rows x columns x RGB
        func value(_ row: Int, _ column: Int, _ channel: Int) -> [UInt8] {
            guard row < 4, column < 5 else { return [7, 7] }  // padding of tiles
            let at = ((row * 5 + column) * 3 + channel) * 2
            let pair = Array(samples[at..<at + 2])
            return isBig ? pair.reversed() : pair
        }
        func block(_ rows: Range<Int>, _ columns: Range<Int>, _ channels: Range<Int>) -> [UInt8] {
            rows.flatMap { row in
                columns.flatMap { column in channels.flatMap { value(row, column, $0) } }
            }
        }
        var builder = Builder(isBig: isBig, samples: 3, bits: 16, photometric: 2)
        let strips = builder.file([block(0..<2, 0..<5, 0..<3), block(2..<4, 0..<5, 0..<3)])
        builder.isPlanar = true
        let planes = builder.file(
            (0..<3).flatMap {
                [block(0..<2, 0..<5, $0..<$0 + 1), block(2..<4, 0..<5, $0..<$0 + 1)]
            })
        builder.tile = (16, 16)
        let planarTiles = builder.file((0..<3).map { block(0..<16, 0..<16, $0..<$0 + 1) })
        builder.isPlanar = false
        let tiles = builder.file([block(0..<16, 0..<16, 0..<3)])
        for (name, file) in [
            ("strips", strips), ("planes", planes), ("tiles", tiles), ("planar tiles", planarTiles),
        ] {
            let decoded = try PluginTests.decode(file, named: "a.tif", step: 31)
            #expect(decoded.samples == samples, "\(name)")
            #expect(decoded.description.channels == [.red, .green, .blue], "\(name)")
            let again = try PluginTests.encode(decoded, plugin: "image")
            #expect(try PluginTests.decode(again, named: "a.tif") == decoded, "\(name)")
        }
    }

    @Test func unknownTagsComeBack() throws {
        let builder = Builder(extra: [(tag: 65000, type: 4, count: 1, value: 12345)])
        let decoded = try PluginTests.decode(
            builder.file([Array(repeating: 3, count: 20)]), named: "a.tif")
        let again = try PluginTests.encode(decoded, plugin: "image")
        #expect(try PluginTests.decode(again, named: "a.tif") == decoded)
        #expect(decoded.metadata.contains { $0.bytes.contains([0xe8, 0xfd]) })  // 65000
    }

    @Test(arguments: [(7, "JPEG"), (6, "JPEG"), (34712, "34712"), (50001, "WebP"), (34887, "LERC")])
    func lossyCompressionIsRefused(compression: Int, name: String) throws {
        let file = Builder(compression: compression).file([Array(repeating: 3, count: 20)])
        let error = #expect(throws: PluginError.self) {
            try PluginTests.decode(file, named: "a.tif")
        }
        switch error {
        case .unsupported, .badInput: break
        default: Issue.record("refused as \(String(describing: error))")
        }
    }

    @Test(arguments: [(64, 3), (64, 1), (24, 1), (32, 5)])
    func sampleTypesThatCannotBeKeptAreRefused(bits: Int, format: Int) throws {
        let file = Builder(bits: bits, format: format).file([Array(repeating: 3, count: 320)])
        let error = #expect(throws: PluginError.self) {
            try PluginTests.decode(file, named: "a.tif")
        }
        guard case .unsupported = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }

    @Test(arguments: [(0x7fff_ffff, 4), (5, 0x7fff_ffff), (0xffff_ffff, 0xffff_ffff), (5, 5)])
    func headerThatLiesAboutItsSizeIsRefused(width: Int, height: Int) throws {
        for tile in [nil, (width: 1 << 30, height: 1 << 30)] {
            let file = Builder(width: width, height: height, tile: tile)
                .file([Array(repeating: 3, count: 20)])
            #expect(throws: PluginError.self) {
                try PluginTests.decode(
                    file, named: "a.tif", limits: PluginLimits(memoryBytesMax: 64 << 20))
            }
        }
    }

    @Test func onePageOfDifferentPagesIsChosenByOption() throws {
        let stack = try PluginTests.signal(
            extents: [3, 4, 5], channels: [.gray], family: .unsigned, bits: 8, seed: 1)
        let file = try PluginTests.encode(stack, plugin: "image", options: ["format": "tiff"])
        let page = try PluginTests.decode(file, named: "a.tif", options: ["page": "1"])
        #expect(page.description.extents == [4, 5])
        #expect(page.samples == Array(stack.samples[20..<40]))
        for bad in ["3", "x", "-1", "99999999999"] {
            #expect(throws: PluginError.self) {
                try PluginTests.decode(file, named: "a.tif", options: ["page": bad])
            }
        }
    }
}
