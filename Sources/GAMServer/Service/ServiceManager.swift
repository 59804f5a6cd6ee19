// What the daemon tells systemd, and what it gets from it. Outside of systemd every call is a
// no-op.

import CLinux
import CSystemd
import Glibc

package enum ServiceManager {
    private static func notify(_ state: String) { sd_notify(0, state) }

    package static func ready(_ status: String) { notify("READY=1\nSTATUS=\(status)") }
    package static func stopping() { notify("STOPPING=1") }
    package static func alive() { notify("WATCHDOG=1") }

    package static func reloading() {
        notify("RELOADING=1\nMONOTONIC_USEC=\(clinux_nanoseconds() / 1000)")
    }

    /// Starting or stopping takes longer: another half minute.
    package static func extendTimeout() { notify("EXTEND_TIMEOUT_USEC=30000000") }

    /// Between two signs of life, nil when no watchdog waits for them.
    package static func watchdogMilliseconds() -> Int? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return max(1, Int(microseconds / 1000))
    }

    /// The listening socket systemd has passed, nil when it has passed none. Throws when it has
    /// passed something else.
    package static func passedSocket() throws(Failure) -> Int32? {
        let count = sd_listen_fds(1)
        guard count >= 0 else {
            throw Failure.system("taking sockets from systemd", errno: -count)
        }
        guard count > 0 else { return nil }
        let descriptor = SD_LISTEN_FDS_START
        guard count == 1, sd_is_socket(descriptor, AF_UNIX, Int32(SOCK_STREAM.rawValue), 1) > 0
        else {
            throw Failure(
                .configuration, "systemd passed \(count) sockets; gamd takes one Unix stream socket"
            )
        }
        return descriptor
    }

    /// Runs `body`, and asks for more time every ten seconds until it has returned.
    package static func withPatience<Result>(_ body: () throws -> Result) rethrows -> Result {
        let isDone = Monitor(false)
        startThread(named: "gamd-patience") {
            while isDone.wait(milliseconds: 10_000, for: { $0 ? true : nil }) == nil {
                extendTimeout()
            }
        }
        defer { isDone.withLock { $0 = true } }
        return try body()
    }
}
