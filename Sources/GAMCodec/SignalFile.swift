// A signal as one file: what `gamctl encode` writes and other machines read without a store.
//
// What always holds here: every section has its length in front; sections fill the file exactly;
// records carry their own hashes, the rest is covered by one.

import CXXHash
import GAMCore
import GAMFormat

/// What an adapter needs to give the original file back.
public struct FileOrigin: Equatable, Sendable {
    public var adapter = ""
    public var kind = "array"
    public var fileName = ""
    /// Keyed blobs of the adapter.
    public var metadata: [(key: String, bytes: [UInt8])] = []

    public init() {}

    public static func == (a: FileOrigin, b: FileOrigin) -> Bool {
        a.adapter == b.adapter && a.kind == b.kind && a.fileName == b.fileName
            && a.metadata.elementsEqual(b.metadata) { $0.key == $1.key && $0.bytes == $1.bytes }
    }
}

/// Manifest, origin and records of one signal (docs/format.md, "Signal file").
public struct SignalFile: RecordSource {
    public let manifest: SignalManifest
    public let origin: FileOrigin
    private let records: [RecordID: [UInt8]]

    private static let magic: [UInt8] = Array("GAMF".utf8)
    private static let sectionMax = 1 << 40

    public init(
        manifest: SignalManifest, origin: FileOrigin, records: [RecordID: [UInt8]]
    ) {
        self.manifest = manifest
        self.origin = origin
        self.records = records
    }

    public func bytes(of id: RecordID) throws -> [UInt8] {
        guard let bytes = records[id] else { throw CodecError.missingRecord("record \(id)") }
        return bytes
    }

    public func serialized() throws -> [UInt8] {
        var w = ByteWriter()
        w.raw(Self.magic)
        w.u8(1)
        let manifestBytes = manifest.serialized()
        w.count(manifestBytes.count)
        w.raw(manifestBytes)
        w.text(origin.adapter)
        w.text(origin.kind)
        w.text(origin.fileName)
        w.count(origin.metadata.count)
        for (key, bytes) in origin.metadata {
            w.text(key)
            w.count(bytes.count)
            w.raw(bytes)
        }
        for id in manifest.recordIDs { w.count(try bytes(of: id).count) }
        w.fixed(XXH3_64bits(w.bytes, w.bytes.count))
        for id in manifest.recordIDs { w.raw(try bytes(of: id)) }
        return w.bytes
    }

    public init(parsing bytes: [UInt8]) throws {
        do {
            try self.init(checked: bytes)
        } catch let error as FormatError {
            throw CodecError.malformed("the signal file: \(error)")
        }
    }

    private init(checked bytes: [UInt8]) throws {
        var r = ByteReader(bytes, what: "signal file")
        guard Array(try r.raw(4)) == Self.magic else { throw FormatError.malformed("signal file") }
        let version = try r.u8()
        guard version == 1 else { throw FormatError.version("signal file", found: Int(version)) }
        manifest = try SignalManifest(
            parsing: Array(try r.raw(try r.count(max: r.remaining))))
        var origin = FileOrigin()
        origin.adapter = try r.text(max: 256)
        origin.kind = try r.text(max: 256)
        origin.fileName = try r.text(max: 4096)
        for _ in 0..<(try r.count(max: 1 << 16)) {
            let key = try r.text(max: 4096)
            origin.metadata.append((key, Array(try r.raw(try r.count(max: r.remaining)))))
        }
        self.origin = origin
        // Every shard has a length and a header: a small file cannot announce a large grid.
        guard manifest.shardCount <= bytes.count / Record.headerBytes else {
            throw FormatError.malformed("signal file")
        }
        let ids = manifest.recordIDs
        var lengths: [Int] = []
        for _ in ids { lengths.append(try r.count(max: bytes.count)) }
        let covered = bytes.count - r.remaining
        guard try r.fixed(UInt64.self) == XXH3_64bits(bytes, covered) else {
            throw FormatError.checksum("signal file")
        }
        var records: [RecordID: [UInt8]] = [:]
        for (id, length) in zip(ids, lengths) { records[id] = Array(try r.raw(length)) }
        try r.end()
        self.records = records
    }
}
