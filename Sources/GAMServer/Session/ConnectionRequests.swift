// The requests one client has started: they wait for a slot of the connection, run, and are cancelled.
// What always holds: a request's id is free again before its last answer goes out, its slot after it.

import CLinux
import Glibc

extension Connection {
    func start(_ job: RequestJob) {
        let runsHere = state.withLock { state in
            state.contexts[job.id] = job.context
            let runsHere = job.isInstant && state.active == 0 && state.waiting.isEmpty
            if runsHere { state.active += 1 } else { state.waiting.append(job) }
            return runsHere
        }
        guard runsHere else { return submitWaiting() }
        executor.runHere(
            job, ConnectionReplySink(id: job.id, writer: writer, spools: spools),
            beforeAnswer: { self.releaseID(job.id) }, afterAnswer: releaseSlot)
    }

    private func submitWaiting() {
        let limit = settings.limits.activePerConnectionMax
        let jobs = state.withLock { state in
            let count = min(max(0, limit - state.active), state.waiting.count)
            let jobs = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            state.active += count
            return jobs
        }
        for job in jobs {
            let sink = ConnectionReplySink(id: job.id, writer: writer, spools: spools)
            executor.submit(
                job, sink, beforeAnswer: { self.releaseID(job.id) }, afterAnswer: releaseSlot)
        }
    }

    /// The last answer is about to go out: whoever has it may use the request id again.
    private func releaseID(_ id: UInt32) {
        state.withLock { state in
            state.contexts[id] = nil
            state.session.finished(id)
        }
    }

    /// The last answer has gone out, or could not.
    private func releaseSlot() {
        state.withLock { state in
            state.active -= 1
            state.lastActivity = clinux_milliseconds()
        }
        submitWaiting()
    }

    func cancelAll(_ reason: RequestContext.StopReason) {
        state.withLock { state in
            for context in state.contexts.values { context.cancel(reason) }
        }
    }

    /// Waits for the running requests; cancels them when the client has closed both directions.
    func waitForRunning() {
        while true {
            let done = state.wait(milliseconds: 200) { state in
                state.active == 0 && state.waiting.isEmpty ? true : nil
            }
            if done != nil { return }
            let events = clinux_wait(descriptor, 0, 0)
            if events > 0, events & Int32(POLLHUP | POLLERR) != 0 { cancelAll(.cancelled) }
        }
    }
}
