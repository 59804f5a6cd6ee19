// The interface every backend of the store has: immutable blobs, and small ordered partitions
// that change by compare-and-commit. It is what RocksDB, Ceph RADOS and S3 can all do.
//
// What always holds:
// - A commit is atomic, and durable before `commit` returns; with it every blob put before the
//   call began is durable too.
// - A blob never changes: its id is written once and never reused.
// - No call hands out bytes that differ from the bytes stored: damage is `StoreError.corruption`.
// - All calls may come from many threads at once.

public protocol ShardStore: Sendable {
    /// Stores a blob of 0...8 MiB. Not durable on its own: the next commit makes it so.
    /// Ids are unique; writing one twice with other content is a fault of the caller, not checked.
    func putBlob(_ id: BlobID, _ bytes: UnsafeRawBufferPointer) throws(StoreError)

    /// Lends the bytes of a blob without copying them; throws `notFound` when there is none.
    /// The body may call the store, except `close`.
    func withBlob<Result>(
        _ id: BlobID, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result

    /// Size of a blob, nil when there is none. Reads no blob bytes.
    func blobByteCount(_ id: BlobID) throws(StoreError) -> Int?

    /// Deletes blobs; absent ones are skipped. Delete only what no committed value refers to.
    /// Like `putBlob`, durable with the next commit.
    func deleteBlobs(_ ids: [BlobID]) throws(StoreError)

    /// Ids that start with `prefix`, in byte order, from the first one after `after`, at most
    /// `limit` (capped at `StoreLimits.scanEntriesMax`). For scrubbing and orphan reclaim.
    func blobIDs(prefix: [UInt8], after: BlobID?, limit: Int) throws(StoreError) -> [BlobID]

    /// The value of a key with its version, nil when there is none.
    func value(_ partition: PartitionName, _ key: [UInt8]) throws(StoreError) -> VersionedValue?

    /// Entries whose keys start with `prefix`, in byte order, from the first one after `after`.
    /// A page ends at `limit` entries (capped at `scanEntriesMax`) or `scanBytesMax` bytes.
    /// One page is a consistent view; two pages are not one view together.
    func scan(
        _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?, limit: Int
    ) throws(StoreError) -> ScanPage

    /// Number of commits the partition has seen; 0 for one that was never written.
    func generation(_ partition: PartitionName) throws(StoreError) -> UInt64

    /// Applies a transaction and returns once it is durable. Throws `conflict` when a condition
    /// does not hold (nothing changed), `unknownOutcome` when the log could not be synced.
    /// Committing an id again that is on record returns its receipt and changes nothing.
    func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt

    /// Whether a transaction whose commit has returned or thrown is on record. Throws
    /// `unknownOutcome` as long as the log has not recovered from the error that made it unclear.
    func outcome(of id: TransactionID) throws(StoreError) -> TransactionOutcome

    /// Bytes the store takes, and those of them that hold nothing any more.
    func size() throws(StoreError) -> StoreSize

    /// Makes the database count what is deleted and drop files that hold nothing else. Rewrites no
    /// live blob, so it takes seconds where `reclaimSpace` takes minutes.
    func settleDeletions() throws(StoreError)

    /// Gives the space of deleted blobs and replaced values back to the disk. Takes as long as
    /// rewriting everything that is not dead; run it when idle.
    func reclaimSpace() throws(StoreError)

    /// Reads every stored byte and checks it against its checksum.
    func verify() throws(StoreError)

    /// After a failed write (disk full, I/O): tries to take writes again. Commits try this
    /// themselves, at most once a second.
    func recover() throws(StoreError)

    /// Waits for running calls, writes out what is in memory and frees the store. Calls after it
    /// throw `closed`; closing twice is no error.
    func close() throws(StoreError)
}

extension ShardStore {
    /// A copy of a blob.
    public func blob(_ id: BlobID) throws(StoreError) -> [UInt8] {
        do {
            return try withBlob(id) { [UInt8]($0) }
        } catch let error as StoreError {
            throw error
        } catch {
            preconditionFailure("copying bytes threw \(error)")
        }
    }

    public func blobExists(_ id: BlobID) throws(StoreError) -> Bool {
        try blobByteCount(id) != nil
    }

    public func putBlob(_ id: BlobID, _ bytes: [UInt8]) throws(StoreError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(StoreError) in
            try putBlob(id, UnsafeRawBufferPointer(buffer))
        }
    }
}

public struct VersionedValue: Hashable, Sendable {
    public let bytes: [UInt8]
    /// Sequence number of the commit that wrote it; never the same for two contents.
    public let version: UInt64

    public init(bytes: [UInt8], version: UInt64) {
        self.bytes = bytes
        self.version = version
    }
}

public struct ScanPage: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public let key: [UInt8]
        public let value: VersionedValue
    }
    public var entries: [Entry] = []
    /// False: there are more; go on with `after` = the last key of this page.
    public var isLast = true
}

public struct StoreSize: Hashable, Sendable {
    /// Lengths of all files (keys and values for MemoryStore), logs included.
    public let bytes: UInt64
    /// Of these, bytes of deleted blobs; `reclaimSpace` frees them.
    public let deadBytes: UInt64
    /// Of these, bytes the database has not counted yet; `settleDeletions` makes it.
    public let uncountedBytes: UInt64

    public init(bytes: UInt64, deadBytes: UInt64, uncountedBytes: UInt64) {
        self.bytes = bytes
        self.deadBytes = deadBytes
        self.uncountedBytes = uncountedBytes
    }
}
