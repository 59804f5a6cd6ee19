// Bytes of live blobs in blob files, known at once after every put and delete.
//
// RocksDB counts a deleted blob as dead only when it has compacted the deletion, and deletions are
// so few bytes that it may wait for days. What a blob file holds beyond live blobs is dead.
//
// What always holds:
// - The count is that of the blob index when the store was opened, plus puts, minus deletions; it
//   decides when to give space back, never what is read or deleted.

import Synchronization

final class BlobLedger: Sendable {
    /// Header and footer of a blob file; header of a blob in it (RocksDB's blob_log_format.h).
    private static let fileBytes: UInt64 = 30 + 32
    private static let headerBytes = 32
    private let liveBytes: Atomic<Int>
    private let handle: RocksDBHandle

    /// Adds up the index: about a second for a million blobs.
    init(_ handle: RocksDBHandle) throws(StoreError) {
        self.handle = handle
        var sum = 0
        var failure: StoreError?
        try handle.scan(prefix: [StoreLayout.blobIndexTag], after: nil, withValues: true) {
            key, value in
            do throws(StoreError) {
                let count = try StoreLayout.takeBlobByteCount([UInt8](value))
                sum += Self.bytes(of: count, idBytes: key.count - 1)
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        liveBytes = Atomic(sum)
    }

    func wasPut(_ id: BlobID, _ count: Int) {
        let bytes = Self.bytes(of: count, idBytes: id.bytes.count)
        liveBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    func wasDeleted(_ id: BlobID, _ count: Int) {
        let bytes = Self.bytes(of: count, idBytes: id.bytes.count)
        liveBytes.wrappingSubtract(bytes, ordering: .relaxed)
    }

    /// Bytes in blob files that no live blob needs; too few while live blobs are in memory still.
    func deadBytes() throws(StoreError) -> UInt64 {
        let files = try handle.property(.blobs, "rocksdb.live-blob-file-size")
        let count = try handle.property(.blobs, "rocksdb.num-blob-files")
        let needed = UInt64(max(0, liveBytes.load(ordering: .relaxed))) + count * Self.fileBytes
        return files > needed ? files - needed : 0
    }

    /// What a blob takes in a blob file; small ones are in tables instead.
    private static func bytes(of count: Int, idBytes: Int) -> Int {
        count < RocksDBConfiguration.blobBytesMin ? 0 : headerBytes + idBytes + count
    }
}
