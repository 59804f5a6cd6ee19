// What the idle work is doing and has done.
// What always holds: at most one job runs; a bounded number of finished ones is remembered.

import GAMProtocol

/// What the idle work is doing and has done, for `gamctl jobs`.
final class JobBoard: Sendable {
    static let finishedMax = 32
    private struct State {
        var current: WireJob?
        var finished: [WireJob] = []
        var isPaused = false
        var waiting = 0
    }
    private let state = Monitor(State())

    /// Whether an administrator wants no fitting.
    var isPaused: Bool { state.withLock { $0.isPaused } }
    func setPaused(_ isPaused: Bool) { state.withLock { $0.isPaused = isPaused } }
    /// Signals that wait to be fitted, as of the last look at the catalog.
    func setWaiting(_ count: Int) { state.withLock { $0.waiting = count } }

    func begin(_ key: String, bytes: Int) {
        var job = WireJob()
        job.key = key
        job.state = "running"
        job.bytesBefore = UInt64(bytes)
        let started = job
        state.withLock { $0.current = started }
    }

    func progress(_ fraction: Double) {
        state.withLock { $0.current?.progress = min(max(fraction, 0), 1) }
    }

    func end(_ outcome: String, bytes: Int?) {
        state.withLock { state in
            guard var job = state.current else { return }
            state.current = nil
            job.state = outcome
            if let bytes {
                job.bytesAfter = UInt64(bytes)
                job.progress = 1
            }
            state.finished.append(job)
            if state.finished.count > Self.finishedMax { state.finished.removeFirst() }
        }
    }

    func report() -> WireJobsResult {
        state.withLock { state in
            var result = WireJobsResult()
            result.jobs = (state.current.map { [$0] } ?? []) + state.finished.reversed()
            result.paused = state.isPaused
            result.waiting = UInt64(state.waiting)
            return result
        }
    }
}
