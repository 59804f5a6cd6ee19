// How many signals the store holds and how large they are; keeps the quotas.
// What always holds: totals are those of all committed entries, plus those of commits under way;
// two puts cannot share the last byte of a quota.

import GAMProtocol
import Synchronization

package final class Inventory: Sendable {
    package struct Totals: Equatable, Sendable {
        package var signals = 0
        package var rawBytes = 0
        package var storedBytes = 0

        package init() {}

        /// What one entry counts.
        init(_ record: SignalRecord) {
            signals = 1
            rawBytes = record.manifest.description.rawBytes
            storedBytes = record.storedBytes
        }

        static func += (a: inout Totals, b: Totals) {
            a.signals += b.signals
            a.rawBytes += b.rawBytes
            a.storedBytes += b.storedBytes
        }

        static func -= (a: inout Totals, b: Totals) {
            a.signals -= b.signals
            a.rawBytes -= b.rawBytes
            a.storedBytes -= b.storedBytes
        }
    }

    private let state = Mutex(Totals())

    package init() {}

    package var totals: Totals { state.withLock { $0 } }

    /// Counts a change before it is committed. Throws `noSpace` when it would grow the store
    /// beyond a quota; nothing is counted then.
    func change(
        from old: SignalRecord?, to new: SignalRecord?, quota: ServerConfiguration.Quota
    ) throws(Failure) {
        let before = old.map(Totals.init) ?? Totals()
        let after = new.map(Totals.init) ?? Totals()
        try state.withLock { (totals) throws(Failure) in
            var next = totals
            next -= before
            next += after
            try Self.check(totals, next, quota)
            totals = next
        }
    }

    /// Takes a change back whose commit failed.
    func undo(from old: SignalRecord?, to new: SignalRecord?) {
        state.withLock { totals in
            if let old { totals += Totals(old) }
            if let new { totals -= Totals(new) }
        }
    }

    /// Throws when a quota is used up, before work is done for nothing.
    func checkRoom(_ quota: ServerConfiguration.Quota, replaces: Bool) throws(Failure) {
        var wanted = totals
        if !replaces { wanted.signals += 1 }
        wanted.storedBytes += 1
        try Self.check(totals, wanted, quota)
    }

    private static func check(
        _ now: Totals, _ next: Totals, _ quota: ServerConfiguration.Quota
    ) throws(Failure) {
        if quota.storedBytesMax > 0, next.storedBytes > now.storedBytes,
            next.storedBytes > quota.storedBytesMax
        {
            throw Failure(
                .noSpace,
                "the quota of \(quota.storedBytesMax) bytes is used up (\(now.storedBytes) are"
                    + " stored); remove signals or raise quota.stored_bytes_max")
        }
        if quota.signalsMax > 0, next.signals > now.signals, next.signals > quota.signalsMax {
            throw Failure(
                .noSpace,
                "the quota of \(quota.signalsMax) signals is used up; remove signals or raise"
                    + " quota.signals_max")
        }
    }
}
