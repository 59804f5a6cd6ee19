// Writes groups of transactions, each group as one atomic, synced batch.
//
// What always holds:
// - `Progress` is touched only by the leader of the commit queue, by recovery and by closing,
//   one at a time. Threads that wait to commit do not hold it.
// - A sequence number is used by at most one durable commit.
// - After a failed write nothing more is committed until the log has been replayed; until then the
//   transactions of that write are undecided, and say so.

import Glibc
import Synchronization

final class RocksDBCommitter: Sendable {
    private struct Progress {
        var sequence: UInt64
        /// Why writes are refused; nil when they are not.
        var failure: StoreError?
        var lastRecoverySeconds = -1
    }

    private typealias Decision = Result<CommitPlanner.Decision, StoreError>

    private let handle: RocksDBHandle
    private let folder: StateFolder
    private let outcomesRemembered: UInt64
    private let progress: Mutex<Progress>
    private let undecided = Mutex<Set<TransactionID>>([])

    init(_ handle: RocksDBHandle, _ folder: StateFolder, sequence: UInt64, outcomes: UInt64) {
        self.handle = handle
        self.folder = folder
        outcomesRemembered = outcomes
        progress = Mutex(Progress(sequence: sequence))
    }

    /// Decides and writes a group, and fills the result of every ticket.
    func write(_ group: [CommitTicket]) {
        progress.withLock { progress in
            do throws(StoreError) {
                try prepare(&progress)
            } catch {
                for ticket in group { ticket.result = .failure(error) }
                return
            }
            write(group, &progress)
        }
    }

    func isUndecided(_ id: TransactionID) -> Bool {
        undecided.withLock { $0.contains(id) }
    }

    func recover() throws(StoreError) {
        try progress.withLock { (progress) throws(StoreError) in try recover(&progress) }
    }

    func close() throws(StoreError) {
        try progress.withLock { (_) throws(StoreError) in
            defer { folder.unlock() }
            try handle.close()
        }
    }

    /// Throws why nothing can be written now, after trying to recover at most once a second.
    private func prepare(_ progress: inout Progress) throws(StoreError) {
        if progress.failure == nil {
            do throws(StoreError) {
                try handle.checkBackground()
            } catch {
                progress.failure = error
            }
        }
        guard let failure = progress.failure else { return }
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        guard now.tv_sec != progress.lastRecoverySeconds else { throw failure }
        progress.lastRecoverySeconds = now.tv_sec
        try recover(&progress)
    }

    /// After the log has been replayed the database tells what was committed.
    private func recover(_ progress: inout Progress) throws(StoreError) {
        try handle.reopen()
        progress.sequence = try Self.lastSequence(handle)
        progress.failure = nil
        undecided.withLock { $0.removeAll() }
    }

    static func lastSequence(_ handle: RocksDBHandle) throws(StoreError) -> UInt64 {
        guard let bytes = try handle.value(.metadata, StoreLayout.lastSequenceKey) else { return 0 }
        return try StoreLayout.takeNumber(bytes, "the number of the last commit")
    }

    private func write(_ group: [CommitTicket], _ progress: inout Progress) {
        var planner = CommitPlanner(lastSequence: progress.sequence)
        let state = RocksDBState(handle: handle)
        let decisions = group.map { ticket -> Decision in
            do throws(StoreError) {
                return .success(try planner.decide(ticket.transaction, state))
            } catch {
                return .failure(error)
            }
        }
        do throws(StoreError) {
            if planner.sequence > progress.sequence {
                let expired = try expired(from: progress.sequence, to: planner.sequence)
                try writeBatch(group, decisions, planner.sequence, expired)
                progress.sequence = planner.sequence
                folder.setAcknowledged(planner.sequence)
            }
            for (ticket, decision) in zip(group, decisions) {
                ticket.result = decision.map(\.receipt)
            }
        } catch {
            fail(group, decisions, error, &progress)
        }
    }

