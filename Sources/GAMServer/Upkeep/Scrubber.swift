// The scrub: recalls every signal against its hashes, slowly, and puts damaged ones in quarantine.
//
// What always holds:
// - Progress is in the store: a pass that a stop or a crash cut off goes on where it was.
// - A signal is quarantined only if it is damaged in two looks one after the other, and only in the
//   version that was looked at.
// - It keeps below scrub.bytes_per_second, at the lowest priority.

import CLinux
import GAMCodec
import GAMProtocol
import GAMStore
import Logging
import SwiftProtobuf
import Synchronization

final class Scrubber: Sendable {
    private struct State {
        var pass: CatalogScrubPass?
        var isWanted = false
        var isStopping = false
        var hasThread = false
    }

    private let catalog: SignalCatalog
    private let settings: LiveSettings
    private let metrics: ServerMetrics
    private let log: Logger
    private let state = Monitor(State())
    private let mustStop = Atomic(false)

    /// Signals between two notes of the progress in the store.
    private static let signalsPerNote = 64

    init(catalog: SignalCatalog, settings: LiveSettings, metrics: ServerMetrics, log: Logger) {
        self.catalog = catalog
        self.settings = settings
        self.metrics = metrics
        self.log = log
    }

    /// Reads how far an earlier run came, and goes on if nobody stopped it.
    func resume() throws {
        guard let value = try catalog.store.value(catalog.partition, CatalogKeys.scrub),
            let pass = try? CatalogScrubPass(serializedBytes: value.bytes)
        else { return }
        state.withLock { $0.pass = pass }
        if pass.endedUnixMs == 0 && !pass.stopped { try begin() }
    }

    /// Starts a pass, or goes on with one that was stopped.
    func begin() throws {
        let needsThread = state.withLock { state in
            if state.isWanted || state.isStopping { return false }
            if state.pass == nil || state.pass?.endedUnixMs != 0 {
                var pass = CatalogScrubPass()
                pass.startedUnixMs = unixMilliseconds()
                state.pass = pass
            }
            state.pass?.stopped = false
            state.isWanted = true
            mustStop.store(false, ordering: .relaxed)
            defer { state.hasThread = true }
            return !state.hasThread
        }
        guard needsThread else { return }
        guard startThread(named: "gamd-scrub", run) else {
            state.withLock { state in
                state.isWanted = false
                state.hasThread = false
            }
            throw Failure(.busy, "the system has no thread left for a scrub; try again later")
        }
    }

    /// Ends the pass for now; it does not go on by itself.
    func halt() {
        mustStop.store(true, ordering: .relaxed)
        state.withLock { state in
            state.isWanted = false
            if state.pass?.endedUnixMs == 0 { state.pass?.stopped = true }
        }
        _ = state.wait(milliseconds: 2_000) { $0.hasThread ? nil : true }
    }

    /// Ends the thread with the daemon; the pass goes on at the next start.
    func stop(milliseconds: Int) -> Bool {
        mustStop.store(true, ordering: .relaxed)
        state.withLock { state in
            state.isWanted = false
            state.isStopping = true
        }
        return state.wait(milliseconds: milliseconds) { $0.hasThread ? nil : true } ?? false
    }

    func report() -> WireScrubResult {
        var result = WireScrubResult()
        state.withLock { state in
            guard let pass = state.pass else {
                result.state = "never"
                return
            }
            result.state =
                pass.endedUnixMs > 0 ? "done" : state.hasThread ? "running" : "stopped"
            result.signals = pass.signals
            result.bytes = pass.bytes
            result.startedUnixMs = pass.startedUnixMs
            result.endedUnixMs = pass.endedUnixMs
        }
        result.total = UInt64(catalog.inventory.totals.signals)
        let damaged = catalog.quarantine.all
        result.damaged = UInt64(damaged.count)
        result.damages = damaged.prefix(1_000).map { key, entry in
            var damage = WireDamage()
            damage.key = key
            damage.reason = String(entry.reason.prefix(200))
            damage.foundUnixMs = entry.sinceUnixMs
            return damage
        }
        return result
    }

    // MARK: The thread

