// Prints what a worker costs beside the same adapter in this process; docs/plugins.md quotes it.
// Set GAM_BENCHMARK=1 to run it.

import GAMCore
import GAMPluginHost
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

    @Test(arguments: [("image", "png"), ("image", "pnm"), ("array", "npy")])
    func throughputOfLargeFiles(plugin: String, format: String) throws {
        let signal = try file([4096, 8192], plugin, format)
        let bytes = try PluginTests.encode(signal, plugin: plugin, options: ["format": format])
        let source = TemporaryFile(bytes)
        let name = "a." + format
        let megabytes = Double(signal.samples.count) / 1e6
        let rounds = format == "png" ? 3 : 9
        let inside = try median(rounds) { try decode(Self.inside, source, name) }
        let apart = try median(rounds) { try decode(Self.apart, source, name) }
        let insideOut = try median(rounds) { try encode(Self.inside, signal, plugin, format) }
        let apartOut = try median(rounds) { try encode(Self.apart, signal, plugin, format) }
        func rate(_ microseconds: Double) -> Int { Int(megabytes / microseconds * 1e6) }
        print("\(format) 64 MiB, MB/s: decode in process \(rate(inside)), worker \(rate(apart));")
        print("  encode in process \(rate(insideOut)), worker \(rate(apartOut))")
        #expect(apart * 0.9 < inside && apartOut * 0.9 < insideOut)
    }
}
