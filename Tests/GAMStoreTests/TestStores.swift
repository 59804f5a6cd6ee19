// Stores to test on. What always holds: every store lives in a folder of its own that is removed.

import CRocksDBFaults
import Foundation
import GAMStore
import Synchronization

enum StoreKind: CaseIterable, Sendable {
    case memory
    case rocksDB
}

/// Runs `body` on a fresh store of this kind.
func withStore(
    _ kind: StoreKind, outcomesRemembered: Int = StoreLimits.outcomesRemembered,
    _ body: (any ShardStore) throws -> Void
) throws {
    switch kind {
    case .memory:
        try body(MemoryStore(outcomesRemembered: outcomesRemembered))
    case .rocksDB:
        try withFolder { folder in
            var configuration = RocksDBConfiguration()
            configuration.outcomesRemembered = outcomesRemembered
            let store = try RocksDBStore(path: folder + "/store", configuration: configuration)
            defer { try? store.close() }
            try body(store)
        }
    }
}

/// A temporary folder, removed afterwards.
func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/gam-store-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}

/// A disk that fails on command.
final class FaultyDisk: @unchecked Sendable {
    // @unchecked: the switchboard behind the pointer is made of atomics.
    private let faults = rocksdb_faults_new()!

    var configuration: RocksDBConfiguration {
        var configuration = RocksDBConfiguration()
        configuration.environment = .init(rocksdb_faults_env(faults))
        return configuration
    }
    var logSyncs: Int { Int(rocksdb_faults_log_syncs(faults)) }

    func set(_ fault: rocksdb_fault) { rocksdb_faults_set(faults, Int32(fault.rawValue)) }
    func delaySyncs(milliseconds: Int) { rocksdb_faults_delay_syncs(faults, Int32(milliseconds)) }
}

/// Runs `body` on `count` threads and waits for all of them; throws the first error.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let group = DispatchGroup()
    let failure = Mutex<(any Error)?>(nil)
    for index in 0..<count {
        group.enter()
        Thread.detachNewThread {
            do { try body(index) } catch { failure.withLock { $0 = $0 ?? error } }
            group.leave()
        }
    }
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
}

extension ShardStore {
    /// One put in a transaction of its own.
    @discardableResult
    func put(_ partition: PartitionName, _ key: String, _ value: [UInt8]) throws -> CommitReceipt {
        var transaction = Transaction(partition: partition)
        try transaction.put(Array(key.utf8), value)
        return try commit(transaction)
    }

    func bytes(_ partition: PartitionName, _ key: String) throws -> [UInt8]? {
        try value(partition, Array(key.utf8))?.bytes
    }
}

/// Reproducible noise: xorshift64*.
struct Noise: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}

/// The seed of a random test: GAM_TEST_SEED, or a new one; print it with a failure.
func testSeed() -> UInt64 {
    ProcessInfo.processInfo.environment["GAM_TEST_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 1...UInt64.max)
}

/// Receipts collected from many threads.
final class Receipts: Sendable {
    private let list = Mutex<[CommitReceipt]>([])
    var all: [CommitReceipt] { list.withLock { $0 } }
    func add(_ receipt: CommitReceipt) { list.withLock { $0.append(receipt) } }
}
