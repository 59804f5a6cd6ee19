// What always holds here:
// - Limits only ever shrink: a manifest may ask for less than the host allows, never for more.

import GAMCore

/// What one adapter handle may use.
public struct PluginLimits: Hashable, Sendable {
    /// Points times channels of one signal.
    public var samplesMax: UInt64
    /// Bytes of all metadata blobs of one signal.
    public var metadataBytesMax: UInt64
    /// Bytes of working memory of one handle.
    public var memoryBytesMax: UInt64

    /// Defaults: any signal that can be described, 16 MiB of metadata, 512 MiB of memory.
    public init(
        samplesMax: UInt64 = UInt64(Limits.samplesMax),
        metadataBytesMax: UInt64 = 16 << 20,
        memoryBytesMax: UInt64 = 512 << 20
    ) {
        self.samplesMax = samplesMax
        self.metadataBytesMax = metadataBytesMax
        self.memoryBytesMax = memoryBytesMax
    }

    /// The smaller of both in every field.
    func bounded(by other: PluginLimits) -> PluginLimits {
        PluginLimits(
            samplesMax: min(samplesMax, other.samplesMax),
            metadataBytesMax: min(metadataBytesMax, other.metadataBytesMax),
            memoryBytesMax: min(memoryBytesMax, other.memoryBytesMax))
    }
}

/// One metadata blob of a signal; must come back when the signal is encoded.
public struct PluginMetadata: Hashable, Sendable {
    public let key: String
    public let bytes: [UInt8]

    public init(key: String, bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }
}

/// One option that an adapter understands.
public struct PluginParameter: Hashable, Sendable {
    public let name: String
    public let defaultValue: String
    public let help: String
}

/// What comes back from an adapter.
public enum Exactness: UInt32, Sendable {
    /// All samples and the declared metadata.
    case samples = 0
    /// The very bytes of the file.
    case file = 1

    /// "samples" or "file".
    public var name: String { self == .file ? "file" : "samples" }
}

/// The sequence an adapter suggests for recalling a shard.
public enum OrderHint: UInt32, Sendable {
    case automatic = 0
    case wavefront = 1
    case causal = 2
}