    private func run() {
        if clinux_run_in_background() < 0 { log.debug("the scrub runs at normal priority") }
        var goesOn = true
        while goesOn {
            var failed = false
            do {
                try look()
            } catch {
                failed = true
                log.error(
                    "the scrub ended early: \(error); it goes on with the next start or request")
            }
            do {
                try note()
            } catch {
                log.warning("the progress of the scrub could not be kept: \(error)")
            }
            goesOn = state.withLock { state in
                // A start that came while this thread was ending is still wanted.
                let again = state.isWanted && !failed && state.pass?.endedUnixMs == 0
                state.isWanted = again
                state.hasThread = again
                return again
            }
        }
    }

    private var mayGoOn: Bool { !mustStop.load(ordering: .relaxed) }

    private func look() throws {
        var sinceNote = 0
        while mayGoOn {
            let cursor = state.withLock { $0.pass?.cursor ?? "" }
            let page = try catalog.list(
                prefix: "", after: cursor.isEmpty ? nil : cursor, limit: 100)
            for (key, _) in page.entries {
                guard try look(at: key) else { return }
                sinceNote += 1
                if sinceNote >= Self.signalsPerNote {
                    sinceNote = 0
                    try note()
                }
            }
            if page.isLast { return finish() }
        }
    }

    private func finish() {
        let pass = state.withLock { state in
            state.pass?.endedUnixMs = unixMilliseconds()
            return state.pass ?? CatalogScrubPass()
        }
        let damaged = catalog.quarantine.count
        log.event(
            .scrubEnded, damaged == 0 ? .notice : .error,
            "scrub done: \(pass.signals) signals, \(pass.bytes) bytes recalled, \(damaged) damaged")
    }

    /// False: stopped in the middle, the signal is looked at again when the pass goes on.
    private func look(at key: String) throws -> Bool {
        var bytes = 0
        do {
            bytes = try verify(key)
        } catch CodecError.cancelled {
            return false
        } catch {
            let failure = Failure(error)
            switch failure.status {
            case .notFound: break  // removed meanwhile
            case .integrity: guard try confirm(key) else { return false }
            case .unsupported: log.warning("scrub: \(failure.about(key).text)")
            default: throw failure.about(key)
            }
        }
        state.withLock { state in
            state.pass?.cursor = key
            state.pass?.signals += 1
            state.pass?.bytes += UInt64(bytes)
        }
        return true
    }

    /// Looks a second time at a signal that seemed damaged; a replace may have come between, or
    /// the memory of this machine may be at fault.
    private func confirm(_ key: String) throws -> Bool {
        guard let version = try catalog.version(of: key) else { return true }
        do {
            _ = try verify(key)
        } catch CodecError.cancelled {
            return false
        } catch {
            let failure = Failure(error)
            guard failure.status == .integrity else { return true }
            do {
                try catalog.quarantine(key, version: version, reason: failure.text)
            } catch StoreError.conflict {
                return true
            }
            metrics.verifyFailures.increment()
            log.event(
                .quarantined, .error, failure.about(key).text,
                [LogField.keyHash: .string(keyHash(key))])
        }
        return true
    }

    /// The bytes recalled.
    private func verify(_ key: String) throws -> Int {
        let signal = try catalog.open(key, evenQuarantined: true)
        let total = signal.record.manifest.description.rawBytes
        let limit = settings.now.scrub.bytesPerSecond
        let pace = Mutex(
            (throttle: Throttle(bytesPerSecond: limit, now: clinux_milliseconds()), done: 0))
        try SignalVerifier.verify(signal, threads: 1) { [self] fraction in
            let delay = pace.withLock { pace in
                let done = Int(fraction * Double(total))
                defer { pace.done = max(pace.done, done) }
                return pace.throttle.delay(
                    after: max(0, done - pace.done), now: clinux_milliseconds())
            }
            if delay > 0 {
                _ = state.wait(milliseconds: delay) { $0.isWanted ? nil : true }
            }
            return mayGoOn
        }
        return total
    }

    /// Keeps the progress in the store.
    private func note() throws {
        guard let pass = state.withLock({ $0.pass }) else { return }
        var transaction = Transaction(partition: catalog.partition)
        try transaction.put(CatalogKeys.scrub, try pass.serializedBytes())
        try catalog.commit(transaction)
    }
}
