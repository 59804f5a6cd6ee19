// Which plugins broke their contract, and which are put aside for it.
// What always holds: time comes from outside, so that the ledger can be tested without waiting.

import CLinux
import Synchronization

package struct FaultLedger {
    struct Fault {
        let milliseconds: Int64
        let reason: String
    }

    let rule: QuarantineRule
    private var faults: [String: [Fault]] = [:]
    private var aside: [String: (until: Int64, reason: String)] = [:]
    private var totals: [String: Int] = [:]

    package init(rule: QuarantineRule) { self.rule = rule }

    package mutating func record(_ plugin: String, _ reason: String, at now: Int64) {
        let window = Int64(rule.windowSeconds) * 1000
        var recent = (faults[plugin] ?? []).filter { now - $0.milliseconds < window }
        recent.append(Fault(milliseconds: now, reason: reason))
        totals[plugin, default: 0] += 1
        if recent.count >= rule.faultsMax {
            aside[plugin] = (now + Int64(rule.quarantineSeconds) * 1000, reason)
            recent = []
        }
        faults[plugin] = recent
    }

    /// Why `plugin` is not used at the moment; nil when it is.
    package func quarantine(_ plugin: String, at now: Int64) -> String? {
        guard let entry = aside[plugin], now < entry.until else { return nil }
        let seconds = (entry.until - now + 999) / 1000
        return "quarantined for \(seconds) s more after \(rule.faultsMax) faults within"
            + " \(rule.windowSeconds) s; the last: \(entry.reason)"
    }

    package func count(_ plugin: String) -> Int { totals[plugin] ?? 0 }
}

/// The ledger of a registry.
final class FaultBook: Sendable {
    private let ledger: Mutex<FaultLedger>

    init(rule: QuarantineRule) { ledger = Mutex(FaultLedger(rule: rule)) }

    /// Remembers `error` if it is a breach of contract: a waiting worker that somebody ended is not.
    func note(_ error: PluginError) {
        guard case .fault(let plugin, let reason) = error, reason != WorkerProcess.goneReason
        else { return }
        ledger.withLock { $0.record(plugin, reason, at: clinux_milliseconds()) }
    }

    func quarantine(_ plugin: String) -> String? {
        ledger.withLock { $0.quarantine(plugin, at: clinux_milliseconds()) }
    }

    func count(_ plugin: String) -> Int { ledger.withLock { $0.count(plugin) } }
}
