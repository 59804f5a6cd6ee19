// Group commit. The first thread to find nobody leading leads: it takes what is queued, has it
// written with one sync, wakes the others, and hands the lead to the next one waiting.
//
// What always holds:
// - At most one thread leads, so groups are decided and written one after the other.
// - No lock is held while a group is written: other threads queue up meanwhile, and share the
//   next sync.

import Glibc
import Synchronization

final class CommitQueue: Sendable {
    /// Fills the result of every ticket it is given.
    typealias WriteGroup = @Sendable ([CommitTicket]) -> Void

    private struct State {
        var waiting: [CommitTicket] = []
        var isLed = false
    }

    private let state = Mutex(State())
    private let transactionsMax: Int
    private let write: WriteGroup

    init(transactionsMax: Int, write: @escaping WriteGroup) {
        precondition(transactionsMax >= 1, "a group holds at least one transaction")
        self.transactionsMax = transactionsMax
        self.write = write
    }

    func commit(_ transaction: Transaction) throws(StoreError) -> CommitReceipt {
        let ticket = CommitTicket(transaction)
        let leads = state.withLock { state in
            state.waiting.append(ticket)
            defer { state.isLed = true }
            return !state.isLed
        }
        if !leads { ticket.wait() }
        if ticket.result == nil { lead() }
        guard let result = ticket.result else {
            preconditionFailure("a group was written without the result of its leader")
        }
        return try result.get()
    }

    private func lead() {
        let group = state.withLock { takeGroup(&$0) }
        write(group)
        for ticket in group.dropFirst() { ticket.wake() }
        let next = state.withLock { state in
            state.isLed = !state.waiting.isEmpty
            return state.waiting.first
        }
        next?.wake()
    }

    /// The leader's ticket is the first in the queue, so it is always part of its group.
    private func takeGroup(_ state: inout State) -> [CommitTicket] {
        var count = 0
        var bytes = 0
        for ticket in state.waiting.prefix(transactionsMax) {
            bytes += ticket.transaction.byteCount
            if count > 0, bytes > StoreLimits.groupBytesMax { break }
            count += 1
        }
        let group = Array(state.waiting.prefix(count))
        state.waiting.removeFirst(count)
        return group
    }
}

/// One thread's place in the queue.
///
/// @unchecked Sendable: `result` is written by the leader before it posts the semaphore and read
/// by the owner after it has waited for it; the semaphore orders the two.
final class CommitTicket: @unchecked Sendable {
    let transaction: Transaction
    var result: Result<CommitReceipt, StoreError>?
    private let semaphore: UnsafeMutablePointer<sem_t>

    init(_ transaction: Transaction) {
        self.transaction = transaction
        semaphore = .allocate(capacity: 1)
        let made = sem_init(semaphore, 0, 0)
        precondition(made == 0, "sem_init with valid arguments cannot fail")
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Returns when the result is there, or when it is this ticket's turn to lead.
    func wait() {
        while sem_wait(semaphore) != 0 {
            precondition(errno == EINTR, "sem_wait on a valid semaphore fails by signals only")
        }
    }

    func wake() {
        sem_post(semaphore)
    }
}
