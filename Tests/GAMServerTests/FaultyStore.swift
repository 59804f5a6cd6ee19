// A store whose writes and reads can be made to fail, on top of a real one in memory.

import GAMStore
import Synchronization

final class FaultyStore: ShardStore {
    enum Publish: Sendable {
        case applied, dropped
    }

    struct Faults: Sendable {
        /// Blob writes that still succeed; nil: all.
        var putsLeft: Int?
        /// Reads of blobs of this kind byte are damaged.
        var damagedKind: UInt8?
        /// Reads of blobs of this kind byte are refused as corrupt.
        var corruptKind: UInt8?
        /// The next commit is applied, but its outcome is reported as unknown this many times.
        var unknownOutcomes = 0
        /// The next commit of a signal is applied (or not), nobody learns of it, and from then on
        /// nothing is told.
        var lostPublish: Publish?
        /// Recoveries are refused, and outcomes are not told.
        var isUntellable = false
    }

    let inner = MemoryStore()
    private let faults = Mutex(Faults())

    func set(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }

    func putBlob(_ id: BlobID, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let isAllowed = faults.withLock { faults in
            guard let left = faults.putsLeft else { return true }
            faults.putsLeft = max(0, left - 1)
            return left > 0
        }
        guard isAllowed else { throw .noSpace(detail: "injected") }
        try inner.putBlob(id, bytes)
    }

    func withBlob<Result>(
        _ id: BlobID, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let faults = faults.withLock { $0 }
        let kind = id.bytes.count == 17 ? id.bytes[12] : 0
        if kind == faults.corruptKind { throw StoreError.corruption(detail: "injected") }
        guard kind == faults.damagedKind else { return try inner.withBlob(id, body) }
        var bytes = try inner.blob(id)
        bytes[bytes.count / 2] ^= 0x10
        return try bytes.withUnsafeBytes(body)
    }

    func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        if let lost = lostPublish(transaction) {
            if lost == .applied { _ = try inner.commit(transaction) }
            throw .unknownOutcome(transaction.id)
        }
        if faults.withLock({ $0.isUntellable }) { throw .noSpace(detail: "injected") }
        let receipt = try inner.commit(transaction)
        let isUnknown = faults.withLock { faults in
            faults.unknownOutcomes -= 1
            return faults.unknownOutcomes >= 0
        }
        if isUnknown { throw .unknownOutcome(transaction.id) }
        return receipt
    }

    private func lostPublish(_ transaction: Transaction) -> Publish? {
        let isPublish = transaction.operations.contains { operation in
            guard case .put(let key, _) = operation else { return false }
            return key.first == UInt8(ascii: "k")
        }
        guard isPublish else { return nil }
        return faults.withLock { faults in
            defer {
                if faults.lostPublish != nil { faults.isUntellable = true }
                faults.lostPublish = nil
            }
            return faults.lostPublish
        }
    }

    func blobByteCount(_ id: BlobID) throws(StoreError) -> Int? { try inner.blobByteCount(id) }
    func deleteBlobs(_ ids: [BlobID]) throws(StoreError) { try inner.deleteBlobs(ids) }
    func blobIDs(prefix: [UInt8], after: BlobID?, limit: Int) throws(StoreError) -> [BlobID] {
        try inner.blobIDs(prefix: prefix, after: after, limit: limit)
    }
    func value(_ partition: PartitionName, _ key: [UInt8]) throws(StoreError) -> VersionedValue? {
        try inner.value(partition, key)
    }
    func scan(
        _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?, limit: Int
    ) throws(StoreError) -> ScanPage {
        try inner.scan(partition, prefix: prefix, after: after, limit: limit)
    }
    func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        try inner.generation(partition)
    }
    func outcome(of id: TransactionID) throws(StoreError) -> TransactionOutcome {
        if faults.withLock({ $0.isUntellable }) { throw .unknownOutcome(id) }
        return try inner.outcome(of: id)
    }
    func size() throws(StoreError) -> StoreSize { try inner.size() }
    func settleDeletions() throws(StoreError) { try inner.settleDeletions() }
    func reclaimSpace() throws(StoreError) { try inner.reclaimSpace() }
    func verify() throws(StoreError) { try inner.verify() }
    func recover() throws(StoreError) {
        if faults.withLock({ $0.isUntellable }) { throw .noSpace(detail: "injected") }
        try inner.recover()
    }
    /// The memory outlives the server that used it: a restart finds what was there.
    func close() throws(StoreError) {}

    /// Blobs in the store.
    var blobCount: Int {
        get throws { try inner.blobIDs(prefix: [], after: nil, limit: 10_000).count }
    }

    /// Keys of the catalog partition that start with `prefix`.
    func keyCount(_ prefix: String) throws -> Int {
        try inner.scan(
            PartitionName("signals"), prefix: Array(prefix.utf8), after: nil, limit: 10_000
        ).entries.count
    }
}
