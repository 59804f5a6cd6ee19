// A disk that is full, or does not sync: typed errors, reads that go on, no guess about outcomes.

import CRocksDBFaults
import GAMStore
import Glibc
import Testing

@Suite struct FaultTests {
    let partition: PartitionName

    init() throws { partition = try PartitionName("signals") }

    private func transaction(_ key: UInt8) throws -> Transaction {
        var transaction = Transaction(partition: partition)
        try transaction.put([key], [key])
        return transaction
    }

    /// The error of a commit that must fail.
    private func failure(_ store: RocksDBStore, _ transaction: Transaction) -> StoreError? {
        do throws(StoreError) {
            _ = try store.commit(transaction)
            return nil
        } catch {
            return error
        }
    }

    @Test func fullDiskStopsWritesNotReads() throws {
        try withFolder { path in
            let disk = FaultyDisk()
            let store = try RocksDBStore(path: path, configuration: disk.configuration)
            let blob = try BlobID([1])
            try store.putBlob(blob, [UInt8](repeating: 3, count: 50_000))
            _ = try store.commit(transaction(1))
            disk.set(ROCKSDB_FAULT_NO_SPACE)
            let lost = try transaction(2)
            #expect(failure(store, lost) == .unknownOutcome(lost.id))
            #expect(throws: StoreError.unknownOutcome(lost.id)) { try store.outcome(of: lost.id) }
            let refused = try #require(failure(store, try transaction(3)))
            guard case .noSpace = refused else { throw refused }
            #expect(throws: StoreError.self) { try store.putBlob(BlobID([2]), [1]) }
            #expect(try store.blob(blob).count == 50_000)
            #expect(try store.value(partition, [1])?.bytes == [1])

            disk.set(ROCKSDB_FAULT_NONE)
            try store.recover()
            #expect(try store.outcome(of: lost.id) == .notRecorded)
            #expect(try store.value(partition, [2]) == nil)
            #expect(try store.commit(lost).generation == 2)
            try store.close()
            let again = try RocksDBStore(path: path)
            #expect(try again.value(partition, [2])?.bytes == [2])
            #expect(try again.generation(partition) == 2)
            try again.close()
        }
    }

    @Test func commitsRecoverByThemselvesWhenSpaceIsBack() throws {
        try withFolder { path in
            let disk = FaultyDisk()
            let store = try RocksDBStore(path: path, configuration: disk.configuration)
            disk.set(ROCKSDB_FAULT_NO_SPACE)
            for key in UInt8(0)..<3 {
                #expect(failure(store, try transaction(key)) != nil)
            }
            disk.set(ROCKSDB_FAULT_NONE)
            var attempts = 0
            while failure(store, try transaction(9)) != nil, attempts < 40 {
                attempts += 1
                usleep(100_000)
            }
            #expect(attempts < 40)
            #expect(try store.value(partition, [9])?.bytes == [9])
            #expect(try store.generation(partition) == 1)
            try store.close()
        }
    }

    @Test func failedSyncIsUnknownUntilTheStoreIsReopened() throws {
        try withFolder { path in
            let disk = FaultyDisk()
            var store = try RocksDBStore(path: path, configuration: disk.configuration)
            _ = try store.commit(transaction(1))
            disk.set(ROCKSDB_FAULT_LOG_SYNC)
            let unclear = try transaction(2)
            #expect(failure(store, unclear) == .unknownOutcome(unclear.id))
            #expect(throws: StoreError.unknownOutcome(unclear.id)) {
                try store.outcome(of: unclear.id)
            }
            #expect(try store.value(partition, [1])?.bytes == [1])
            #expect(try store.value(partition, [2]) == nil)
            try? store.close()
            disk.set(ROCKSDB_FAULT_NONE)
            store = try RocksDBStore(path: path, configuration: disk.configuration)
            let value = try store.value(partition, [2])?.bytes
            switch try store.outcome(of: unclear.id) {
            case .committed(let receipt):
                #expect(value == [2])
                #expect(receipt == CommitReceipt(sequence: 2, generation: 2))
            case .notRecorded:
                #expect(value == nil)
            }
            #expect(try store.commit(unclear).generation == 2)
            #expect(try store.value(partition, [2])?.bytes == [2])
            try store.close()
        }
    }

    @Test func concurrentCommitsShareSyncs() throws {
        try withFolder { path in
            let disk = FaultyDisk()
            let store = try RocksDBStore(path: path, configuration: disk.configuration)
            let partition = partition
            disk.delaySyncs(milliseconds: 5)
            let clock = ContinuousClock()
            let start = disk.logSyncs
            let serial = try clock.measure {
                for index in 0..<80 { try store.put(partition, "s\(index)", [1]) }
            }
            let before = disk.logSyncs
            #expect(before - start >= 80, "a commit returned before its sync")
            let concurrent = try clock.measure {
                try onThreads(8) { thread in
                    for index in 0..<10 { try store.put(partition, "\(thread)/\(index)", [1]) }
                }
            }
            #expect(disk.logSyncs - before < 40, "80 commits took that many syncs")
            #expect(concurrent * 2 < serial)
            #expect(try store.generation(partition) == 160)
            try store.close()
        }
    }
}
