// FLAC through libFLAC: widths, channels, metadata blocks, and headers and frames that lie.

import GAMCore
import GAMPluginHost
import Testing

struct FLACTests {
    static let headBytes = 42  // marker, and STREAMINFO with its block head

    static func block(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type, UInt8(body.count >> 16), UInt8(body.count >> 8 & 255), UInt8(body.count & 255)]
            + body
    }

    /// A vorbis comment and an application block.
    static let blocks: [UInt8] =
        block(4, [4, 0, 0, 0] + Array("test".utf8) + [1, 0, 0, 0, 3, 0, 0, 0] + Array("A=b".utf8))
        + block(2, Array("gamdXY".utf8))

    static func signal(
        points: Int = 9000, bits: Int = 16, channels: Int = 1, rate: Int = 8000,
        blocks: [UInt8] = blocks, more: [PluginMetadata] = [], seed: UInt64 = 2
    ) throws -> DecodedFile {
        let type = try SampleType(family: .signed, bits: bits)
        let description = try SignalDescription(
            axes: [Axis(extent: points, kind: .time, spacing: 1.0 / Double(rate), unit: "s")],
            channels: channels == 2 ? [.left, .right] : Array(repeating: .other, count: channels),
            sampleType: type)
        return DecodedFile(
            description: description,
            metadata: [
                PluginMetadata(key: "format", bytes: Array("flac".utf8)),
                PluginMetadata(key: "flac.blocks", bytes: blocks),
            ] + more, samples: PluginTests.samples(points * channels, type, seed: seed),
            kind: "audio", mediaType: "audio/flac", exactness: .samples)
    }

    static func file() throws -> [UInt8] { try PluginTests.encode(signal(), plugin: "audio") }

    /// What a file is refused for; nil: as bad input or as unsupported it was not.
    private func refusal(_ file: [UInt8], limits: PluginLimits = PluginLimits()) -> String? {
        do throws(PluginError) {
            _ = try PluginTests.decode(file, named: "a.flac", limits: limits)
        } catch {
            switch error {
            case .badInput(_, _, let reason): return "bad: " + reason
            case .unsupported(_, _, let reason): return "unsupported: " + reason
            case .limit(_, _, let reason): return "limit: " + reason
            default: return "\(error)"
            }
        }
        return nil
    }

    private func expectRefusal(
        _ file: [UInt8], _ words: String, limits: PluginLimits = PluginLimits(),
        _ location: SourceLocation = #_sourceLocation
    ) {
        let text = refusal(file, limits: limits) ?? "kept"
        #expect(text.contains(words), "\(text)", sourceLocation: location)
    }

    /// STREAMINFO with other values in its last fields; an empty MD5 is "unknown".
    private func changed(
        _ file: [UInt8], total: Int? = nil, md5: [UInt8]? = nil, bits: Int? = nil,
        channels: Int? = nil, rate: Int? = nil
    ) -> [UInt8] {
        var fields = file[18..<26].reduce(0) { $0 << 8 | UInt64($1) }
        func put(_ value: Int?, _ shift: UInt64, _ width: UInt64) {
            guard let value else { return }
            fields &= ~(((1 << width) - 1) << shift)
            fields |= UInt64(value) << shift
        }
        put(total, 0, 36)
        put(bits.map { $0 - 1 }, 36, 5)
        put(channels.map { $0 - 1 }, 41, 3)
        put(rate, 44, 20)
        var result = file
        for byte in 0..<8 {
            result[18 + byte] = UInt8(truncatingIfNeeded: fields >> UInt64(56 - 8 * byte))
        }
        if let md5 {
            result.replaceSubrange(
                26..<42, with: md5.isEmpty ? Array(repeating: 0, count: 16) : md5)
        }
        return result
    }

    @Test(arguments: 4...32, [1, 2, 8])
    func everyWidthComesBack(bits: Int, channels: Int) throws {
        let signal = try Self.signal(points: 4500, bits: bits, channels: channels)
        let file = try PluginTests.encode(signal, plugin: "audio", step: 4097 * channels)
        let decoded = try PluginTests.decode(file, named: "a.flac", step: 3001 * channels)
        #expect(decoded.description == signal.description)
        let isSame = decoded.samples == signal.samples
        #expect(isSame)
    }

    @Test(arguments: [(1, 3), (655_350, 5), (1_048_575, 7)])
    func everyRateComesBack(rate: Int, channels: Int) throws {
        let signal = try Self.signal(points: 20, channels: channels, rate: rate)
        let file = try PluginTests.encode(signal, plugin: "audio")
        #expect(try PluginTests.decode(file, named: "a.flac").description == signal.description)
    }

    @Test(arguments: [(3, 1, 8000), (16, 9, 8000), (16, 1, 1_048_576)])
    func whatFLACCannotHoldIsRefused(bits: Int, channels: Int, rate: Int) throws {
        let signal = try Self.signal(points: 20, bits: bits, channels: channels, rate: rate)
        let error = #expect(throws: PluginError.self) {
            try PluginTests.encode(signal, plugin: "audio")
        }
        guard case .usage = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func allBlocksComeBackInOrder() throws {
        var blocks = Self.block(1, Array(repeating: 0, count: 300))
        for type: UInt8 in [6, 126, 5, 55, 2] {
            blocks += Self.block(type, (0..<70_000).map { UInt8(truncatingIfNeeded: $0 ^ 7) })
        }
        blocks += Self.block(4, [9, 0, 0, 0, 1]) + Self.block(77, [])
        let file = try PluginTests.encode(Self.signal(blocks: blocks), plugin: "audio")
        let decoded = try PluginTests.decode(file, named: "a.flac")
        let isKept = decoded.metadata.first { $0.key == "flac.blocks" }?.bytes == blocks
        #expect(isKept)
        let again = try PluginTests.encode(decoded, plugin: "audio")
        let isSameFile = again == file
        #expect(isSameFile)
    }

    @Test func seekPointsLeadToFrames() throws {
        func table(_ samples: [UInt64]) -> [UInt8] {
            samples.flatMap { sample in
                (0..<8).map { UInt8(truncatingIfNeeded: sample >> UInt64(56 - 8 * $0)) }
                    + Array(repeating: 0, count: 10)
            }
        }
        // The fourth leads to the frame of the third; the sixth is behind the end.
        let asked = Self.block(3, table([0, 1024, 2048, 2100, 8192, 9000, .max]))
        let size = PluginMetadata(key: "flac.block_size", bytes: [0, 4])
        let file = try PluginTests.encode(
            Self.signal(blocks: asked + Self.blocks, more: [size]), plugin: "audio")
        let frames = Self.headBytes + asked.count + Self.blocks.count
        func number(_ at: Int, _ length: Int) -> UInt64 {
            file[at..<at + length].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let points = (0..<7).map { Self.headBytes + 4 + 18 * $0 }
        #expect(points.map { number($0, 8) } == [0, 1024, 2048, 8192, .max, .max, .max])
        #expect(points.prefix(4).map { number($0 + 16, 2) } == [1024, 1024, 1024, 9000 - 8192])
        for point in points.prefix(4) {
            let frame = frames + Int(number(point + 8, 8))
            #expect(number(frame, 2) == 0xfff8)
            #expect(UInt64(file[frame + 4]) == number(point, 8) / 1024)
        }
        let decoded = try PluginTests.decode(file, named: "a.flac")
        let isSameFile = try PluginTests.encode(decoded, plugin: "audio") == file
        #expect(isSameFile)
    }

    @Test func aTagBehindTheFramesComesBackAndOtherBytesAreRefused() throws {
        let tag = Array("TAG".utf8) + Array(repeating: 65, count: 125)
        let file = try Self.file() + tag
        let again = try PluginTests.encode(
            PluginTests.decode(file, named: "a.flac"), plugin: "audio")
        let isSameFile = again == file
        #expect(isSameFile)
        for extra in [[UInt8(0)], Array("not a tag".utf8), tag + [1]] {
            expectRefusal(try Self.file() + extra, "bad: ")
        }
    }

    @Test func aStreamOfUnknownLengthIsCounted() throws {
        let signal = try Self.signal()
        let file = try Self.file()
        for md5 in [nil, [UInt8]()] {
            let unknown = changed(file, total: 0, md5: md5)
            let decoded = try PluginTests.decode(unknown, named: "a.flac")
            let isSame = decoded.samples == signal.samples
            #expect(isSame && decoded.description == signal.description)
            expectRefusal(Array(unknown.dropLast(1)), "bad: ")
            expectRefusal(unknown, "limit: ", limits: PluginLimits(samplesMax: 8999))
        }
        let frames = Self.headBytes + Self.blocks.count
        expectRefusal(changed(Array(file.prefix(frames)), total: 0), "unsupported: ")
        expectRefusal(changed(Array(file.prefix(frames + 20)), total: 0), "bad: ")
    }

    @Test func headersThatLieAreRefused() throws {
        let file = try Self.file()
        for md5 in [nil, [UInt8]()] {
            expectRefusal(changed(file, total: 8192, md5: md5), "more samples than the 8192")
            expectRefusal(changed(file, total: 1, md5: md5), "more samples than the 1 ")
            expectRefusal(changed(file, total: 9001, md5: md5), "1 of its 9001 samples are missing")
            expectRefusal(changed(file, bits: 24), "bit depth of 16")
            expectRefusal(changed(file, bits: 15), "bit depth of 16")
            expectRefusal(changed(file, channels: 2), "channel count of 1")
            expectRefusal(changed(file, rate: 44_100), "sample rate of 8000")
        }
        expectRefusal(changed(file, md5: Array(repeating: 3, count: 16)), "MD5")
        expectRefusal(changed(file, bits: 2), "4 to 32 bits")
        expectRefusal(changed(file, rate: 0), "rate of 0")
        expectRefusal(changed(file, total: 1 << 35), "limit: ")
        expectRefusal(file, "limit: ", limits: PluginLimits(metadataBytesMax: 20))
        var first = file
        first[4] = 4
        expectRefusal(first, "not with STREAMINFO")
        expectRefusal(Array(file.dropFirst(4)), "without which rate, bits and length are unknown")
    }
}
