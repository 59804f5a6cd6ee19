// Who is busy: the idle-time fitting looks here before and while it works.

import CLinux
import Synchronization

final class Activity: Sendable {
    private let requests = Atomic(0)
    private let lastEnd = Atomic(clinux_milliseconds())

    func requestStarted() { requests.add(1, ordering: .relaxed) }

    func requestFinished() {
        lastEnd.store(clinux_milliseconds(), ordering: .relaxed)
        requests.subtract(1, ordering: .relaxed)
    }

    var isBusy: Bool { requests.load(ordering: .relaxed) > 0 }

    /// Milliseconds since the last request ended; 0 while one runs.
    var idleMilliseconds: Int64 {
        isBusy ? 0 : clinux_milliseconds() - lastEnd.load(ordering: .relaxed)
    }
}
