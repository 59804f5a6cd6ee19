// What can be chosen when a store is opened. What always holds: with the defaults the database
// keeps at most 90 MiB in memory: two write buffers per family, each overshot by the largest
// write, (16 + 8) x 2 + (4 + 1) x 2 MiB, and 32 MiB of cached blocks, indexes, filters
// and blobs.

import CRocksDB

public struct RocksDBConfiguration: Sendable {
    /// Blobs of at least this size lie in blob files, smaller ones in tables.
    static let blobBytesMin = 4 << 10
    /// Table blocks, indexes, filters and blobs in memory.
    public var blockCacheBytes: UInt64 = 32 << 20
    /// One write buffer of the blob family; RocksDB keeps up to two.
    public var blobWriteBufferBytes: UInt64 = 16 << 20
    /// One write buffer of the metadata family; RocksDB keeps up to two.
    public var metadataWriteBufferBytes: UInt64 = 4 << 20
    /// A blob file is closed at this size; it is the unit in which dead blobs are collected.
    public var blobFileBytes: UInt64 = 64 << 20
    /// Log kept before a flush is forced; bounds the time to replay it.
    public var logBytesMax: UInt64 = 64 << 20
    public var openFilesMax = 512
    /// Transactions whose outcome stays on record.
    public var outcomesRemembered = StoreLimits.outcomesRemembered
    /// Opens a store whose log is damaged by dropping everything from the first damaged record on.
    /// Acknowledged commits may be lost: only for an operator who has been told so.
    public var truncatesLogAtDamage = false

    /// A `rocksdb::Env` in place of the default one, to inject faults; lives as long as the
    /// process.
    package struct Environment: @unchecked Sendable {
        // @unchecked: the pointer is only passed on, and an Env may be used from any thread.
        package let pointer: UnsafeMutableRawPointer
        package init(_ pointer: UnsafeMutableRawPointer) { self.pointer = pointer }
    }
    package var environment: Environment?

    public init() {}

    /// Opens the database at `path`; the caller closes it.
    func open(path: String, createIfMissing: Bool) throws(StoreError) -> OpaquePointer? {
        let bytes = path.utf8CString
        return try bytes.withUnsafeBufferPointer { (pointer) throws(StoreError) in
            var options = gam_open_options()
            options.path = pointer.baseAddress
            options.create_if_missing = createIfMissing
            options.truncate_log_at_damage = truncatesLogAtDamage
            options.block_cache_bytes = blockCacheBytes
            options.blob_write_buffer_bytes = blobWriteBufferBytes
            options.metadata_write_buffer_bytes = metadataWriteBufferBytes
            options.blob_bytes_min = UInt64(Self.blobBytesMin)
            options.blob_file_bytes = blobFileBytes
            options.log_bytes_max = logBytesMax
            options.open_files_max = Int32(clamping: openFilesMax)
            options.environment = environment?.pointer
            return try checked("opening the database") { gam_db_open(&options, $0) }
        }
    }
}
