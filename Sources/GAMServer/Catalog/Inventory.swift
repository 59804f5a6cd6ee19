// How many signals the store holds and how large they are; keeps the quotas.
// What always holds: totals are those of all committed entries, plus those of commits under way;
// two puts cannot share the last byte of a quota. A change counts for all its quotas or for none.

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

    /// The store as a whole, and the keys of each prefix.
    private struct State {
        var all = Totals()
        var byPrefix: [Totals]

        /// The same with one entry replaced, which counts for the prefixes at `places`.
        func replacing(_ old: Totals, by new: Totals, at places: [Int]) -> State {
            var next = self
            next.all -= old
            next.all += new
            for place in places {
                next.byPrefix[place] -= old
                next.byPrefix[place] += new
            }
            return next
        }
    }

    /// Prefixes that are counted, for as long as the inventory lives.
    private let prefixes: [String]
    private let state: Mutex<State>

    /// - Parameter quota: whose prefixes are counted.
    package init(countingPrefixesOf quota: ServerConfiguration.Quota = .init()) {
        let others = quota.prefixSignalsMax.filter {
            quota.prefixStoredBytesMax.limit(of: $0.prefix) == nil
        }
        prefixes = (quota.prefixStoredBytesMax + others).map(\.prefix)
        state = Mutex(State(byPrefix: prefixes.map { _ in Totals() }))
    }

    package var totals: Totals { state.withLock { $0.all } }

    /// What the keys of each prefix with a quota count.
    package var prefixTotals: [(prefix: String, totals: Totals)] {
        zip(prefixes, state.withLock { $0.byPrefix }).map { ($0, $1) }
    }

    /// Counts a change before it is committed. Throws `noSpace` when it would grow the store
    /// beyond a quota; nothing is counted then.
    func change(
        from old: SignalRecord?, to new: SignalRecord?, quota: ServerConfiguration.Quota
    ) throws(Failure) {
        let places = places(of: new ?? old)
        let (before, after) = (Self.count(old), Self.count(new))
        try state.withLock { (state) throws(Failure) in
            let next = state.replacing(before, by: after, at: places)
            try check(state, next, places, quota)
            state = next
        }
    }

    /// Takes a change back whose commit failed.
    func undo(from old: SignalRecord?, to new: SignalRecord?) {
        let places = places(of: new ?? old)
        let (before, after) = (Self.count(old), Self.count(new))
        state.withLock { $0 = $0.replacing(after, by: before, at: places) }
    }

    /// Throws when a quota leaves no room for a new key, before work is done for nothing.
    func checkRoom(for key: String, _ quota: ServerConfiguration.Quota) throws(Failure) {
        let places = places(of: key)
        var least = Totals()
        least.signals = 1
        least.storedBytes = 1
        let now = state.withLock { $0 }
        try check(now, now.replacing(Totals(), by: least, at: places), places, quota)
    }

    private static func count(_ record: SignalRecord?) -> Totals {
        record.map(Totals.init) ?? Totals()
    }

    private func places(of record: SignalRecord?) -> [Int] {
        record.map { places(of: $0.key) } ?? []
    }

    private func places(of key: String) -> [Int] {
        prefixes.indices.filter { key.utf8.starts(with: prefixes[$0].utf8) }
    }

    private func check(
        _ now: State, _ next: State, _ places: [Int], _ quota: ServerConfiguration.Quota
    ) throws(Failure) {
        try QuotaLimits(quota).check(now.all, next.all)
        for place in places {
            try QuotaLimits(quota, prefixes[place]).check(
                now.byPrefix[place], next.byPrefix[place])
        }
    }
}

/// The quotas of the whole store, or of one prefix.
private struct QuotaLimits {
    private let storedBytesMax: Int
    private let signalsMax: Int
    /// What the quotas are of, and what their options are called.
    private let scope: String
    private let options: String

    init(_ quota: ServerConfiguration.Quota) {
        storedBytesMax = quota.storedBytesMax
        signalsMax = quota.signalsMax
        scope = ""
        options = "quota."
    }

    init(_ quota: ServerConfiguration.Quota, _ prefix: String) {
        storedBytesMax = quota.prefixStoredBytesMax.limit(of: prefix) ?? 0
        signalsMax = quota.prefixSignalsMax.limit(of: prefix) ?? 0
        scope = " for keys that begin with \"\(prefix)\""
        options = "quota.prefix_"
    }

    /// Throws `noSpace` for growth beyond a quota.
    func check(_ now: Inventory.Totals, _ next: Inventory.Totals) throws(Failure) {
        if storedBytesMax > 0, next.storedBytes > now.storedBytes,
            next.storedBytes > storedBytesMax
        {
            throw Failure(
                .noSpace,
                "the quota of \(storedBytesMax) bytes\(scope) is used up (\(now.storedBytes) are"
                    + " stored); remove signals or raise \(options)stored_bytes_max")
        }
        if signalsMax > 0, next.signals > now.signals, next.signals > signalsMax {
            throw Failure(
                .noSpace,
                "the quota of \(signalsMax) signals\(scope) is used up; remove signals or raise"
                    + " \(options)signals_max")
        }
    }
}
