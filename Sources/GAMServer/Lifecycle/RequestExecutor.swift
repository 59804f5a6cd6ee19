// Three fixed groups of threads run all requests: for puts and verifications, for files and large
// answers, and for the rest, so that neither a put of minutes nor a file of gigabytes keeps a small read
// waiting. A request that turns out large begins again among the large ones.
// What waits for a thread is bounded: one more is told to try later.
//
// What always holds: every submitted request gets exactly one last answer; `beforeAnswer` and
// `afterAnswer` are called once each, around it, whether or not the client could be reached.

import CLinux
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
        private var taken = 0

        /// Every so many requests the one that has waited longest goes first, whatever it is.
        private static let fairEvery = 8

        /// The next request: urgent before normal before background, else in order.
        mutating func next() -> Task? {
            guard !tasks.isEmpty else { return nil }
            taken += 1
            guard taken % Self.fairEvery != 0 else { return tasks.removeFirst() }
            let best = tasks.indices.max { a, b in
                (tasks[a].job.urgency, -a) < (tasks[b].job.urgency, -b)
            }
            return tasks.remove(at: best!)
        }
    }

    private let handlers: RequestHandlers
    private let activity: Activity
    private let metrics: ServerMetrics
    private let log: Logger
    private let waitingMax: (requests: Int, puts: Int)
    private let light = Monitor(Queue())
    private let bulk = Monitor(Queue())
    private let heavy = Monitor(Queue())
    private let threadCount = Monitor(0)
    let queryMemory: ByteBudget

    init(
        handlers: RequestHandlers, activity: Activity, metrics: ServerMetrics,
        limits: ServerConfiguration.Limits, log: Logger
    ) {
        self.handlers = handlers
        self.activity = activity
        self.metrics = metrics
        self.log = log
        queryMemory = ByteBudget(bytesMax: limits.queryMemoryBytes)
        waitingMax = (limits.waitingRequestsMax, limits.waitingPutsMax)
        metrics.registry.register("gamd_requests_waiting", "Requests waiting for a thread.") {
            [light, bulk, heavy] in
            [
                ([("queue", "requests")], Double(light.withLock(waking: .none) { $0.tasks.count })),
                ([("queue", "large")], Double(bulk.withLock(waking: .none) { $0.tasks.count })),
                ([("queue", "puts")], Double(heavy.withLock(waking: .none) { $0.tasks.count })),
            ]
        }
    }

    /// Starts the threads; throws when the system has none left.
    func start(threads: ServerConfiguration.Threads) throws(Failure) {
        let groups = [
            ("gamd-put", threads.puts, Lane.heavy), ("gamd-large", threads.large, .bulk),
            ("gamd-read", threads.reads, .light),
        ]
        for (name, count, lane) in groups {
            for _ in 0..<count {
                threadCount.withLock { $0 += 1 }
                guard startThread(named: name, { self.run(lane) }) else {
                    threadCount.withLock { $0 -= 1 }
                    throw Failure(.busy, "the system has no thread left; lower [threads]")
                }
            }
        }
    }

    private func queue(_ lane: Lane) -> Monitor<Queue> {
        switch lane {
        case .light: light
        case .bulk: bulk
        case .heavy: heavy
        }
    }

    /// Ends the threads once their requests are done; false when that took too long.
    func stop(milliseconds: Int) -> Bool {
        light.withLock { $0.isStopping = true }
        bulk.withLock { $0.isStopping = true }
        heavy.withLock { $0.isStopping = true }
        return threadCount.wait(milliseconds: milliseconds) { $0 == 0 ? true : nil } ?? false
    }

    /// Throws when an upload would be refused at its end anyway.
    func checkRoomForPut(_ key: String) throws {
        let key = try SignalKey(key).text
        guard heavy.withLock(waking: .none, { $0.tasks.count < waitingMax.puts }) else {
            throw Self.tooMany("puts", waitingMax.puts)
        }
        try handlers.catalog.checkRoom(for: key)
    }

    private static func tooMany(_ what: String, _ limit: Int) -> Failure {
        Failure(.busy, "\(limit) \(what) are waiting already; try again later")
    }

    /// Runs a request at once, on the calling thread.
    func runHere(
        _ job: RequestJob, _ sink: ConnectionReplySink,
        beforeAnswer: @escaping @Sendable () -> Void,
        afterAnswer: @escaping @Sendable () -> Void
    ) {
        if job.isWork { activity.requestStarted() }
        let task = Task(
            job: job, sink: sink, beforeAnswer: beforeAnswer, afterAnswer: afterAnswer)
        perform(task, .light)
    }

    /// Queues a request; one that finds the queue full is answered here.
    func submit(
        _ job: RequestJob, _ sink: ConnectionReplySink,
        beforeAnswer: @escaping @Sendable () -> Void,
        afterAnswer: @escaping @Sendable () -> Void
    ) {
        let task = Task(
            job: job, sink: sink, beforeAnswer: beforeAnswer, afterAnswer: afterAnswer)
        if job.isWork { activity.requestStarted() }
        enqueue(task, job.lane)
    }

    private func enqueue(_ task: Task, _ lane: Lane) {
        let limit = lane == .heavy ? waitingMax.puts : waitingMax.requests
        let isQueued = queue(lane).withLock(waking: .one) { queue in
            guard queue.tasks.count < limit else { return false }
            queue.tasks.append(task)
            return true
        }
        if !isQueued {
            let failure = Self.tooMany(lane == .heavy ? "puts" : "requests", limit)
            answer(task, WireReply(failure, key: task.job.key), [])
        }
    }

    private func run(_ lane: Lane) {
        while let task = next(queue(lane)) {
            perform(task, lane)
        }
        threadCount.withLock { $0 -= 1 }
    }

    private func next(_ queue: Monitor<Queue>) -> Task? {
        let task = queue.wait { queue -> Task?? in
            if let task = queue.next() { return task }
            return queue.isStopping ? .some(nil) : nil
        }
        return task ?? nil
    }

    private func perform(_ task: Task, _ lane: Lane) {
        let job = task.job
        metrics.running.increment()
        var reply: WireReply
        var body: [UInt8] = []
        do {
            try job.context.check()
            (reply, body) = try handlers.perform(job, task.sink, lane)
        } catch is LargeRequest {
            metrics.running.decrement()
            metrics.movedRequests.increment()
            return enqueue(task, .bulk)
        } catch {
            let failure = Failure(error).about(job.key)
            report(failure, job)
            reply = WireReply(failure, key: job.key)
        }
        metrics.running.decrement()
        answer(task, reply, body)
    }

    /// Tells the log about faults that are not the client's.
    private func report(_ failure: Failure, _ job: RequestJob) {
        let event: ServiceEvent? =
            switch failure.status {
            case .integrity: .integrityFault
            case .adapterFault: .pluginFault
            case .failed, .ioError, .noSpace: .requestFailed
            default: nil
            }
        guard let event else { return }
        log.event(event, .error, failure.text, job.fields(failure.status))
    }

    private func answer(_ task: Task, _ reply: WireReply, _ body: [UInt8]) {
        let job = task.job
        var last = reply
        last.last = true
        let status = Status(rawValue: reply.status) ?? .failed
        metrics.observe(
            job.name, status, nanoseconds: clinux_nanoseconds() - job.arrivedNanoseconds)
        if job.isWork { activity.requestFinished() }
        log.debug("\(job.name): \(status)", metadata: job.fields(status))
        task.beforeAnswer()
        body.withUnsafeBytes { bytes in
            do {
                try task.sink.finish(last, body: bytes, whenDone: task.afterAnswer)
            } catch {
                log.debug("no answer: \(error)")
            }
        }
    }
}

extension RequestJob {
    /// What the log says of a request.
    func fields(_ status: Status) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            LogField.operation: .string(name), LogField.status: "\(status)",
            LogField.user: "\(peer.user)",
            LogField.microseconds: "\((clinux_nanoseconds() - arrivedNanoseconds) / 1000)",
        ]
        if !key.isEmpty { fields[LogField.keyHash] = .string(keyHash(key)) }
        if let adapter = upload?.begin.putBegin.adapter, !adapter.isEmpty {
            fields[LogField.plugin] = .string(adapter)
        }
        return fields
    }
}
