// What always holds here:
// - Limits only ever shrink: a manifest may ask for less than the host allows, never for more.

import CGAMPlugin
import GAMCore

/// What one adapter handle may use.
public struct PluginLimits: Hashable, Sendable {
    /// Points times channels of one signal.
    public var samplesMax: UInt64
    /// Points (pixels, frames, voxels) of one signal.
    public var pointsMax: UInt64
    public var channelsMax: UInt64
    /// Bytes of all metadata blobs of one signal.
    public var metadataBytesMax: UInt64
    /// Bytes of working memory of one handle.
    public var memoryBytesMax: UInt64
    /// Bytes of a file being written.
    public var outputBytesMax: UInt64
    /// Seconds until the next answer: the shape, the next mebibyte, the finished file. Only
    /// workers can be held to it; in this process an adapter may take any time.
    public var secondsMax: UInt64

    /// Defaults: any signal that can be described, 16 MiB of metadata, 512 MiB of memory, files
    /// of 16 GiB, 30 seconds.
    public init(
        samplesMax: UInt64 = UInt64(Limits.samplesMax),
        pointsMax: UInt64 = UInt64(Limits.samplesMax),
        channelsMax: UInt64 = UInt64(Limits.channelsMax),
        metadataBytesMax: UInt64 = 16 << 20,
        memoryBytesMax: UInt64 = 512 << 20,
        outputBytesMax: UInt64 = 16 << 30,
        secondsMax: UInt64 = 30
    ) {
        self.samplesMax = samplesMax
        self.pointsMax = pointsMax
        self.channelsMax = channelsMax
        self.metadataBytesMax = metadataBytesMax
        self.memoryBytesMax = memoryBytesMax
        self.outputBytesMax = outputBytesMax
        self.secondsMax = secondsMax
    }

    /// No limit at all: where a manifest names none.
    package static let unlimited = PluginLimits(
        wireForm: [UInt64](repeating: .max, count: fieldCount))

    static let fieldCount = 7

    var wireForm: [UInt64] {
        [
            samplesMax, pointsMax, channelsMax, metadataBytesMax, memoryBytesMax, outputBytesMax,
            secondsMax,
        ]
    }

    /// - Parameter values: `fieldCount` of them.
    init(wireForm values: [UInt64]) {
        self.init(
            samplesMax: values[0], pointsMax: values[1], channelsMax: values[2],
            metadataBytesMax: values[3], memoryBytesMax: values[4], outputBytesMax: values[5],
            secondsMax: values[6])
    }

    /// For code that nobody can stop.
    var withoutTime: PluginLimits {
        var limits = self
        limits.secondsMax = .max
        return limits
    }

    /// The smaller of both in every field.
    func bounded(by other: PluginLimits) -> PluginLimits {
        PluginLimits(wireForm: zip(wireForm, other.wireForm).map { min($0, $1) })
    }

    /// Checks the shape of a signal, before memory is taken for its samples.
    func check(
        _ signal: SignalDescription, plugin: String, file: String
    ) throws(PluginError) {
        let rowBytes = UInt64(gam_description.rows(of: signal).bytes)
        let sizes: [(String, UInt64, UInt64)] = [
            ("samples", UInt64(signal.sampleCount), samplesMax),
            ("points", UInt64(signal.pointCount), pointsMax),
            ("channels", UInt64(signal.channels.count), channelsMax),
            ("bytes in one row", rowBytes, memoryBytesMax),
        ]
        for (what, value, limit) in sizes where value > limit {
            throw .limit(
                plugin: plugin, file: file,
                reason: "it has \(value) \(what) and the limit is \(limit)")
        }
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
