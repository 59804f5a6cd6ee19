// What a store tells an operator about itself.

public struct StoreActivity: Hashable, Sendable {
    /// Times writes were slowed down or stopped so that compaction could catch up.
    public var writeStalls: UInt64 = 0
    public var backgroundErrors: UInt64 = 0
    public var isWriteStopped = false
    public var pendingCompactionBytes: UInt64 = 0
    public var blockCacheBytes: UInt64 = 0
}

/// A store that has such figures.
public protocol StoreFigures: Sendable {
    /// Never fails: a store that is closed has zeros.
    func figures() -> StoreActivity
}

extension RocksDBStore: StoreFigures {
    public func figures() -> StoreActivity {
        var activity = StoreActivity()
        do throws(StoreError) {
            let faults = try handle.faults()
            activity.writeStalls = faults.stalls
            activity.backgroundErrors = faults.errors
            for family in [RocksDBHandle.Family.metadata, .blobs] {
                let stopped = try handle.property(family, "rocksdb.is-write-stopped")
                if stopped > 0 { activity.isWriteStopped = true }
                activity.pendingCompactionBytes += try handle.property(
                    family, "rocksdb.estimate-pending-compaction-bytes")
            }
            activity.blockCacheBytes = try handle.property(
                .metadata, "rocksdb.block-cache-usage")
        } catch {
            return activity
        }
        return activity
    }
}
