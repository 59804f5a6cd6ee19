import GAMCore
import GAMPluginHost
import Testing

struct AudioTests {
    /// A WAV written by hand, with chunks before and behind the samples.
    static func wave(
        bits: Int, channels: Int, format: Int = 1, samples: [UInt8], rate: Int = 44_100,
        blockAlign: Int? = nil, dataSize: Int? = nil
    ) -> [UInt8] {
        let align = blockAlign ?? channels * bits / 8
        var body = Bytes()
        body.text("WAVE")
        body.riffChunk("JUNK", [1, 2, 3, 4, 5])
        var fmt = Bytes()
        fmt.little(format, 2)
        fmt.little(channels, 2)
        fmt.little(rate, 4)
        fmt.little(rate * align, 4)
        fmt.little(align, 2)
        fmt.little(bits, 2)
        body.riffChunk("fmt ", fmt.array)
        body.riffChunk("bext", Array(repeating: 65, count: 602))
        body.riffChunk("data", samples)
        if let dataSize {
            let at = body.array.count - samples.count - samples.count % 2 - 4
            var size = Bytes()
            size.little(dataSize, 4)
            body.array.replaceSubrange(at..<at + 4, with: size.array)
        }
        body.riffChunk("LIST", Array("INFOIART\u{4}\0\0\0abc\0".utf8))
        var file = Bytes()
        file.riffChunk("RIFF", body.array)
        return file.array
    }

    /// An AIFF written by hand.
    static func aiff(bits: Int, channels: Int, samples: [UInt8]) -> [UInt8] {
        var common = Bytes()
        common.big(channels, 2)
        common.big(samples.count / (channels * bits / 8), 4)
        common.big(bits, 2)
        common.array += [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]  // 44100 as an 80-bit float
        var body = Bytes()
        body.text("AIFF")
        body.iffChunk("COMM", common.array)
        body.iffChunk("ANNO", Array("by hand".utf8))
        body.iffChunk("SSND", [0, 0, 0, 0, 0, 0, 0, 0] + samples)
        body.iffChunk("NAME", Array("end".utf8))
        var file = Bytes()
        file.iffChunk("FORM", body.array)
        return file.array
    }

    static func samples(_ count: Int, bits: Int, seed: UInt64 = 4) throws -> [UInt8] {
        let packed = try PluginTests.samples(
            count, SampleType(family: .unsigned, bits: 8), seed: seed)
        return (0..<(bits / 8)).flatMap { byte in packed.map { $0 &+ UInt8(byte * 37) } }
    }

    @Test(arguments: [(8, 1), (16, 1), (16, 2), (24, 1), (24, 2), (24, 3), (32, 2), (16, 64)])
    func waveFilesComeBackByteForByte(bits: Int, channels: Int) throws {
        let packed = try Self.samples(101 * channels, bits: bits)
        let file = Self.wave(bits: bits, channels: channels, samples: packed)
        let decoded = try PluginTests.decode(file, named: "a.wav", step: 1000)
        #expect(decoded.description.extents == [101])
        #expect(decoded.description.channels.count == channels)
        #expect(decoded.description.axes[0].kind == .time)
        #expect(decoded.description.axes[0].spacing == 1.0 / 44_100)
        #expect(decoded.exactness == .file)
        #expect(decoded.samples == Self.widened(packed, bits: bits))
        let again = try PluginTests.encode(decoded, plugin: "audio", step: 999)
        #expect(again == file)
    }

    /// Canonical form of packed little-endian samples.
    private static func widened(_ packed: [UInt8], bits: Int) -> [UInt8] {
        guard bits == 24 else { return packed }
        var wide: [UInt8] = []
        for start in stride(from: 0, to: packed.count, by: 3) {
            wide += packed[start..<start + 3]
            wide.append(packed[start + 2] & 0x80 == 0 ? 0 : 0xff)
        }
        return wide
    }

    @Test func floatsKeepEveryBit() throws {
        var packed = Bytes()
        for pattern in [0x7fc0_1234, 0xff80_0000, 0x8000_0000, 1, 0x3f80_0000, 0x7f80_0001] {
            packed.little(pattern, 4)
        }
        let file = Self.wave(bits: 32, channels: 2, format: 3, samples: packed.array)
        let decoded = try PluginTests.decode(file, named: "a.wav")
        #expect(decoded.samples == packed.array)
        #expect(decoded.description.sampleType.family == .float)
        #expect(try PluginTests.encode(decoded, plugin: "audio") == file)
    }

    @Test(arguments: [(8, 1), (16, 2), (24, 2), (32, 1)])
    func aiffFilesComeBackByteForByte(bits: Int, channels: Int) throws {
        let packed = try Self.samples(50 * channels, bits: bits)
        let file = Self.aiff(bits: bits, channels: channels, samples: packed)
        let decoded = try PluginTests.decode(file, named: "a.aiff")
        let little = swapped(packed, bits / 8)
        #expect(decoded.samples == Self.widened(little, bits: bits))
        #expect(decoded.description.sampleType.family == .signed)
        #expect(try PluginTests.encode(decoded, plugin: "audio") == file)
    }

    @Test func samplesWithoutAFileGetANewHeader() throws {
        for (format, family, bits) in [
            ("wav", SampleType.Family.unsigned, 8), ("wav", .signed, 16), ("wav", .signed, 24),
            ("wav", .signed, 32), ("wav", .float, 32), ("aiff", .signed, 8), ("aiff", .signed, 24),
            ("flac", .signed, 8), ("flac", .signed, 16), ("flac", .signed, 24),
            ("flac", .signed, 32),
        ] {
            let type = try SampleType(family: family, bits: bits)
            let description = try SignalDescription(
                axes: [Axis(extent: 5000, kind: .time, spacing: 1.0 / 48_000, unit: "s")],
                channels: [.left, .right], sampleType: type)
            let signal = DecodedFile(
                description: description, metadata: [],
                samples: PluginTests.samples(10_000, type, seed: 8), kind: "audio", mediaType: "",
                exactness: .samples)
            let file = try PluginTests.encode(
                signal, plugin: "audio", options: ["format": format], step: 4001)
            let decoded = try PluginTests.decode(file, named: "a." + format, step: 3001)
            #expect(decoded.description == description, "\(format) \(bits)")
            let isSame = decoded.samples == signal.samples
            #expect(isSame, "\(format) \(bits)")
        }
    }

    @Test func wavesThatCannotBeKeptAreRefused() throws {
        let files = [
            Self.wave(bits: 64, channels: 1, format: 3, samples: Array(repeating: 1, count: 80)),
            Self.wave(bits: 8, channels: 1, format: 7, samples: Array(repeating: 1, count: 80)),
            Self.wave(
                bits: 24, channels: 1, samples: Array(repeating: 1, count: 80), blockAlign: 4),
            Self.wave(bits: 16, channels: 1, samples: []),
        ]
        for file in files {
            let error = #expect(throws: PluginError.self) {
                try PluginTests.decode(file, named: "a.wav")
            }
            switch error {
            case .unsupported, .badInput: break
            default: Issue.record("refused as \(String(describing: error))")
            }
        }
    }

    @Test(arguments: [1 << 30, 0x7fff_ffff, 0xffff_fff0, 90])
    func dataChunkThatLiesAboutItsSizeIsRefused(size: Int) throws {
        let file = Self.wave(
            bits: 16, channels: 1, samples: Array(repeating: 1, count: 40), dataSize: size)
        let error = #expect(throws: PluginError.self) {
            try PluginTests.decode(file, named: "a.wav")
        }
        guard case .badInput = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }
}
