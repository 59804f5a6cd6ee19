// A change of one partition, all or nothing. A Transaction that exists is within StoreLimits:
// every part is checked when it is added.

public struct Transaction: Sendable {
    /// What must hold for a key when the transaction is applied.
    public enum Requirement: Hashable, Sendable {
        case absent
        case present
        /// The key exists and was last written by the commit with this sequence number.
        case version(UInt64)
    }

    public struct Precondition: Sendable {
        public let key: [UInt8]
        public let requirement: Requirement
    }

    public enum Operation: Sendable {
        case put(key: [UInt8], value: [UInt8])
        /// Deleting an absent key is no error; require `.present` where it should be.
        case delete(key: [UInt8])
    }

    public let id: TransactionID
    public let partition: PartitionName
    /// If set, the partition must be at this generation. Serialises all writers of the partition;
    /// requirements on keys let writers of different keys pass each other.
    public let expectedGeneration: UInt64?
    public private(set) var preconditions: [Precondition] = []
    /// Applied in order; of two operations on one key the later one wins.
    public private(set) var operations: [Operation] = []
    /// Bytes of all keys and values.
    public private(set) var byteCount = 0

    public init(
        partition: PartitionName, id: TransactionID = .random(), expectedGeneration: UInt64? = nil
    ) {
        self.id = id
        self.partition = partition
        self.expectedGeneration = expectedGeneration
    }

    public mutating func require(
        _ key: [UInt8], _ requirement: Requirement
    ) throws(StoreError) {
        try checkKey(key)
        let count = preconditions.count + 1
        try checkLimit(count, 0...StoreLimits.preconditionsMax, "preconditions of a transaction")
        try grow(by: key.count)
        preconditions.append(Precondition(key: key, requirement: requirement))
    }

    public mutating func put(_ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
        try checkLimit(value.count, 0...StoreLimits.valueBytesMax, "bytes of a value")
        try append(.put(key: key, value: value), key, value.count)
    }

    public mutating func delete(_ key: [UInt8]) throws(StoreError) {
        try append(.delete(key: key), key, 0)
    }

    private mutating func append(
        _ operation: Operation, _ key: [UInt8], _ valueBytes: Int
    ) throws(StoreError) {
        try checkKey(key)
        let count = operations.count + 1
        try checkLimit(count, 0...StoreLimits.operationsMax, "operations of a transaction")
        try grow(by: key.count + valueBytes)
        operations.append(operation)
    }

    private mutating func grow(by bytes: Int) throws(StoreError) {
        let total = byteCount + bytes
        try checkLimit(total, 0...StoreLimits.transactionBytesMax, "bytes of a transaction")
        byteCount = total
    }
}

/// What a commit returns once it is durable.
public struct CommitReceipt: Hashable, Sendable {
    /// Number of the commit in the whole store, from 1; the version of every key it has put.
    public let sequence: UInt64
    /// Generation of the partition after the commit.
    public let generation: UInt64

    public init(sequence: UInt64, generation: UInt64) {
        self.sequence = sequence
        self.generation = generation
    }
}

public enum TransactionOutcome: Hashable, Sendable {
    case committed(CommitReceipt)
    /// Never committed, or more than `StoreLimits.outcomesRemembered` commits ago.
    case notRecorded
}
