// Files cut off at 64 places each, and files with damaged bytes: a typed error or a decode, never
// a fault of the adapter, a crash, or a hang.

import GAMCore
import GAMPluginHost
import Testing

struct TruncationTests {
    /// A good file of every kind. A cut plain PNM may still be a shorter valid one: not listed.
    static func files() throws -> [(name: String, bytes: [UInt8])] {
        let gray = try PluginTests.signal(
            extents: [40, 30], channels: [.gray], family: .unsigned, bits: 16, seed: 11)
        let stack = try PluginTests.signal(
            extents: [3, 20, 30], channels: PNGTests.colors[2], family: .float, bits: 32, seed: 12)
        let wave = try AudioTests.wave(
            bits: 24, channels: 2, samples: AudioTests.samples(400, bits: 24))
        return [
            ("a.png", try PluginTests.encode(gray, plugin: "image")),
            ("p.png", try PNGTests.paletteFile(interlaced: true)),
            ("a.tif", try PluginTests.encode(gray, plugin: "image", options: ["format": "tiff"])),
            ("b.tif", try PluginTests.encode(stack, plugin: "image")),
            ("a.pam", try PluginTests.encode(gray, plugin: "image", options: ["format": "pnm"])),
            ("a.wav", wave),
            (
                "a.aiff",
                try AudioTests.aiff(
                    bits: 16, channels: 1, samples: AudioTests.samples(400, bits: 16))
            ),
            ("a.flac", try FLACTests.file()),
            ("a.npy", ArrayTests.npy("<f4", "(10, 20)", Array(repeating: 7, count: 800))),
            (
                "a.nrrd",
                ArrayTests.nrrd(
                    "type: uint8\ndimension: 2\nsizes: 20 20\nencoding: raw",
                    Array(repeating: 7, count: 400))
            ),
        ]
    }

    @Test func cutFilesAreRefused() throws {
        for file in try Self.files() {
            #expect(throws: Never.self, "\(file.name) is good") {
                try PluginTests.decode(file.bytes, named: file.name)
            }
            let trailing = file.name == "p.png" ? 1 : 0  // cut inside its 3 trailing bytes
            let refused = try PluginTests.refusedTruncations(of: file.bytes, named: file.name)
            #expect(refused >= 64 - trailing, "\(file.name): \(refused) of 64 refused")
        }
    }

    @Test func damagedBytesNeverCauseAFault() throws {
        var state: UInt64 = 2024
        for file in try Self.files() {
            for _ in 0..<400 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                var damaged = file.bytes
                // Headers are hit more often than samples.
                let span = state & 1 == 0 ? min(damaged.count, 200) : damaged.count
                damaged[Int(state >> 33) % span] = UInt8(truncatingIfNeeded: state >> 8)
                do throws(PluginError) {
                    _ = try PluginTests.decode(
                        damaged, named: file.name,
                        limits: PluginLimits(samplesMax: 1 << 24, memoryBytesMax: 64 << 20))
                } catch {
                    switch error {
                    case .badInput, .unsupported, .limit, .noAdapter: break
                    default: Issue.record("\(file.name): \(error)")
                    }
                }
            }
        }
    }
}
