// Reads that a store and a backup of it have in common.

enum RocksDBReading {
    static func value(
        _ handle: RocksDBHandle, _ partition: PartitionName, _ key: [UInt8]
    ) throws(StoreError) -> VersionedValue? {
        try checkKey(key)
        guard let bytes = try handle.value(.metadata, StoreLayout.entryKey(partition, key)) else {
            return nil
        }
        return try StoreLayout.takeEntry(bytes)
    }

    static func scan(
        _ handle: RocksDBHandle, _ partition: PartitionName, prefix: [UInt8], after: [UInt8]?,
        limit: Int
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

    static func blobIDs(
        _ handle: RocksDBHandle, prefix: [UInt8], after: BlobID?, limit: Int
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
}
