// Every bound of the store, the same for every backend, with the arithmetic behind it.

public enum StoreLimits {
    /// One blob: the largest record of a shard. Ceph RADOS objects and S3 parts of this size are
    /// written in one request; RocksDB holds it once in the log buffer and once in memory.
    public static let blobBytesMax = 8 << 20
    /// A blob id: 16 to 32 bytes are usual; 64 leave room for a readable prefix.
    public static let blobIDBytesMax = 64
    /// Ids in one `deleteBlobs` call.
    public static let blobIDsPerDeleteMax = 10_000
    /// A partition name; one RADOS object or one S3 prefix per partition.
    public static let partitionNameBytesMax = 64
    /// A key: 512 bytes of a signal's key and 88 for a prefix of the caller.
    public static let keyBytesMax = 600
    /// A value: what does not fit is a blob. RADOS omap values stay well below this.
    public static let valueBytesMax = 64 << 10
    /// Puts and deletes of one transaction.
    public static let operationsMax = 1_000
    /// Preconditions of one transaction.
    public static let preconditionsMax = 1_000
    /// Keys and values of one transaction, operations and preconditions together.
    public static let transactionBytesMax = 1 << 20
    /// Entries of one page of a scan.
    public static let scanEntriesMax = 10_000
    /// A page of a scan ends after the entry that reaches this many bytes of keys and values.
    public static let scanBytesMax = 4 << 20
    /// Transactions whose outcome stays on record: at 1,000 commits a second, a minute.
    public static let outcomesRemembered = 65_536
    /// Transactions that share one sync of the log.
    static let groupTransactionsMax = 64
    /// Bytes of operations that share one sync of the log.
    static let groupBytesMax = 4 << 20
}
