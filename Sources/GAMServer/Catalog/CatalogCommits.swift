// Commits of the catalog, and those whose outcome nobody can tell yet.
// What always holds:
// - What a commit entails in memory (totals, blobs to delete) happens once its outcome is known, and
//   only then: blobs of a write that may be durable are never given up.
// - An unsettled commit is settled before the next one, as soon as the store can tell.

import GAMStore
import Glibc
import Synchronization

/// A commit that may be durable: the store could not be asked.
struct UnsettledCommit: Error {
    let id: TransactionID
    /// Why it could not.
    let reason: any Error
}

/// What follows a commit.
struct CommitConsequences: Sendable {
    let committed: @Sendable () -> Void
    let refused: @Sendable () -> Void
}

/// Commits that wait for their outcome.
final class UnsettledCommits: Sendable {
    private let waiting = Mutex<[(id: TransactionID, then: CommitConsequences)]>([])

    func add(_ id: TransactionID, _ then: CommitConsequences) {
        waiting.withLock { $0.append((id, then)) }
    }

    /// Settles those whose outcome the store knows by now.
    func settle(_ store: any ShardStore) {
        let entries = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for entry in entries {
            switch try? store.outcome(of: entry.id) {
            case .committed: entry.then.committed()
            case .notRecorded: entry.then.refused()
            case nil: add(entry.id, entry.then)
            }
        }
    }
}

extension SignalCatalog {
    /// Commits a change of one entry and keeps the totals in step; `then` follows at once, or when the
    /// outcome is known.
    func commit(
        _ transaction: Transaction, from old: SignalRecord?, to new: SignalRecord?,
        then: @escaping @Sendable () -> Void = {}, orElse: @escaping @Sendable () -> Void = {}
    ) throws -> CommitReceipt {
        unsettled.settle(store)
        try inventory.change(from: old, to: new, quota: quota())
        let inventory = inventory
        do {
            let receipt = try commit(transaction)
            then()
            return receipt
        } catch let open as UnsettledCommit {
            unsettled.add(
                open.id,
                CommitConsequences(
                    committed: then,
                    refused: {
                        inventory.undo(from: old, to: new)
                        orElse()
                    }))
            throw open
        } catch {
            inventory.undo(from: old, to: new)
            throw error
        }
    }

    /// Commits; when the log could not tell the outcome, asks until it can or gives up with
    /// `UnsettledCommit`, whatever kept it from being asked.
    @discardableResult
    func commit(_ transaction: Transaction) throws -> CommitReceipt {
        let id: TransactionID
        do {
            return try store.commit(transaction)
        } catch StoreError.unknownOutcome(let unknown) {
            id = unknown
        }
        var reason: any Error = StoreError.unknownOutcome(id)
        for _ in 0..<3 {
            do {
                try store.recover()
                if case .committed(let receipt) = try store.outcome(of: id) { return receipt }
            } catch {
                reason = error
                usleep(100_000)
                continue
            }
            do {
                return try store.commit(transaction)
            } catch StoreError.unknownOutcome {
                usleep(100_000)
            }
        }
        throw UnsettledCommit(id: id, reason: reason)
    }
}
