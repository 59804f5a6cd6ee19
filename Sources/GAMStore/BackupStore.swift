// A backup as a store that can only be read.
// What always holds: nothing that lies in a backup is changed through it.

public final class BackupStore: ShardStore {
    private let handle: RocksDBHandle

    init(_ handle: RocksDBHandle) { self.handle = handle }

    private static let refusal = StoreError.io(
        operation: "writing to a backup", detail: "it can only be read; restore it first")

    /// The id of the store the backup was made of.
    func storeID() throws(StoreError) -> [UInt8] {
        guard let bytes = try handle.value(.metadata, StoreLayout.formatKey) else {
            throw .corruption(detail: "the backup has no format record")
        }
        return try StoreLayout.takeFormat(bytes).storeID
    }

    public func withBlob<Result>(
        _ id: BlobID, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let result = try handle.withValue(.blobs, id.bytes, body) else {
            throw StoreError.notFound(what: "\(id)")
        }
        return result
    }

    public func blobByteCount(_ id: BlobID) throws(StoreError) -> Int? {
        guard let bytes = try handle.value(.metadata, StoreLayout.blobIndexKey(id)) else {
            return nil
        }
        return try StoreLayout.takeBlobByteCount(bytes)
    }

    public func blobIDs(
        prefix: [UInt8], after: BlobID?, limit: Int
    ) throws(StoreError) -> [BlobID] {
        try RocksDBReading.blobIDs(handle, prefix: prefix, after: after, limit: limit)
    }

    public func value(
        _ partition: PartitionName, _ key: [UInt8]
    ) throws(StoreError) -> VersionedValue? {
        try RocksDBReading.value(handle, partition, key)
    }

    public func scan(
        _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?, limit: Int
    ) throws(StoreError) -> ScanPage {
        try RocksDBReading.scan(handle, partition, prefix: prefix, after: after, limit: limit)
    }

    public func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        try RocksDBState(handle: handle).generation(partition)
    }

    public func outcome(of id: TransactionID) throws(StoreError) -> TransactionOutcome {
        try RocksDBState(handle: handle).receipt(id).map { .committed($0) } ?? .notRecorded
    }

    public func verify() throws(StoreError) { try handle.verify() }
    public func close() throws(StoreError) { try handle.close() }

    public func size() throws(StoreError) -> StoreSize {
        StoreSize(bytes: 0, deadBytes: 0, uncountedBytes: 0)
    }
    public func putBlob(_ id: BlobID, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        throw Self.refusal
    }
    public func deleteBlobs(_ ids: [BlobID]) throws(StoreError) { throw Self.refusal }
    public func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        throw Self.refusal
    }
    public func reclaimSpace() throws(StoreError) { throw Self.refusal }
    public func settleDeletions() throws(StoreError) { throw Self.refusal }
    public func recover() throws(StoreError) { throw Self.refusal }
}
