import ArgumentParser
import CLinux
import GAMClient
import GAMProtocol
import Glibc

/// `gamctl top`: what the daemon does now.
struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what the daemon does, again and again.",
        discussion: "On a terminal the picture is drawn anew; end it with Ctrl-C.")

    @Option(help: "Seconds between two looks.")
    var interval = 2.0

    @Option(help: "How many looks; 0: until interrupted.")
    var count = 0

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (0.1...3600).contains(interval) else {
            throw ValidationError("The interval is 0.1 to 3600 seconds.")
        }
    }

    func run() throws {
        try connection.run { client in
            let isTerminal = isatty(STDOUT_FILENO) == 1
            var old = Figures(try client.metrics())
            var oldTime = clinux_nanoseconds()
            var looks = 0
            while count == 0 || looks < count {
                usleep(UInt32(interval * 1e6))
                let new = Figures(try client.metrics())
                let jobs = try client.jobReport()
                let now = clinux_nanoseconds()
                let picture = TopPicture(
                    old: old, new: new, seconds: Double(now - oldTime) / 1e9, jobs: jobs)
                let start = isTerminal ? "\u{1B}[H\u{1B}[2J" : ""
                show(start + picture.lines().joined(separator: "\n"))
                (old, oldTime) = (new, now)
                looks += 1
            }
        }
    }
}

/// One look as lines of text. Pure.
struct TopPicture {
    let old: Figures
    let new: Figures
    let seconds: Double
    let jobs: WireJobsResult

    func lines() -> [String] {
        head() + [""] + operations() + [""] + upkeep()
    }

    private func rate(_ name: String) -> Double {
        max(0, (new[name] - old[name]) / max(seconds, 0.001))
    }

    private func head() -> [String] {
        let cpu = 100 * rate("process_cpu_seconds_total")
        let stored = new["gamd_signals_stored_bytes"]
        return [
            "gamd  \(Int(new["gamd_signals"])) signals, \(readableBytes(stored)) stored,"
                + " \(fixed(100 * new["gamd_stored_ratio"], 1)) % of raw",
            "process  \(fixed(cpu, 0)) % cpu,"
                + " \(readableBytes(new["process_resident_memory_bytes"])) resident,"
                + " \(Int(new["process_threads"])) threads,"
                + " \(Int(new["process_open_fds"])) descriptors",
            "clients  \(Int(new["gamd_connections"])) connections,"
                + " \(Int(new["gamd_requests_running"])) running,"
                + " in \(readableBytes(rate("gamd_received_bytes_total")))/s,"
                + " out \(readableBytes(rate("gamd_sent_bytes_total")))/s",
            "caches  shards \(hits("shards")), networks \(hits("networks")),"
                + " entries \(hits("entries"))",
        ]
    }

    private func hits(_ cache: String) -> String {
        let hits = new["gamd_cache_hits_total{cache=\"\(cache)\"}"]
        let all = hits + new["gamd_cache_misses_total{cache=\"\(cache)\"}"]
        return all == 0 ? "unused" : "\(fixed(100 * hits / all, 0)) % hits"
    }

    private func operations() -> [String] {
        let now = new.series("gamd_requests_total", by: "operation")
        let before = old.series("gamd_requests_total", by: "operation")
        var lines = ["operation    per s     p50     p99    total"]
        for (name, total) in now.sorted(by: { $0.key < $1.key }) {
            let perSecond = (total - (before[name] ?? 0)) / max(seconds, 0.001)
            let times = [0.5, 0.99].map { part in
                new.quantile(part, of: name, since: old).map { "<\(Self.time($0))" } ?? "-"
            }
            lines.append(
                Self.left(name, 10) + Self.right(fixed(perSecond, 1), 8)
                    + Self.right(times[0], 8) + Self.right(times[1], 8)
                    + Self.right("\(Int(total))", 9))
        }
        return lines
    }

    private func upkeep() -> [String] {
        var lines = [
            "refit  \(jobs.paused ? "paused" : "on"), \(jobs.waiting) waiting,"
                + " \(readableBytes(new["gamd_refit_saved_bytes_total"])) saved"
        ]
        if let job = jobs.jobs.first, job.state == "running" {
            lines.append("  \(job.key)  \(fixed(100 * job.progress, 0)) %")
        }
        lines.append(
            "health  \(Int(new["gamd_verify_failures_total"])) verify failures,"
                + " \(Int(new["gamd_quarantined_signals"])) in quarantine,"
                + " \(Int(new["gamd_plugin_faults_total"])) plugin faults,"
                + " \(Int(new["gamd_store_background_errors_total"])) store errors,"
                + " \(Int(new["gamd_store_stalls_total"])) stalls")
        return lines
    }

    private static func time(_ seconds: Double) -> String {
        if seconds.isInfinite { return "inf" }
        if seconds < 0.001 { return "\(fixed(seconds * 1e6, 0))us" }
        return seconds < 1 ? "\(fixed(seconds * 1e3, 0))ms" : "\(fixed(seconds, 1))s"
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
