// The store without a disk: the same limits, decisions and errors as RocksDBStore, for tests and
// tools. What always holds: one lock guards all state, and no caller's code runs under it.

import Synchronization

public final class MemoryStore: ShardStore {
    private let state: Mutex<MemoryState>

    public init(outcomesRemembered: Int = StoreLimits.outcomesRemembered) {
        precondition(outcomesRemembered >= 1, "at least one outcome is remembered")
        state = Mutex(MemoryState(outcomesRemembered: outcomesRemembered))
    }

    /// Runs `body` on the open state; throws `closed` after `close`.
    private func open<Result>(
        _ body: (inout MemoryState) throws(StoreError) -> sending Result
    ) throws(StoreError) -> Result {
        try state.withLock { (state) throws(StoreError) in
            guard !state.isClosed else { throw .closed }
            return try body(&state)
        }
    }

    public func putBlob(_ id: BlobID, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try checkLimit(bytes.count, 0...StoreLimits.blobBytesMax, "bytes of \(id)")
        let copy = [UInt8](bytes)
        try open { (state) throws(StoreError) in state.blobs[id.bytes] = copy }
    }

    public func withBlob<Result>(
        _ id: BlobID, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let found = try open { (state) throws(StoreError) in state.blobs[id.bytes] }
        guard let found else { throw StoreError.notFound(what: "\(id)") }
        return try found.withUnsafeBytes(body)
    }

    public func blobByteCount(_ id: BlobID) throws(StoreError) -> Int? {
        try open { (state) throws(StoreError) in state.blobs[id.bytes]?.count }
    }

    public func deleteBlobs(_ ids: [BlobID]) throws(StoreError) {
        try checkLimit(ids.count, 0...StoreLimits.blobIDsPerDeleteMax, "ids of one deletion")
        try open { (state) throws(StoreError) in
            for id in ids { state.blobs[id.bytes] = nil }
        }
    }

    public func blobIDs(
        prefix: [UInt8], after: BlobID?, limit: Int
    ) throws(StoreError) -> [BlobID] {
        try open { (state) throws(StoreError) in
            var ids: [BlobID] = []
            for key in state.blobs.keys(prefix: prefix, after: after?.bytes) {
                guard ids.count < min(limit, StoreLimits.scanEntriesMax) else { break }
                ids.append(try BlobID(key))
            }
            return ids
        }
    }

    public func value(
        _ partition: PartitionName, _ key: [UInt8]
    ) throws(StoreError) -> VersionedValue? {
        try checkKey(key)
        return try open { (state) throws(StoreError) in state.partitions[partition]?.entries[key] }
    }

    public func scan(
        _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?, limit: Int
    ) throws(StoreError) -> ScanPage {
        try open { (state) throws(StoreError) in
            var builder = ScanPageBuilder(limit: limit)
            guard let entries = state.partitions[partition]?.entries else { return builder.page }
            for key in entries.keys(prefix: prefix, after: after) {
                guard let value = entries[key], builder.add(key, value) else { break }
            }
            return builder.page
        }
    }

    public func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        try open { (state) throws(StoreError) in try state.generation(partition) }
    }

    public func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        try open { (state) throws(StoreError) in try state.commit(transaction) }
    }

    public func outcome(of id: TransactionID) throws(StoreError) -> TransactionOutcome {
        try open { (state) throws(StoreError) in
            try state.receipt(id).map(TransactionOutcome.committed) ?? .notRecorded
        }
    }

    public func size() throws(StoreError) -> StoreSize {
        try open { (state) throws(StoreError) in
            StoreSize(bytes: state.byteCount, deadBytes: 0, uncountedBytes: 0)
        }
    }

    public func settleDeletions() throws(StoreError) {
        try open { (_) throws(StoreError) in }
    }

    public func reclaimSpace() throws(StoreError) {
        try open { (_) throws(StoreError) in }
    }

    public func verify() throws(StoreError) {
        try open { (_) throws(StoreError) in }
    }

    public func recover() throws(StoreError) {
        try open { (_) throws(StoreError) in }
    }

    public func close() throws(StoreError) {
        state.withLock { state in
            state = MemoryState(outcomesRemembered: 1)
            state.isClosed = true
        }
    }
}

private struct MemoryState: CommittedState {
    struct Partition {
        var entries = OrderedBytes<VersionedValue>()
        var generation: UInt64 = 0
    }

    var blobs = OrderedBytes<[UInt8]>()
    var partitions: [PartitionName: Partition] = [:]
    var sequence: UInt64 = 0
    var receipts: [TransactionID: CommitReceipt] = [:]
    /// Ids by sequence number modulo the number of outcomes remembered.
    var recorded: [UInt64: TransactionID] = [:]
    let outcomesRemembered: Int
    var isClosed = false

    init(outcomesRemembered: Int) {
        self.outcomesRemembered = outcomesRemembered
    }

    func version(_ partition: PartitionName, _ key: [UInt8]) throws(StoreError) -> UInt64? {
        partitions[partition]?.entries[key]?.version
    }

    func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        partitions[partition]?.generation ?? 0
    }

    func receipt(_ id: TransactionID) throws(StoreError) -> CommitReceipt? {
        receipts[id]
    }

    mutating func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        var planner = CommitPlanner(lastSequence: sequence)
        switch try planner.decide(transaction, self) {
        case .repeated(let receipt):
            return receipt
        case .apply(let receipt):
            apply(transaction, receipt)
            return receipt
        }
    }

    private mutating func apply(_ transaction: Transaction, _ receipt: CommitReceipt) {
        var partition = partitions.removeValue(forKey: transaction.partition) ?? Partition()
        for operation in transaction.operations {
            switch operation {
            case .put(let key, let value):
                partition.entries[key] = VersionedValue(bytes: value, version: receipt.sequence)
            case .delete(let key):
                partition.entries[key] = nil
            }
        }
        partition.generation = receipt.generation
        partitions[transaction.partition] = partition
        sequence = receipt.sequence
        let slot = sequence % UInt64(outcomesRemembered)
        if let old = recorded.updateValue(transaction.id, forKey: slot) { receipts[old] = nil }
        receipts[transaction.id] = receipt
    }

    var byteCount: UInt64 {
        var total = blobs.reduce { $0.count + $1.count }
        for partition in partitions.values {
            total += partition.entries.reduce { $0.count + $1.bytes.count }
        }
        return UInt64(total)
    }
}
