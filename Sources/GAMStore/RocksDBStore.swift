// The store on one machine: RocksDB in a folder of its own.
//
// What always holds:
// - One process has a folder open, through one RocksDBStore.
// - Every record a blob has (bytes and index entry) is written and deleted in one batch.
// - What the folder claims to have acknowledged was found in the database when it was opened.

public final class RocksDBStore: ShardStore {
    private let handle: RocksDBHandle
    private let folder: StateFolder
    private let committer: RocksDBCommitter
    private let queue: CommitQueue
    private let ledger: BlobLedger

    /// Opens the store in the folder `path`, or makes one if the folder is empty or missing.
    /// Throws `alreadyOpen`, `newerVersion`, `notAStore`, `corruption`, `noSpace` or `io`.
    public init(
        path: String, configuration: RocksDBConfiguration = RocksDBConfiguration()
    ) throws(StoreError) {
        let outcomes = configuration.outcomesRemembered
        try checkLimit(outcomes, 1...Int(Int32.max), "outcomes remembered")
        let folder = try StateFolder(path)
        let handle = try RocksDBHandle(
            path: folder.databasePath, configuration: configuration,
            createIfMissing: folder.isNew)
        try Self.settleFormat(handle, folder)
        let sequence = try RocksDBCommitter.lastSequence(handle)
        try Self.checkAcknowledged(
            folder, sequence, acceptsLoss: configuration.truncatesLogAtDamage)
        let committer = RocksDBCommitter(
            handle, folder, sequence: sequence, outcomes: UInt64(outcomes))
        let groupMax = min(StoreLimits.groupTransactionsMax, outcomes)
        ledger = try BlobLedger(handle)
        self.handle = handle
        self.folder = folder
        self.committer = committer
        queue = CommitQueue(transactionsMax: groupMax) { committer.write($0) }
    }

    /// Writes the format record of a new store, or compares that of an old one with the folder.
    private static func settleFormat(
        _ handle: RocksDBHandle, _ folder: StateFolder
    ) throws(StoreError) {
        let key = StoreLayout.formatKey
        if folder.isNew {
            let record = StoreLayout.format(
                version: StoreLayout.formatVersion, storeID: folder.storeID)
            try handle.write(reserving: 256, sync: true) { $0.put(.metadata, key, record) }
            try handle.flush()
            return try folder.finish()
        }
        guard let bytes = try handle.value(.metadata, key) else {
            throw .corruption(detail: "the database in \(folder.path) has no format record")
        }
        let (version, storeID) = try StoreLayout.takeFormat(bytes)
        guard version <= StoreLayout.formatVersion else {
            let supported = StoreLayout.formatVersion
            throw .newerVersion(path: folder.path, found: version, supported: supported)
        }
        guard storeID == folder.storeID else {
            throw .corruption(
                detail: "the database in \(folder.path) belongs to another FORMAT file")
        }
    }

    private static func checkAcknowledged(
        _ folder: StateFolder, _ sequence: UInt64, acceptsLoss: Bool
    ) throws(StoreError) {
        if let acknowledged = folder.acknowledgedSequence(), acknowledged > sequence, !acceptsLoss {
            throw .corruption(
                detail: "the log of \(folder.path) ends at commit \(sequence), but \(acknowledged)"
                    + " was acknowledged")
        }
        folder.setAcknowledged(sequence)
    }

    public func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        try queue.commit(transaction)
    }

    public func outcome(of id: TransactionID) throws(StoreError) -> TransactionOutcome {
        let receipt = try RocksDBState(handle: handle).receipt(id)
        if let receipt { return .committed(receipt) }
        if committer.isUndecided(id) { throw .unknownOutcome(id) }
        return .notRecorded
    }

    public func value(
        _ partition: PartitionName, _ key: [UInt8]
    ) throws(StoreError) -> VersionedValue? {
        try checkKey(key)
        guard let bytes = try handle.value(.metadata, StoreLayout.entryKey(partition, key)) else {
            return nil
        }
        return try StoreLayout.takeEntry(bytes)
    }

    public func scan(
        _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?, limit: Int
    ) throws(StoreError) -> ScanPage {
        let partitionPrefix = StoreLayout.entryPrefix(partition)
        var builder = ScanPageBuilder(limit: limit)
        var failure: StoreError?
        try handle.scan(
            prefix: partitionPrefix + prefix, after: after.map { partitionPrefix + $0 },
            withValues: true
        ) { key, value in
            do throws(StoreError) {
                let entry = try StoreLayout.takeEntry([UInt8](value))
                return builder.add([UInt8](key.dropFirst(partitionPrefix.count)), entry)
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return builder.page
    }

    public func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        try RocksDBState(handle: handle).generation(partition)
    }

    public func putBlob(_ id: BlobID, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try checkLimit(bytes.count, 0...StoreLimits.blobBytesMax, "bytes of \(id)")
        let index = StoreLayout.blobByteCount(bytes.count)
        try handle.write(reserving: bytes.count + 512, sync: false) { batch in
            batch.put(.blobs, id.bytes, bytes)
            batch.put(.metadata, StoreLayout.blobIndexKey(id), index)
        }
        ledger.wasPut(id, bytes.count)
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

    public func deleteBlobs(_ ids: [BlobID]) throws(StoreError) {
        try checkLimit(ids.count, 0...StoreLimits.blobIDsPerDeleteMax, "ids of one deletion")
        let counts = try ids.map { (id) throws(StoreError) in try blobByteCount(id) }
        try handle.write(reserving: ids.count * 160 + 64, sync: false) { batch in
            for id in ids {
                batch.delete(.blobs, id.bytes)
                batch.delete(.metadata, StoreLayout.blobIndexKey(id))
            }
        }
        for case (let id, let count?) in zip(ids, counts) { ledger.wasDeleted(id, count) }
    }

    public func blobIDs(
        prefix: [UInt8], after: BlobID?, limit: Int
    ) throws(StoreError) -> [BlobID] {
        let tag = [StoreLayout.blobIndexTag]
        var found: [[UInt8]] = []
        let limit = min(limit, StoreLimits.scanEntriesMax)
        guard limit > 0 else { return [] }
        try handle.scan(
            prefix: tag + prefix, after: after.map { tag + $0.bytes }, withValues: false
        ) { key, _ in
            found.append([UInt8](key.dropFirst()))
            return found.count < limit
        }
        return try found.map { (bytes) throws(StoreError) in try BlobID(bytes) }
    }

    public func size() throws(StoreError) -> StoreSize {
        let counted = try garbageBytes()
        let dead = max(counted, try ledger.deadBytes())
        return StoreSize(
            bytes: try lengthOfFiles(in: folder.path), deadBytes: dead,
            uncountedBytes: dead - counted)
    }

    /// Dead bytes RocksDB knows of.
    private func garbageBytes() throws(StoreError) -> UInt64 {
        try handle.property(.blobs, "rocksdb.live-blob-file-garbage-size")
    }

    public func settleDeletions() throws(StoreError) {
        try handle.reclaim(rewritesBlobs: false)
    }

    /// The first pass finds out which blobs are dead; files written before that was known are
    /// rewritten by the second. More passes are only needed while others write.
    public func reclaimSpace() throws(StoreError) {
        for _ in 0..<4 {
            try handle.reclaim(rewritesBlobs: true)
            if try garbageBytes() == 0 { return }
        }
    }

    public func verify() throws(StoreError) {
        try handle.verify()
    }

    public func recover() throws(StoreError) {
        try committer.recover()
    }

    public func close() throws(StoreError) {
        try committer.close()
    }
}
