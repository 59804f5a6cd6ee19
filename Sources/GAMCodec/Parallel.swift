// Work on several cores, each with its own working memory.
//
// What always holds here: the first error stops the rest and is thrown; results do not depend on
// the number of threads.

import Dispatch
import GAMCore
import Synchronization

/// Runs `body` for 0..<count on up to `threads` threads.
package func parallel(_ count: Int, threads: Int, _ body: @Sendable (Int) throws -> Void) throws {
    if threads <= 1 || count <= 1 {
        for i in 0..<count { try body(i) }
        return
    }
    let next = Atomic<Int>(0)
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
        while true {
            let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard i < count, failure.withLock({ $0 == nil }) else { return }
            do { try body(i) } catch { failure.withLock { $0 = $0 ?? error } }
        }
    }
    if let error = failure.withLock({ $0 }) { throw error }
}

/// Workers that are free. Unchecked: a worker is only ever in the pool or in one thread's hands.
final class WorkerPool: @unchecked Sendable {
    private let free = Mutex<Bool>(false)
    private var workers: [ShardWorker] = []
    private let engine: Engine

    init(engine: Engine) { self.engine = engine }

    func with<R>(_ body: (ShardWorker) throws -> R) rethrows -> R {
        let worker = free.withLock { _ in workers.popLast() } ?? ShardWorker(engine: engine)
        defer { free.withLock { _ in workers.append(worker) } }
        return try body(worker)
    }
}

/// Results of parallel work, one slot per index.
package final class ResultSlots<T: Sendable>: Sendable {
    private let values: Mutex<[T]>

    package init(_ initial: [T]) { values = Mutex(initial) }

    package func set(_ index: Int, _ value: T) { values.withLock { $0[index] = value } }
    package var all: [T] { values.withLock { $0 } }
}
