// Names of blobs: a space of 12 random bytes per write, then what the blob is, then its number.
//
//   0  12  space, random: never used by two writes
//  12   1  kind: 1 network, 2 overview, 3 shard, 4 bounds, 16 metadata, 17 manifest
//  13   4  index, big endian, so that ids sort in order
//
// What always holds:
// - A space belongs to one write of one signal and is deleted as a whole.
// - Every blob ends in a seal over its id and its bytes (Seal.swift).

import GAMCodec
import GAMStore

package struct BlobSpace: Hashable, Sendable {
    package static let byteCount = 12
    /// Bytes of a blob id and of a seal: the store keeps them too, so they count as stored bytes.
    package static let overheadBytes = byteCount + 5 + Seal.byteCount
    package let bytes: [UInt8]

    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    private init(random generator: inout SystemRandomNumberGenerator) {
        bytes = (0..<Self.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    package static func random() -> BlobSpace {
        var generator = SystemRandomNumberGenerator()
        return BlobSpace(random: &generator)
    }

    package enum Kind: UInt8 {
        case network = 1
        case overview = 2
        case shard = 3
        case bounds = 4
        case lower = 5
        case cells = 6
        case metadata = 16
        case manifest = 17
    }

    package func blob(_ kind: Kind, _ index: Int) throws -> BlobID {
        guard let number = UInt32(exactly: index) else {
            throw Failure(.tooLarge, "record number \(index) does not fit the store's ids")
        }
        let big = number.bigEndian
        return try BlobID(bytes + [kind.rawValue] + withUnsafeBytes(of: big) { Array($0) })
    }

    /// No blob of the space comes after this id.
    var lastBlob: BlobID {
        get throws { try BlobID(bytes + [UInt8](repeating: 0xFF, count: 5)) }
    }

    package func blob(_ id: RecordID) throws -> BlobID {
        switch id {
        case .network: try blob(Kind.network, 0)
        case .overview(let index): try blob(Kind.overview, index)
        case .shard(let index): try blob(Kind.shard, index)
        case .lower(let index): try blob(Kind.lower, index)
        case .cells(let index): try blob(Kind.cells, index)
        case .bounds(let index): try blob(Kind.bounds, index)
        }
    }
}

/// Writes a codec's records as blobs of one space.
package struct StoreRecordSink: RecordSink {
    package let store: any ShardStore
    package let space: BlobSpace

    package init(store: any ShardStore, space: BlobSpace) {
        self.store = store
        self.space = space
    }

    package func put(_ id: RecordID, _ bytes: [UInt8]) throws {
        let blob = try space.blob(id)
        try store.putBlob(blob, Seal.closed(bytes, for: blob.bytes))
    }
}

/// Lends a codec the records of one space; damage and absence come as its own typed errors.
package struct StoreRecordSource: RecordSource {
    package let store: any ShardStore
    package let space: BlobSpace

    package func bytes(of id: RecordID) throws -> [UInt8] {
        let blob = try space.blob(id)
        do {
            guard let bytes = try store.withBlob(blob, { Seal.opened($0, for: blob.bytes) }) else {
                throw Self.damaged(id, "its bytes are not those that were stored")
            }
            return bytes
        } catch StoreError.notFound {
            throw CodecError.missingRecord(Self.name(of: id))
        } catch StoreError.corruption(let detail) {
            throw Self.damaged(id, detail)
        }
    }

    private static func damaged(_ id: RecordID, _ detail: String) -> CodecError {
        switch id {
        case .shard(let index), .overview(let index), .lower(let index):
            .integrity(shard: index, reason: detail)
        case .network: .malformed("the network of the signal is damaged: \(detail)")
        case .bounds: .malformed("the bounds of the signal's shards are damaged: \(detail)")
        case .cells(let index):
            .malformed("the figures of shard \(index)'s cells are damaged: \(detail)")
        }
    }

    private static func name(of id: RecordID) -> String {
        switch id {
        case .network: "the network of the signal"
        case .overview(let index): "the overview of shard \(index)"
        case .shard(let index): "shard \(index)"
        case .cells(let index): "the figures of shard \(index)'s cells"
        case .lower(let index): "the lower bits of shard \(index)"
        case .bounds(let index): "record \(index) of the shards' bounds"
        }
    }
}
