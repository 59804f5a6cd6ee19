import GAMCodec
import GAMCore
import GAMQuery
import GAMTestSupport
import Glibc
import Testing

/// A picture of any family and depth with edges, slopes and noise.
private func picture(_ type: SampleType) -> (Int) -> Double {
    let range = Double(UInt64(1) << UInt64(type.bits))
    let low = type.family == .signed ? -range / 2 : 0
    return { i in
        let wave = Double((i * 37 + i * i / 11) % 97) / 97
        let edge = i / 23 % 3 == 0 ? 0.4 : 0
        return (low + (range - 1) * min(1, 0.55 * wave + edge + Double(i % 7) / 100)).rounded(.down)
    }
}

private func enlarged(
    _ signal: StoredSignal, level: Int = -1, region: [AxisInterval]? = nil, threads: Int = 1,
    engine: Engine = .best
) throws -> [UInt8] {
    let reader = try SuperResolutionReader(
        signal.reader, level: level, threads: threads, engine: engine)
    let selection = try Selection(region: region, level: 0, of: reader.description)
    var bytes: [UInt8] = []
    try reader.read(selection) { bytes += $0 }
    let shape = try reader.description(of: selection)
    #expect(bytes.count == shape.rawBytes)
    return bytes
}

@Suite struct SuperResolutionTests {
    @Test func storedSamplesComeBackBitForBit() throws {
        for (family, bits) in [
            (SampleType.Family.unsigned, 8), (.unsigned, 1), (.unsigned, 12), (.signed, 16),
            (.unsigned, 32), (.signed, 32),
        ] {
            let type = try SampleType(family: family, bits: bits)
            for (extents, channels) in [([13, 17], 3), ([1, 9], 1), ([9, 1], 2), ([1, 1], 1)] {
                let signal = try StoredSignal(extents, channels: channels, type, picture(type))
                for level in [-1, -2] {
                    let bytes = try enlarged(signal, level: level)
                    let got = bytes.withUnsafeBytes { SampleValues.load($0, type) }
                    let columns = ((extents[1] - 1) << -level) + 1
                    for (index, point) in points(extents.map { Array(0..<$0) }).enumerated() {
                        let at = ((point[0] << -level) * columns + (point[1] << -level)) * channels
                        let stored = index * channels
                        #expect(
                            got[at..<at + channels].elementsEqual(
                                signal.values[stored..<stored + channels]),
                            "\(type) \(extents) level \(level)")
                    }
                    let high = Double(UInt64(1) << UInt64(bits)) - 1
                    #expect(got.allSatisfy { family == .signed || (0...high).contains($0) })
                }
            }
        }
    }

    @Test func aRegionIsThatPartOfTheWhole() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal(
            [70, 301], channels: 2, type, shard: [32, 64], picture(type))
        for level in [-1, -2] {
            let (rows, columns) = ((69 << -level) + 1, (300 << -level) + 1)
            func bytes(_ whole: [UInt8], _ row: Int, _ column: Int) -> ArraySlice<UInt8> {
                let at = (row * columns + column) * 2
                return whole[at..<at + 2]
            }
            let whole = try enlarged(signal, level: level)
            #expect(try enlarged(signal, level: level, threads: 3) == whole)
            let regions = [
                (0..<1, 0..<1), (61..<66, 125..<131), (7..<rows, 300..<301),
                (rows - 1..<rows, columns - 2..<columns),
            ]
            for (y, x) in regions {
                let part = try enlarged(
                    signal, level: level,
                    region: [
                        .init(start: y.lowerBound, stop: y.upperBound),
                        .init(start: x.lowerBound, stop: x.upperBound),
                    ])
                let expected = y.flatMap { row in x.flatMap { bytes(whole, row, $0) } }
                #expect(part == expected, "level \(level), \(y), \(x)")
            }
            let stepped = try enlarged(
                signal, level: level,
                region: [.init(start: 90, stop: 3, step: -7), .init(start: 1, stop: 500, step: 3)])
            let expected = stride(from: 90, to: 3, by: -7).flatMap { row in
                stride(from: 1, to: 500, by: 3).flatMap { bytes(whole, row, $0) }
            }
            #expect(stepped == expected, "level \(level), steps")
        }
    }

    @Test func piecesOfAnySizeGiveTheSameSamples() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([9, 40], channels: 2, type, picture(type))
        let whole = try enlarged(signal, level: -2)
        let bytes = 33 * 157 * 2 * 8
        for pieceBytesMax in [1, 16, 17, 3000, bytes / 2, bytes - 1, bytes] {
            let reader = try SuperResolutionReader(
                signal.reader, level: -2, threads: 1, pieceBytesMax: pieceBytesMax)
            var got: [UInt8] = []
            try reader.read(Selection(wholeOf: reader.description)) { got += $0 }
            #expect(got == whole, "\(pieceBytesMax)")
        }
        // Two positions a little above the limit: they are halved, not tried again.
        let reader = try SuperResolutionReader(
            signal.reader, level: -2, threads: 1, pieceBytesMax: 31)
        var pieces = 0
        try reader.read(Selection(box: [0..<1, 0..<2])) { _ in pieces += 1 }
        #expect(pieces == 2)
    }

    @Test func onlyShardsThatWindowsReachAreRead() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([64, 64], type, shard: [32, 32], picture(type))
        let first = MemoryRecords()
        for id in signal.records.ids {
            if case .shard(let index) = id, index != 0 { continue }
            first.put(id, try signal.records.bytes(of: id))
        }
        let reader = try SignalReader(
            manifest: signal.reader.manifest, source: first, priors: .shipped)
        // Cell 27 looks at samples 24 ... 31; cell 28 at sample 32, in the next shard.
        for (last, isThere) in [(55, true), (56, false)] {
            let finer = try SuperResolutionReader(reader, level: -1, threads: 1)
            let selection = Selection(box: [3..<4, 0..<last + 1])
            var bytes: [UInt8] = []
            do {
                try finer.read(selection) { bytes += $0 }
                #expect(isThere)
                let region = selection.box.map {
                    AxisInterval(start: $0.lowerBound, stop: $0.upperBound)
                }
                #expect(try bytes == enlarged(signal, region: region))
            } catch is CodecError {
                #expect(!isThere)
            }
        }
    }

    @Test func everyEngineGivesTheSameBits() throws {
        let type = try SampleType(family: .signed, bits: 16)
        let signal = try StoredSignal([19, 277], type, picture(type))
        let truth = try enlarged(signal, engine: .reference)
        for engine in Engine.available {
            #expect(try enlarged(signal, engine: engine) == truth, "\(engine)")
        }
    }

    @Test func offsetAndContrastDoNotChangeWhatTheNetworkSees() throws {
        let type = try SampleType(family: .unsigned, bits: 16)
        let base = picture(try SampleType(family: .unsigned, bits: 8))
        let plain = try StoredSignal([20, 30], type) { base($0) + 2000 }
        let moved = try StoredSignal([20, 30], type) { base($0) + 9000 }
        let turned = try StoredSignal([20, 30], type) { 4 * base($0) + 9000 }
        let values = try [plain, moved, turned].map {
            try enlarged($0).withUnsafeBytes { SampleValues.load($0, type) }
        }
        #expect(zip(values[0], values[1]).allSatisfy { $0 + 7000 == $1 })
        #expect(zip(values[0], values[2]).allSatisfy { abs(4 * ($0 - 2000) + 9000 - $1) <= 3 })
        let flat = try StoredSignal([9, 9], type) { _ in 40_000 }
        let same = try enlarged(flat).withUnsafeBytes { SampleValues.load($0, type) }
        #expect(same.allSatisfy { $0 == 40_000 })
    }

    @Test func soundIsAPictureOfOneRow() throws {
        let type = try SampleType(family: .signed, bits: 16)
        let sound = try StoredSignal([1000], channels: 2, type, shard: [304], kind: .time) {
            (9000 * sin(Double($0 / 2) / 5) + 300 * Double($0 % 2)).rounded()
        }
        let whole = try enlarged(sound)
        #expect(whole.count == 1999 * 4)
        let got = whole.withUnsafeBytes { SampleValues.load($0, type) }
        #expect((0..<1000).allSatisfy { got[4 * $0] == sound.values[2 * $0] })
        // A sine of 31 samples a period: what lies between is known.
        let off = (20..<980).map { abs(got[4 * $0 + 2] - 9000 * sin((Double($0) + 0.5) / 5)) }
        #expect(off.max()! < 40)
        let part = try enlarged(sound, region: [.init(start: 598, stop: 620)], threads: 2)
        #expect(part == Array(whole[598 * 4..<620 * 4]))
    }

    /// Answers of Tests/support/superresolution_reference.py for the same samples.
    @Test func knownAnswersOfTheIntegerNetworks() throws {
        let stored: [Double] = [
            12, 40, 200, 190, 33, 14, 44, 230, 180, 20, 10, 90, 250, 90, 21, 13, 160, 240, 40, 255,
        ]
        let type = try SampleType(family: .unsigned, bits: 8)
        let picture = try StoredSignal([4, 5], type) { stored[$0] }
        #expect(try enlarged(picture) == KnownAnswers.picture)
        let series = try StoredSignal([20], type, kind: .time) { stored[$0] }
        #expect(try enlarged(series) == KnownAnswers.series)
    }

    @Test func whatNoNetworkIsFitForIsRefusedInWords() throws {
        let byte = try SampleType(family: .unsigned, bits: 8)
        let float = try SampleType(family: .float, bits: 32)
        func axes(_ extents: [Int], _ kind: Axis.Kind = .space) -> [Axis] {
            extents.map { Axis(extent: $0, kind: kind) }
        }
        let refused: [([Axis], [ChannelMeaning], SampleType)] = [
            (axes([9, 9]), [.other], float), (axes([9, 9]), [.paletteIndex], byte),
            (axes([9, 9]), [.red, .green, .blue, .alpha], byte), (axes([9, 9, 9]), [.other], byte),
            (axes([9, 9], .time), [.other], byte), (axes([9]), [.other], byte),
        ]
        for (axes, channels, type) in refused {
            let description = try SignalDescription(
                axes: axes, channels: channels, sampleType: type)
            let error = #expect(throws: QueryError.self) {
                try SuperResolutionReader.description(of: description, level: -1)
            }
            #expect(error?.description.contains("method cubic") == true)
        }
        let gray = try SignalDescription(
            axes: axes([9, 9]), channels: [.gray], sampleType: byte)
        #expect(try SuperResolutionReader.description(of: gray, level: -2).extents == [33, 33])
        let sound = try SignalDescription(
            axes: axes([9], .time), channels: [.left, .right], sampleType: byte)
        #expect(try SuperResolutionReader.description(of: sound, level: -1).extents == [17])
        for (description, level) in [(gray, -3), (sound, -2)] {
            #expect(throws: QueryError.self) {
                try SuperResolutionReader.description(of: description, level: level)
            }
        }
    }
}

/// Levels -1 of the samples above, by the reference in numpy.
private enum KnownAnswers {
    static let picture: [UInt8] = [
        12, 19, 40, 158, 200, 210, 190, 86, 33, 13, 18, 46, 171, 216, 221, 190, 83, 27, 14, 15,
        44, 173, 230, 217, 180, 53, 20, 10, 15, 76, 200, 242, 219, 137, 29, 11, 10, 28, 90, 204,
        250, 236, 90, 24, 21, 9, 30, 133, 226, 250, 207, 56, 52, 127, 13, 11, 160, 224, 240, 182,
        40, 104, 255,
    ]
    static let series: [UInt8] = [
        12, 11, 40, 117, 200, 229, 190, 102, 33, 14, 14, 12, 44, 138, 230, 242, 180, 88, 20, 3,
        10, 28, 90, 195, 250, 193, 90, 36, 21, 13, 13, 67, 160, 243, 240, 120, 40, 132, 255,
    ]
}
