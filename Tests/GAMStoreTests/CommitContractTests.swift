// What every backend must do with conditions, outcomes and concurrent commits.

import GAMStore
import Testing

@Suite struct CommitContractTests {
    let partition: PartitionName
    let key = Array("key".utf8)

    init() throws { partition = try PartitionName("signals") }

    /// A transaction that must be refused for `reason`, and must leave nothing behind.
    private func expectConflict(
        _ store: any ShardStore, _ reason: StoreConflict.Reason, generation: UInt64? = nil,
        _ requirement: Transaction.Requirement? = nil
    ) throws {
        var transaction = Transaction(partition: partition, expectedGeneration: generation)
        if let requirement { try transaction.require(key, requirement) }
        try transaction.put(Array("marker".utf8), [1])
        let before = try store.generation(partition)
        do throws(StoreError) {
            _ = try store.commit(transaction)
            Issue.record("the commit went through in spite of \(reason)")
        } catch {
            guard case .conflict(let conflict) = error else { throw error }
            #expect(conflict.reason == reason)
            #expect(conflict.partition == partition)
            #expect(conflict.key == (requirement == nil ? nil : key))
        }
        #expect(try store.generation(partition) == before)
        #expect(try store.bytes(partition, "marker") == nil)
        #expect(try store.outcome(of: transaction.id) == .notRecorded)
    }

    @Test(arguments: StoreKind.allCases)
    func unmetConditionsAreConflictsAndChangeNothing(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            try expectConflict(store, .keyMissing, .present)
            try expectConflict(store, .keyMissing, .version(1))
            let version = try store.put(partition, "key", [1]).sequence
            try expectConflict(store, .keyExists(version: version), .absent)
            try expectConflict(
                store, .keyVersion(expected: version + 1, found: version), .version(version + 1))
            try expectConflict(store, .generation(expected: 0, found: 1), generation: 0)
            try expectConflict(store, .generation(expected: 2, found: 1), generation: 2)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func metConditionsCommit(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            var create = Transaction(partition: partition, expectedGeneration: 0)
            try create.require(key, .absent)
            try create.put(key, [1])
            let made = try store.commit(create)
            var replace = Transaction(partition: partition, expectedGeneration: made.generation)
            try replace.require(key, .version(made.sequence))
            try replace.require(key, .present)
            try replace.put(key, [2])
            _ = try store.commit(replace)
            #expect(try store.bytes(partition, "key") == [2])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func recreatedKeyHasAnotherVersion(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let first = try store.put(partition, "key", [1])
            var removal = Transaction(partition: partition)
            try removal.delete(key)
            _ = try store.commit(removal)
            let second = try store.put(partition, "key", [1])
            try expectConflict(
                store, .keyVersion(expected: first.sequence, found: second.sequence),
                .version(first.sequence))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func repeatedTransactionIsAppliedOnce(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            var transaction = Transaction(partition: partition)
            try transaction.require(key, .absent)
            try transaction.put(key, [1])
            let receipt = try store.commit(transaction)
            #expect(try store.commit(transaction) == receipt)
            #expect(try store.generation(partition) == 1)
            #expect(try store.outcome(of: transaction.id) == .committed(receipt))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func outcomesAreForgottenOldestFirst(_ kind: StoreKind) throws {
        try withStore(kind, outcomesRemembered: 4) { store in
            var done: [(TransactionID, CommitReceipt)] = []
            for index in UInt8(0)..<11 {
                var transaction = Transaction(partition: partition)
                try transaction.put([index], [index])
                done.append((transaction.id, try store.commit(transaction)))
            }
            for (id, _) in done.dropLast(4) {
                #expect(try store.outcome(of: id) == .notRecorded)
            }
            for (id, receipt) in done.suffix(4) {
                #expect(try store.outcome(of: id) == .committed(receipt))
            }
            #expect(try store.outcome(of: .random()) == .notRecorded)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func concurrentIncrementsAreNeverLost(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let partition = partition
            let key = key
            try store.put(partition, "key", [0, 0])
            try onThreads(8) { _ in
                for _ in 0..<40 {
                    while true {
                        guard let old = try store.value(partition, key) else { return }
                        let sum = Int(old.bytes[0]) * 256 + Int(old.bytes[1]) + 1
                        var step = Transaction(partition: partition)
                        try step.require(key, .version(old.version))
                        try step.put(key, [UInt8(sum >> 8), UInt8(sum & 255)])
                        do throws(StoreError) {
                            _ = try store.commit(step)
                            break
                        } catch {
                            guard case .conflict = error else { throw error }
                        }
                    }
                }
            }
            #expect(try store.bytes(partition, "key") == [UInt8(320 >> 8), UInt8(320 & 255)])
            #expect(try store.generation(partition) == 321)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func concurrentCommitsGetDistinctSequencesAndGenerations(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let partition = partition
            let receipts = Receipts()
            try onThreads(16) { thread in
                for index in 0..<25 {
                    let receipt = try store.put(partition, "\(thread)/\(index)", [1])
                    receipts.add(receipt)
                }
            }
            let all = receipts.all
            #expect(Set(all.map(\.sequence)) == Set(1...400))
            #expect(Set(all.map(\.generation)) == Set(1...400))
            #expect(all.allSatisfy { $0.sequence == $0.generation })
        }
    }
}
