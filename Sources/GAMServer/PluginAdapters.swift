// The adapters of the plugin host, as the daemon uses them.
// What always holds: an adapter is loaded when it is first needed, not before.

import GAMCore
import GAMPluginHost

public struct PluginAdapters: SignalAdapters {
    private static let bufferBytes = 1 << 20
    private let registry: PluginRegistry
    private let memoryBytesMax: Int

    public init(registry: PluginRegistry, memoryBytesMax: Int) {
        self.registry = registry
        self.memoryBytesMax = memoryBytesMax
    }

    public func decode(
        _ input: DecodeInput,
        begin: (SignalDescription) throws -> Void,
        rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> DecodedSignal {
        let adapter = try adapter(for: input)
        let limits = PluginLimits(
            samplesMax: UInt64(min(input.samplesBytesMax, Limits.samplesMax)),
            metadataBytesMax: UInt64(input.metadataBytesMax),
            memoryBytesMax: UInt64(memoryBytesMax))
        let session = try adapter.decode(
            descriptor: input.descriptor, fileName: input.fileName, options: input.options,
            limits: limits)
        try begin(session.description)
        try forwardRows(session, rows)
        return DecodedSignal(
            adapter: adapter.id, adapterVersion: adapter.manifest.version, kind: session.kind,
            exactness: session.exactness.name, mediaType: session.mediaType,
            metadata: session.metadata.map { ($0.key, $0.bytes) })
    }

    private func adapter(for input: DecodeInput) throws(PluginError) -> Adapter {
        if let id = input.adapter { return try registry.adapter(id: id) }
        return try registry.detect(descriptor: input.descriptor, fileName: input.fileName)
    }

    private func forwardRows(
        _ session: DecodeSession, _ rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.bufferBytes, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try session.read(into: buffer)
            if count == 0 { return }
            try rows(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    public func encode(
        _ input: EncodeInput, output: Int32,
        samples: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        guard registry.entries.contains(where: { $0.manifest.id == input.adapter }) else {
            throw AdapterError.missing(
                "adapter \(input.adapter), which wrote this signal, is not installed;"
                    + " install it or read the signal with --format npy")
        }
        let adapter = try registry.adapter(id: input.adapter)
        let limits = PluginLimits(memoryBytesMax: UInt64(memoryBytesMax))
        let session = try adapter.encode(
            description: input.description,
            metadata: input.metadata.map { PluginMetadata(key: $0.key, bytes: $0.value) },
            descriptor: output, fileName: input.fileName, limits: limits)
        try samples { try session.write($0) }
        try session.finish()
    }

    public func list() -> [AdapterSummary] {
        let usable = registry.entries.map { entry in
            let manifest = entry.manifest
            return AdapterSummary(
                id: manifest.id, version: manifest.version, abi: manifest.abi,
                path: entry.libraryPath ?? manifest.path, types: manifest.types.map(\.name),
                mediaTypes: manifest.mediaTypes, suffixes: manifest.suffixes,
                exactness: Self.exactness(manifest), state: entry.state)
        }
        let broken = registry.problems.map { problem in
            AdapterSummary(
                id: "", version: "", abi: "", path: "", types: [], mediaTypes: [], suffixes: [],
                exactness: "", state: "\(problem)")
        }
        return usable + broken
    }

    /// "file", "samples", or both where the types of a plugin differ.
    private static func exactness(_ manifest: PluginManifest) -> String {
        Set(manifest.types.map(\.exactness.name)).sorted().joined(separator: ", ")
    }
}
