// Two fixed groups of threads run all requests: one for puts and verifications, one for the rest,
// so that a put of minutes never keeps a read waiting.
//
// What always holds: every submitted request gets exactly one last answer; `beforeAnswer` and
// `afterAnswer` are called once each, around it, whether or not the client could be reached.

import GAMProtocol
import Logging

final class RequestExecutor: Sendable {
    private struct Task: Sendable {
        let job: RequestJob
        let sink: ConnectionReplySink
        let beforeAnswer: @Sendable () -> Void
        let afterAnswer: @Sendable () -> Void
    }

    private struct Queue {
        var tasks: [Task] = []
        var isStopping = false
    }

    private let handlers: RequestHandlers
    private let activity: Activity
    private let log: Logger
    private let light = Monitor(Queue())
    private let heavy = Monitor(Queue())
    private let threadCount = Monitor(0)

    init(handlers: RequestHandlers, activity: Activity, log: Logger) {
        self.handlers = handlers
        self.activity = activity
        self.log = log
    }

    /// Starts the threads; throws when the system has none left.
    func start(threads: ServerConfiguration.Threads) throws(Failure) {
        for index in 0..<(threads.puts + threads.reads) {
            let isHeavy = index < threads.puts
            threadCount.withLock { $0 += 1 }
            let name = isHeavy ? "gamd-put" : "gamd-read"
            let queue = isHeavy ? heavy : light
            guard startThread(named: name, { self.run(queue) }) else {
                threadCount.withLock { $0 -= 1 }
                throw Failure(.busy, "the system has no thread left; lower [threads]")
            }
        }
    }

    /// Ends the threads once their requests are done; false when that took too long.
    func stop(milliseconds: Int) -> Bool {
        light.withLock { $0.isStopping = true }
        heavy.withLock { $0.isStopping = true }
        return threadCount.wait(milliseconds: milliseconds) { $0 == 0 ? true : nil } ?? false
    }

    func submit(
        _ job: RequestJob, _ sink: ConnectionReplySink,
        beforeAnswer: @escaping @Sendable () -> Void,
        afterAnswer: @escaping @Sendable () -> Void
    ) {
        if job.isWork { activity.requestStarted() }
        let task = Task(
            job: job, sink: sink, beforeAnswer: beforeAnswer, afterAnswer: afterAnswer)
        (job.isHeavy ? heavy : light).withLock(wakingOne: true) { $0.tasks.append(task) }
    }

    private func run(_ queue: Monitor<Queue>) {
        while let task = next(queue) {
            perform(task)
        }
        threadCount.withLock { $0 -= 1 }
    }

    private func next(_ queue: Monitor<Queue>) -> Task? {
        let task = queue.wait { queue -> Task?? in
            if !queue.tasks.isEmpty { return queue.tasks.removeFirst() }
            return queue.isStopping ? .some(nil) : nil
        }
        return task ?? nil
    }

    private func perform(_ task: Task) {
        let job = task.job
        let key = job.upload?.begin.key ?? job.request.key
        var last: WireReply
        var body: [UInt8] = []
        do {
            try job.context.check()
            (last, body) = try handlers.perform(job, task.sink)
        } catch {
            let failure = Failure(error).about(key)
            if failure.status == .failed || failure.status == .integrity {
                log.error("\(failure.text)")
            }
            last = WireReply(failure, key: key)
        }
        last.last = true
        if job.isWork { activity.requestFinished() }
        task.beforeAnswer()
        defer { task.afterAnswer() }
        body.withUnsafeBytes { bytes in
            do { try task.sink.send(last, body: bytes) } catch { log.debug("no answer: \(error)") }
        }
    }
}