    private func writeBatch(
        _ group: [CommitTicket], _ decisions: [Decision], _ sequence: UInt64, _ expired: [[UInt8]]
    ) throws(StoreError) {
        let bytes = group.reduce(4096) { $0 + $1.transaction.byteCount + 512 }
        try handle.write(reserving: bytes, sync: true) { batch in
            for (ticket, decision) in zip(group, decisions) {
                guard case .success(.apply(let receipt)) = decision else { continue }
                Self.add(ticket.transaction, receipt, to: batch)
            }
            for key in expired { batch.delete(.metadata, key) }
            batch.put(.metadata, StoreLayout.lastSequenceKey, StoreLayout.number(sequence))
        }
    }

    private static func add(
        _ transaction: Transaction, _ receipt: CommitReceipt, to batch: borrowing RocksDBBatch
    ) {
        let prefix = StoreLayout.entryPrefix(transaction.partition)
        for operation in transaction.operations {
            switch operation {
            case .put(let key, let value):
                let entry = StoreLayout.entry(value, version: receipt.sequence)
                batch.put(.metadata, prefix + key, entry)
            case .delete(let key):
                batch.delete(.metadata, prefix + key)
            }
        }
        let generation = StoreLayout.number(receipt.generation)
        batch.put(.metadata, StoreLayout.generationKey(transaction.partition), generation)
        batch.put(
            .metadata, StoreLayout.receiptKey(transaction.id), StoreLayout.receipt(receipt))
        batch.put(.metadata, StoreLayout.ringKey(receipt.sequence), transaction.id.bytes)
    }

    /// Keys of the outcomes that are forgotten when the commits after `last` up to `next` are
    /// recorded. A group is never larger than the memory of outcomes, so all of them are stored.
    private func expired(from last: UInt64, to next: UInt64) throws(StoreError) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        for sequence in last + 1...next where sequence > outcomesRemembered {
            let ringKey = StoreLayout.ringKey(sequence - outcomesRemembered)
            guard let bytes = try handle.value(.metadata, ringKey) else { continue }
            guard bytes.count == TransactionID.byteCount else {
                throw .corruption(detail: "the id of commit \(sequence - outcomesRemembered)")
            }
            keys += [ringKey, StoreLayout.receiptKey(try TransactionID(bytes))]
        }
        return keys
    }

    /// A conflict may have been with a transaction of the same group, whose fate is unknown now;
    /// its own is not: it was refused, so nothing of it was written.
    private func fail(
        _ group: [CommitTicket], _ decisions: [Decision], _ error: StoreError,
        _ progress: inout Progress
    ) {
        progress.failure = error
        for (ticket, decision) in zip(group, decisions) {
            switch decision {
            case .success(let decided) where decided.receipt.sequence > progress.sequence:
                let id = ticket.transaction.id
                undecided.withLock { _ = $0.insert(id) }
                ticket.result = .failure(.unknownOutcome(id))
            case .success(let decided):
                ticket.result = .success(decided.receipt)
            case .failure:
                ticket.result = .failure(error)
            }
        }
    }
}

extension CommitPlanner.Decision {
    var receipt: CommitReceipt {
        switch self {
        case .apply(let receipt), .repeated(let receipt): receipt
        }
    }
}

/// Reads what the planner needs from the database.
struct RocksDBState: CommittedState {
    let handle: RocksDBHandle

    func version(_ partition: PartitionName, _ key: [UInt8]) throws(StoreError) -> UInt64? {
        guard let bytes = try handle.value(.metadata, StoreLayout.entryKey(partition, key)) else {
            return nil
        }
        return try StoreLayout.takeEntry(bytes).version
    }

    func generation(_ partition: PartitionName) throws(StoreError) -> UInt64 {
        let key = StoreLayout.generationKey(partition)
        guard let bytes = try handle.value(.metadata, key) else { return 0 }
        return try StoreLayout.takeNumber(bytes, "the generation of \(partition)")
    }

    func receipt(_ id: TransactionID) throws(StoreError) -> CommitReceipt? {
        guard let bytes = try handle.value(.metadata, StoreLayout.receiptKey(id)) else {
            return nil
        }
        return try StoreLayout.takeReceipt(bytes)
    }
}
