// How errors, limits and metadata travel in packets and slots.
// What always holds: metadata from a worker are bounded in number, key length and bytes before
// they are copied.

import CGAMPlugin

extension PacketWriter {
    package mutating func error(_ error: PluginError) {
        let (code, file, reason) = error.wireForm
        number(code)
        text(file, limit: 1024)
        text(reason, limit: 4096)
    }

    package mutating func limits(_ limits: PluginLimits) {
        for value in limits.wireForm { number(value) }
    }
}

extension PacketReader {
    /// The error of a worker that runs plugin `plugin`.
    package mutating func error(plugin: String) throws(MalformedPacket) -> PluginError {
        let code = try number(UInt8.self)
        let file = try text()
        let reason = try text()
        guard let error = PluginError(code, plugin: plugin, file: file, reason: reason) else {
            throw MalformedPacket()
        }
        return error
    }

    package mutating func limits() throws(MalformedPacket) -> PluginLimits {
        var values: [UInt64] = []
        for _ in 0..<PluginLimits.fieldCount { values.append(try number()) }
        return PluginLimits(wireForm: values)
    }
}

extension PluginError {
    /// What an adapter can say; everything else is said by the host itself.
    fileprivate var wireForm: (UInt8, String, String) {
        switch self {
        case .badInput(_, let file, let reason): (1, file, reason)
        case .unsupported(_, let file, let reason): (2, file, reason)
        case .limit(_, let file, let reason): (3, file, reason)
        case .usage(_, let reason): (4, "", reason)
        case .inputOutput(_, let file, let reason): (5, file, reason)
        case .outOfMemory(_, let reason): (6, "", reason)
        case .fault(_, let reason): (7, "", reason)
        case .incompatible(_, let reason): (8, "", reason)
        case .noAdapter, .unknownPlugin, .manifest: (7, "", "\(self)")
        }
    }

    fileprivate init?(_ code: UInt8, plugin: String, file: String, reason: String) {
        switch code {
        case 1: self = .badInput(plugin: plugin, file: file, reason: reason)
        case 2: self = .unsupported(plugin: plugin, file: file, reason: reason)
        case 3: self = .limit(plugin: plugin, file: file, reason: reason)
        case 4: self = .usage(plugin: plugin, reason: reason)
        case 5: self = .inputOutput(plugin: plugin, file: file, reason: reason)
        case 6: self = .outOfMemory(plugin: plugin, reason: reason)
        case 7: self = .fault(plugin: plugin, reason: reason)
        case 8: self = .incompatible(plugin: plugin, reason: reason)
        default: return nil
        }
    }
}

/// Metadata as bytes: count, then key and value of each with their lengths.
package enum MetadataStream {
    /// Blobs of one signal; a chunk of a file each.
    package static let blobsMax = 65_536
    package static let keyBytesMax = 128

    package static func bytes(of metadata: [PluginMetadata]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(metadata.reduce(4) { $0 + 12 + $1.key.utf8.count + $1.bytes.count })
        append(UInt32(metadata.count), to: &bytes)
        for blob in metadata {
            append(UInt32(blob.key.utf8.count), to: &bytes)
            append(UInt64(blob.bytes.count), to: &bytes)
            bytes.append(contentsOf: blob.key.utf8)
            bytes.append(contentsOf: blob.bytes)
        }
        return bytes
    }

    /// The most bytes a stream of metadata within `limits` can have.
    static func bytesMax(_ limits: PluginLimits) -> UInt64 {
        let overhead = UInt64(4 + blobsMax * (12 + keyBytesMax))
        let (sum, overflow) = limits.metadataBytesMax.addingReportingOverflow(overhead)
        return overflow ? .max : sum
    }

    /// Nil when `bytes` are not a stream of metadata within `limits`.
    package static func metadata(_ bytes: [UInt8], _ limits: PluginLimits) -> [PluginMetadata]? {
        var at = 0
        func number<Value: FixedWidthInteger>(_ type: Value.Type) -> Int? {
            guard bytes.count - at >= MemoryLayout<Value>.size else { return nil }
            let value = bytes.withUnsafeBytes {
                Value(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: type))
            }
            at += MemoryLayout<Value>.size
            return Int(exactly: value)
        }
        guard let count = number(UInt32.self), count <= blobsMax else { return nil }
        var metadata: [PluginMetadata] = []
        var keys: Set<String> = []
        var total: UInt64 = 0
        for _ in 0..<count {
            guard let keyBytes = number(UInt32.self), let valueBytes = number(UInt64.self),
                (1...keyBytesMax).contains(keyBytes), keyBytes <= bytes.count - at,
                valueBytes <= bytes.count - at - keyBytes
            else { return nil }
            let key = String(decoding: bytes[at..<at + keyBytes], as: UTF8.self)
            at += keyBytes
            let value = Array(bytes[at..<at + valueBytes])
            at += valueBytes
            total += UInt64(valueBytes)
            guard keys.insert(key).inserted, total <= limits.metadataBytesMax else { return nil }
            metadata.append(PluginMetadata(key: key, bytes: value))
        }
        return at == bytes.count ? metadata : nil
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
