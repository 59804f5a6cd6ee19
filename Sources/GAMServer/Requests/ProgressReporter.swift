// Tells a client how far its request is, at most five times a second, and the codec whether to
// go on.

import CLinux
import GAMProtocol
import Synchronization

final class ProgressReporter: Sendable {
    private static let intervalMilliseconds: Int64 = 200
    private let sink: any ReplySink
    private let context: RequestContext
    private let isWanted: Bool
    private let nextReport = Atomic(Int64(0))

    init(_ sink: any ReplySink, _ context: RequestContext, isWanted: Bool) {
        self.sink = sink
        self.context = context
        self.isWanted = isWanted
    }

    /// False: stop, nobody waits for the result any more.
    func report(_ phase: String, _ fraction: Double) -> Bool {
        guard context.mayGoOn else { return false }
        guard isWanted else { return true }
        let now = clinux_milliseconds()
        let due = nextReport.load(ordering: .relaxed)
        guard now >= due,
            nextReport.compareExchange(
                expected: due, desired: now + Self.intervalMilliseconds, ordering: .relaxed
            ).exchanged
        else { return true }
        var reply = WireReply()
        reply.progress.phase = phase
        reply.progress.fraction = min(max(fraction, 0), 1)
        do {
            try sink.send(reply)
        } catch {
            context.cancel()
            return false
        }
        return true
    }
}
