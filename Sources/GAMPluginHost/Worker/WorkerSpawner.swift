// Starts workers from one thread that never ends.
// What always holds: a worker dies with the thread that started it (that is what the kernel's
// parent-death signal is tied to), so no thread that may end before the process starts one.

import CLinux
import Glibc
import Synchronization

final class WorkerSpawner: Sendable {
    static let shared = WorkerSpawner()

    /// One start: asked by any thread, answered by the spawner's own.
    // @unchecked: `result` is written before `done` is posted and read after it was waited for.
    private final class Order: @unchecked Sendable {
        let path: String
        let socket: Int32
        var result: Int32 = -ECANCELED
        private let done: UnsafeMutablePointer<sem_t>

        init(_ path: String, _ socket: Int32) {
            self.path = path
            self.socket = socket
            done = .allocate(capacity: 1)
            sem_init(done, 0, 0)
        }

        deinit {
            sem_destroy(done)
            done.deallocate()
        }

        func finish(_ result: Int32) {
            self.result = result
            sem_post(done)
        }

        func wait() -> Int32 {
            while sem_wait(done) != 0 {}
            return result
        }
    }

    private let orders = Mutex<[Order]>([])
    private nonisolated(unsafe) let waiting: UnsafeMutablePointer<sem_t>
    // nonisolated(unsafe): a semaphore is made for use from many threads; it is never moved.
    private let isStarted: Bool

    private init() {
        let waiting = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(waiting, 0, 0)
        self.waiting = waiting
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { _ in
                clinux_name_thread("gamd-spawn")
                clinux_run_in_long_turns()
                WorkerSpawner.shared.run()
            }, nil)
        if status == 0 { pthread_detach(thread) }
        isStarted = status == 0
    }

    private func run() -> Never {
        while true {
            while sem_wait(waiting) != 0 {}
            guard let order = orders.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                continue
            }
            order.finish(clinux_spawn_worker(order.path, String(getpid()), order.socket))
        }
    }

    /// The process id of a new worker at `path` that has `socket` as descriptor 3, or the negated
    /// errno.
    func start(_ path: String, socket: Int32) -> Int32 {
        guard isStarted else { return -EAGAIN }
        let order = Order(path, socket)
        orders.withLock { $0.append(order) }
        sem_post(waiting)
        return order.wait()
    }
}
