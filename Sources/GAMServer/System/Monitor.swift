// A value behind a lock with a condition to wait on, and plain threads.
// What always holds: the value is touched only with the lock held.

import CLinux
import Glibc

/// A lock, a condition and the state they guard.
// @unchecked Sendable: `state` is only reached through `withLock` and `wait`, which hold the mutex;
// mutex and condition live at fixed addresses and are made for use from many threads.
final class Monitor<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Who is woken after a change: all who wait, any one where all wait for the same thing and one
    /// of them is enough, or none where the change is nothing that anybody waits for.
    enum Waking { case all, one, none }

    /// Runs `body` with the lock held and wakes waiters afterwards.
    func withLock<Result>(
        waking: Waking = .all, _ body: (inout State) throws -> Result
    ) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            switch waking {
            case .all: pthread_cond_broadcast(condition)
            case .one: pthread_cond_signal(condition)
            case .none: break
            }
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Wakes all who wait: for those whose change showed only in `body` that it is one.
    func wake() { withLock { _ in } }

    /// Waits until `body` gives a value or the time is over (nil then). No time: waits for ever.
    func wait<Result>(milliseconds: Int? = nil, for body: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let total = end.tv_nsec + (milliseconds ?? 0) % 1000 * 1_000_000
        end.tv_sec += (milliseconds ?? 0) / 1000 + total / 1_000_000_000
        end.tv_nsec = total % 1_000_000_000
        while true {
            if let result = body(&state) { return result }
            if milliseconds == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT {
                return body(&state)
            }
        }
    }
}

/// Starts a detached thread; false when the system has no thread left.
@discardableResult
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(name, body))
    let status = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
            clinux_name_thread(box.name)
            box.body()
            return nil
        }, box.toOpaque())
    guard status == 0 else {
        box.release()
        return false
    }
    pthread_detach(thread)
    return true
}
