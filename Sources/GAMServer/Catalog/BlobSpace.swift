// Names of blobs: a space of 12 random bytes per write, then what the blob is, then its number.
//
//   0  12  space, random: never used by two writes
//  12   1  kind: 1 network, 2 overview, 3 shard, 16 metadata, 17 manifest
//  13   4  index, big endian, so that ids sort in order
//
// What always holds: a space belongs to one write of one signal and is deleted as a whole.

import GAMCodec
import GAMProtocol
import GAMStore
import Synchronization

package struct BlobSpace: Hashable, Sendable {
    package static let byteCount = 12
    /// Bytes of a blob id: the store keeps them too, so they count as stored bytes.
    package static let idBytes = byteCount + 5
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

    package func blob(_ id: RecordID) throws -> BlobID {
        switch id {
        case .network: try blob(Kind.network, 0)
        case .overview(let index): try blob(Kind.overview, index)
        case .shard(let index): try blob(Kind.shard, index)
        }
    }
}

/// Writes a codec's records as blobs of one space, and sums up their hashes.
package struct StoreRecordSink: RecordSink {
    package let store: any ShardStore
    package let space: BlobSpace
    package let sum = RecordSum()

    package init(store: any ShardStore, space: BlobSpace) {
        self.store = store
        self.space = space
    }

    package func put(_ id: RecordID, _ bytes: [UInt8]) throws {
        let blob = try space.blob(id)
        try store.putBlob(blob, bytes)
        sum.add(blob, bytes)
    }
}

/// The sum of the hashes of all records of a write, whatever their order. Recall notices most
/// damage by the hash of the samples; this notices every bit, at the price of reading.
package final class RecordSum: Sendable {
    private let total = Mutex(BodyHash(low: 0, high: 0))

    package init() {}

    package var value: BodyHash { total.withLock { $0 } }

    /// Kind and number count, the random space does not: a refit may move records unchanged.
    package func add(_ id: BlobID, _ bytes: [UInt8]) {
        var hasher = BodyHasher()
        id.bytes.dropFirst(BlobSpace.byteCount).withUnsafeBytes { hasher.update($0) }
        bytes.withUnsafeBytes { hasher.update($0) }
        let hash = hasher.value()
        total.withLock {
            $0 = BodyHash(low: $0.low &+ hash.low, high: $0.high &+ hash.high)
        }
    }
}

extension CatalogRecord {
    mutating func setSum(_ sum: RecordSum) {
        recordHashLow = sum.value.low
        recordHashHigh = sum.value.high
    }
}

/// Lends a codec the records of one space; damage and absence come as its own typed errors.
package struct StoreRecordSource: RecordSource {
    package let store: any ShardStore
    package let space: BlobSpace

    package func bytes(of id: RecordID) throws -> [UInt8] {
        do {
            return try store.blob(space.blob(id))
        } catch StoreError.notFound {
            throw CodecError.missingRecord(Self.name(of: id))
        } catch StoreError.corruption(let detail) {
            switch id {
            case .shard(let index), .overview(let index):
                throw CodecError.integrity(shard: index, reason: detail)
            case .network:
                throw CodecError.malformed("the network of the signal is damaged: \(detail)")
            }
        }
    }

    private static func name(of id: RecordID) -> String {
        switch id {
        case .network: "the network of the signal"
        case .overview(let index): "the overview of shard \(index)"
        case .shard(let index): "shard \(index)"
        }
    }
}
