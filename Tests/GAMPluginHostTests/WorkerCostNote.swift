// Prints what a worker costs beside the same adapter in this process; docs/plugins.md quotes it.
// Set GAM_BENCHMARK=1 to run it.

import GAMCore
import GAMPluginHost
import GAMPluginManifests
import Glibc
import Testing

@Suite(.enabled(if: getenv("GAM_BENCHMARK") != nil), .serialized)
struct WorkerCostNote {
    private static func registry(_ isolation: PluginIsolation) -> PluginRegistry {
        PluginRegistry(
            manifestFolders: [PluginTests.packageFolder + "/Plugins"],
            libraryFolders: [PluginTests.buildFolder], isolation: isolation)
    }

    private static let inside = registry(.inProcess)
    private static let apart = registry(.workers(WorkerOptions()))

    /// Microseconds of `body`, the median of `rounds`.
    private func median(_ rounds: Int, _ body: () throws -> Void) rethrows -> Double {
        var times: [Double] = []
        for _ in 0..<rounds {
            let time = try ContinuousClock().measure { try body() }
            times.append(time / .microseconds(1))
        }
        return times.sorted()[rounds / 2]
    }

    private func decode(_ registry: PluginRegistry, _ file: TemporaryFile, _ name: String) throws {
        let adapter = try registry.detect(descriptor: file.descriptor, fileName: name)
        let session = try adapter.decode(descriptor: file.descriptor, fileName: name)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while try session.read(into: buffer) > 0 {}
    }

    private func encode(
        _ registry: PluginRegistry, _ signal: DecodedFile, _ plugin: String, _ format: String
    ) throws {
        let file = TemporaryFile()
        let session = try registry.adapter(id: plugin).encode(
            description: signal.description, metadata: signal.metadata,
            descriptor: file.descriptor, options: ["format": format])
        for start in stride(from: 0, to: signal.samples.count, by: 1 << 20) {
            try signal.samples.withUnsafeBytes {
                try session.write(
                    .init(rebasing: $0[start..<min(start + 1 << 20, $0.count)]))
            }
        }
        try session.finish()
    }

    private func file(_ extents: [Int], _ plugin: String, _ format: String) throws -> DecodedFile {
        try PluginTests.signal(
            extents: extents, channels: [.gray], family: .unsigned, bits: 16, seed: 7,
            kind: plugin == "image" ? "image" : "array")
    }

    @Test(arguments: [("image", "png"), ("image", "pnm"), ("array", "npy")])
    func costOfOneCall(plugin: String, format: String) throws {
        let signal = try file([16, 16], plugin, format)
        let bytes = try PluginTests.encode(signal, plugin: plugin, options: ["format": format])
        let source = TemporaryFile(bytes)
        let name = "a." + format
        for registry in [Self.inside, Self.apart] {
            for _ in 0..<50 { try decode(registry, source, name) }
        }
        let inside = try median(2000) { try decode(Self.inside, source, name) }
        let apart = try median(2000) { try decode(Self.apart, source, name) }
        let insideOut = try median(1000) { try encode(Self.inside, signal, plugin, format) }
        let apartOut = try median(1000) { try encode(Self.apart, signal, plugin, format) }
        print("\(format) 16 x 16, us: decode in process \(inside), in a worker \(apart);")
        print("  encode in process \(insideOut), in a worker \(apartOut)")
        #expect(apart - inside < 60 && apartOut - insideOut < 60)
    }

    /// Medians of pairs, one run here and one in a worker after it, so that a machine that slows
    /// down in between does not count.
    private func pairs(
        _ rounds: Int, _ body: (PluginRegistry) throws -> Void
    ) rethrows -> (inside: Double, apart: Double, ratio: Double) {
        var times: [(inside: Double, apart: Double)] = []
        for registry in [Self.inside, Self.apart] { try body(registry) }
        for _ in 0..<rounds {
            let inside = try ContinuousClock().measure { try body(Self.inside) }
            let apart = try ContinuousClock().measure { try body(Self.apart) }
            times.append((inside / .microseconds(1), apart / .microseconds(1)))
        }
        func median(_ value: ((inside: Double, apart: Double)) -> Double) -> Double {
            times.map(value).sorted()[rounds / 2]
        }
        return (median { $0.inside }, median { $0.apart }, median { $0.inside / $0.apart })
    }

    @Test(arguments: [
        ("array", "npy", 256, 41), ("image", "pnm", 64, 21), ("image", "tiff", 16, 7),
        ("image", "png", 16, 7), ("audio", "wav", 64, 21), ("audio", "flac", 16, 7),
    ])
    func throughputOfLargeFiles(plugin: String, format: String, mebibytes: Int, rounds: Int) throws
    {
        let signal = try large(plugin, mebibytes)
        let bytes = try PluginTests.encode(signal, plugin: plugin, options: ["format": format])
        let source = TemporaryFile(bytes)
        let megabytes = Double(signal.samples.count)
        for (doing, times) in [
            ("decode", try pairs(rounds) { try decode($0, source, "a." + format) }),
            ("encode", try pairs(rounds / 3) { try encode($0, signal, plugin, format) }),
        ] {
            let rates = [times.inside, times.apart].map { Int(megabytes / $0) }
            print(
                "\(format), \(mebibytes) MiB, \(doing): in the process \(rates[0]) MB/s, in a worker"
                    + " \(rates[1]) MB/s, \(Int((times.ratio * 100).rounded())) %")
            #expect(times.ratio > 0.5)
        }
    }

    private func large(_ plugin: String, _ mebibytes: Int) throws -> DecodedFile {
        guard plugin == "audio" else { return try file([mebibytes * 64, 8192], plugin, "") }
        let type = try SampleType(family: .signed, bits: 16)
        let description = try SignalDescription(
            axes: [Axis(extent: mebibytes << 18, kind: .time, spacing: 1.0 / 48_000, unit: "s")],
            channels: [.left, .right], sampleType: type)
        let samples = PluginTests.samples(description.sampleCount, type, seed: 7)
        return DecodedFile(
            description: description, metadata: [], samples: samples, kind: "audio", mediaType: "",
            exactness: .samples)
    }
}
