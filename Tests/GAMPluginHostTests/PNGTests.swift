import GAMCore
import GAMPluginHost
import Testing

struct PNGTests {
    static let colors: [[ChannelMeaning]] = [
        [.gray], [.gray, .alpha], [.red, .green, .blue], [.red, .green, .blue, .alpha],
    ]

    @Test(arguments: [(1, 1), (1, 257), (257, 1), (31, 37)])
    func everyDepthAndColorIsExact(rows: Int, columns: Int) throws {
        for channels in Self.colors {
            for bits in [1, 2, 4, 8, 16] where bits >= 8 || channels.count == 1 {
                let signal = try PluginTests.signal(
                    extents: [rows, columns], channels: channels, family: .unsigned, bits: bits,
                    seed: UInt64(rows * 1000 + columns + bits))
                let file = try PluginTests.encode(signal, plugin: "image", step: 11)
                let decoded = try PluginTests.decode(file, named: "a.png", step: 7)
                #expect(decoded.description == signal.description)
                let isSame = decoded.samples == signal.samples
                #expect(isSame, "\(bits) bits, \(channels.count) channels")
            }
        }
    }

    /// A 2-bit palette picture with chunks of every position, of which one is private.
    static func paletteFile(interlaced: Bool) throws -> [UInt8] {
        let signal = try PluginTests.signal(
            extents: [19, 23], channels: [.paletteIndex], family: .unsigned, bits: 2, seed: 5)
        var header = Bytes()
        header.big(23, 4)
        header.big(19, 4)
        header.array += [2, 3, 0, 0, interlaced ? 1 : 0]
        var before = Bytes()
        before.pngChunk("gAMA", [0, 0, 0xb1, 0x8f])
        before.pngChunk("PLTE", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        before.pngChunk("tRNS", [255, 0, 128])
        before.pngChunk("hIST", [0, 1, 0, 2, 0, 3, 0, 4])
        before.pngChunk("prVt", [])
        var after = Bytes()
        after.pngChunk("tEXt", Array("Comment\0h\u{e4}llo".utf8))
        after.pngChunk("tIME", [7, 230, 1, 2, 3, 4, 5])
        let metadata = [
            PluginMetadata(key: "format", bytes: Array("png".utf8)),
            PluginMetadata(key: "png.header", bytes: header.array),
            PluginMetadata(key: "png.before", bytes: before.array),
            PluginMetadata(key: "png.after", bytes: after.array),
            PluginMetadata(key: "png.trailer", bytes: [1, 2, 3]),
        ]
        let decoded = DecodedFile(
            description: signal.description, metadata: metadata, samples: signal.samples,
            kind: "image", mediaType: "image/png", exactness: .samples)
        return try PluginTests.encode(decoded, plugin: "image")
    }

    @Test(arguments: [false, true])
    func everyChunkComesBackInOrder(interlaced: Bool) throws {
        let file = try Self.paletteFile(interlaced: interlaced)
        let decoded = try PluginTests.decode(file, named: "a.png")
        #expect(decoded.metadata.map(\.key).contains("png.trailer"))
        #expect(decoded.description.channels == [.paletteIndex])
        let again = try PluginTests.encode(decoded, plugin: "image")
        #expect(again == file)
        for name in ["gAMA", "PLTE", "tRNS", "hIST", "prVt", "tEXt", "tIME"] {
            #expect(again.contains(Array(name.utf8)), "\(name) is missing")
        }
    }

    @Test func flippedBitsAreRefused() throws {
        let file = try Self.paletteFile(interlaced: false)
        for position in 8..<(file.count - 3) {
            var damaged = file
            damaged[position] ^= 0x10
            #expect(throws: PluginError.self, "byte \(position)") {
                try PluginTests.decode(damaged, named: "a.png")
            }
        }
    }

    @Test func hugeOneColorPictureStreamsInLittleMemory() throws {
        let side = 30_000
        let type = try SampleType(family: .unsigned, bits: 1)
        let description = try SignalDescription(
            axes: [Axis(extent: side, kind: .space), Axis(extent: side, kind: .space)],
            channels: [.gray], sampleType: type)
        let limits = PluginLimits(memoryBytesMax: 1 << 20)
        let file = TemporaryFile()
        let image = try PluginTests.registry.adapter(id: "image")
        let encode = try image.encode(
            description: description, metadata: [], descriptor: file.descriptor, limits: limits)
        let rows = [UInt8](repeating: 1, count: side * 30)
        for _ in 0..<(side / 30) { try rows.withUnsafeBytes { try encode.write($0) } }
        try encode.finish()
        let decode = try image.decode(
            descriptor: file.descriptor, fileName: "huge.png", limits: limits)
        var buffer = [UInt8](repeating: 0, count: side * 30)
        while try buffer.withUnsafeMutableBytes({ try decode.read(into: $0) }) > 0 {
            guard buffer == rows else {
                Issue.record("a row differs")
                return
            }
        }
        #expect(decode.bytesLeft == 0)
    }

    @Test func interlacedPictureBeyondTheMemoryLimitIsRefused() throws {
        let file = try Self.paletteFile(interlaced: true)
        let error = #expect(throws: PluginError.self) {
            try PluginTests.decode(
                file, named: "a.png", limits: PluginLimits(memoryBytesMax: 100))
        }
        guard case .limit = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }

    @Test(arguments: [0x7fff_ffff, 0x3fff_ffff, 30_000])
    func headerThatLiesAboutItsSizeIsRefused(width: Int) throws {
        var file = Bytes()
        file.array = [0x89] + Array("PNG\r\n\u{1a}\n".utf8)
        var header = Bytes()
        header.big(width, 4)
        header.big(width, 4)
        header.array += [16, 6, 0, 0, 0]
        file.pngChunk("IHDR", header.array)
        file.pngChunk("IDAT", [0x78, 0x9c, 0x03, 0, 0, 0, 0, 1])
        file.pngChunk("IEND", [])
        #expect(throws: PluginError.self) {
            try PluginTests.decode(file.array, named: "a.png", limits: PluginLimits())
        }
    }
}

extension [UInt8] {
    /// Whether `part` occurs.
    func contains(_ part: [UInt8]) -> Bool {
        indices.dropLast(part.count - 1).contains { self[$0...].starts(with: part) }
    }
}
