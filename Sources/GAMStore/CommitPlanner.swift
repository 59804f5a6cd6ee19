// Decides commits; writes nothing. Both backends apply exactly what it decides.
//
// What always holds:
// - Transactions are decided one after the other, each seeing the stored state and the
//   transactions decided before it in the same group.
// - A refused transaction leaves no mark; sequence numbers have no gaps.

/// The stored state as the planner needs it.
protocol CommittedState {
    func version(_ partition: PartitionName, _ key: [UInt8]) throws(StoreError) -> UInt64?
    func generation(_ partition: PartitionName) throws(StoreError) -> UInt64
    func receipt(_ id: TransactionID) throws(StoreError) -> CommitReceipt?
}

struct CommitPlanner {
    enum Decision: Equatable {
        case apply(CommitReceipt)
        /// The id is on record already.
        case repeated(CommitReceipt)
    }

    private struct Place: Hashable {
        let partition: PartitionName
        let key: [UInt8]
    }

    /// The last sequence number given out.
    private(set) var sequence: UInt64
    private var versions: [Place: UInt64?] = [:]
    private var generations: [PartitionName: UInt64] = [:]
    private var receipts: [TransactionID: CommitReceipt] = [:]

    init(lastSequence: UInt64) {
        sequence = lastSequence
    }

    /// Throws `conflict` when a condition does not hold, or the error of reading the state.
    mutating func decide(
        _ transaction: Transaction, _ state: some CommittedState
    ) throws(StoreError) -> Decision {
        if let receipt = receipts[transaction.id] { return .repeated(receipt) }
        if let receipt = try state.receipt(transaction.id) { return .repeated(receipt) }
        let generation = try currentGeneration(transaction.partition, state)
        if let expected = transaction.expectedGeneration, expected != generation {
            let reason = StoreConflict.Reason.generation(expected: expected, found: generation)
            throw .conflict(
                StoreConflict(partition: transaction.partition, key: nil, reason: reason))
        }
        for condition in transaction.preconditions {
            try check(condition, transaction.partition, state)
        }
        return .apply(record(transaction, after: generation))
    }

    private func currentGeneration(
        _ partition: PartitionName, _ state: some CommittedState
    ) throws(StoreError) -> UInt64 {
        if let generation = generations[partition] { return generation }
        return try state.generation(partition)
    }

    private func check(
        _ condition: Transaction.Precondition, _ partition: PartitionName,
        _ state: some CommittedState
    ) throws(StoreError) {
        let place = Place(partition: partition, key: condition.key)
        let version: UInt64?
        if let decided = versions[place] {
            version = decided
        } else {
            version = try state.version(partition, condition.key)
        }
        guard let reason = condition.requirement.violation(by: version) else { return }
        throw .conflict(StoreConflict(partition: partition, key: condition.key, reason: reason))
    }

    private mutating func record(
        _ transaction: Transaction, after generation: UInt64
    ) -> CommitReceipt {
        sequence += 1
        let receipt = CommitReceipt(sequence: sequence, generation: generation + 1)
        generations[transaction.partition] = receipt.generation
        receipts[transaction.id] = receipt
        for operation in transaction.operations {
            switch operation {
            case .put(let key, _):
                versions[Place(partition: transaction.partition, key: key)] = .some(sequence)
            case .delete(let key):
                versions[Place(partition: transaction.partition, key: key)] = .some(nil)
            }
        }
        return receipt
    }
}

extension Transaction.Requirement {
    /// Why a key at this version (nil: absent) does not meet the requirement; nil if it does.
    func violation(by version: UInt64?) -> StoreConflict.Reason? {
        switch (self, version) {
        case (.absent, nil), (.present, .some):
            return nil
        case (.absent, let found?):
            return .keyExists(version: found)
        case (.present, nil), (.version, nil):
            return .keyMissing
        case (.version(let expected), let found?):
            return expected == found ? nil : .keyVersion(expected: expected, found: found)
        }
    }
}
