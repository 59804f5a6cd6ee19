// Idle time: gives the space of deleted records back to the disk, then fits signals again (better
// weights, fewer bytes, the same samples), and looks for space between two of them.
//
// What always holds:
// - It works only while no request runs, and stops within one step of the codec when one comes.
// - It has one thread of the lowest priority for processor and disk, and stays below
//   refit.max_cpu of one processor.
// - A swap compares the catalog entry: a put, replace or delete that came meanwhile wins.
// - The content hash never changes; a result that is not smaller is dropped.

import CLinux
import GAMCodec
import GAMFormat
import GAMProtocol
import GAMStore
import Glibc
import Logging
import Synchronization

/// Decides which signal is fitted next. Pure.
package struct RefitPlanner: Sendable {
    package struct Candidate: Equatable, Sendable {
        package let key: String
        package let effort: Int
    }
    package let targetEffort: Int
    package private(set) var best: Candidate?
    /// Signals below the target.
    package private(set) var count = 0

    package init(targetEffort: Int) { self.targetEffort = targetEffort }

    /// Looks at one signal: the lowest effort wins, then the first key.
    package mutating func consider(key: String, effort: Int, effortTried: Int) {
        guard max(effort, effortTried) < targetEffort else { return }
        count += 1
        if let best, best.effort <= effort { return }
        best = Candidate(key: key, effort: effort)
    }
}

/// Decides how dead bytes are given back. Pure.
package enum SpacePlanner {
    package enum Step: Equatable, Sendable { case none, settle, rewrite }

    /// The store is rewritten in one go that cannot be interrupted: at 200 MB/s and more, this many
    /// live bytes take about 3 s, well within the time a stop may take. In larger stores only
    /// files without a live byte go at once; those half dead, with the store's own compactions.
    static let liveBytesMax: UInt64 = 512 << 20
    static let deadBytesMin: UInt64 = 32 << 20

    package static func step(for size: StoreSize) -> Step {
        let (bytes, dead) = (size.bytes, size.deadBytes)
        let live = bytes > dead ? bytes - dead : 0
        if dead >= deadBytesMin && dead >= bytes / 4 && live <= liveBytesMax { return .rewrite }
        return size.uncountedBytes >= deadBytesMin ? .settle : .none
    }
}

final class RefitScheduler: Sendable {
    private let catalog: SignalCatalog
    private let activity: Activity
    private let jobs: JobBoard
    private let live: LiveSettings
    private let metrics: ServerMetrics
    private let log: Logger
    private struct State {
        var isStopping = false
        var isRunning = false
    }
    private let state = Monitor(State())
    /// Set while stopping; read by the codec's progress calls without a lock.
    private let mustStop = Atomic(false)

    init(
        catalog: SignalCatalog, activity: Activity, jobs: JobBoard, settings: LiveSettings,
        metrics: ServerMetrics, log: Logger
    ) {
        self.catalog = catalog
        self.activity = activity
        self.jobs = jobs
        live = settings
        self.metrics = metrics
        self.log = log
    }

    private var settings: ServerConfiguration.Refit { live.now.refit }

    func start() {
        state.withLock { $0.isRunning = true }
        guard startThread(named: "gamd-refit", run) else {
            state.withLock { $0.isRunning = false }
            return log.error("no thread for fitting in idle time; nothing is fitted again")
        }
    }

    func stop(milliseconds: Int) -> Bool {
        mustStop.store(true, ordering: .relaxed)
        state.withLock { $0.isStopping = true }
        return state.wait(milliseconds: milliseconds) { $0.isRunning ? nil : true } ?? false
    }

    private func run() {
        if clinux_run_in_background() < 0 { log.debug("fitting runs at normal priority") }
        var pause = Int64(settings.idleSeconds) * 1000
        while state.wait(
            milliseconds: Int(min(pause, 60_000)), for: { $0.isStopping ? true : nil }) == nil
        {
            let idle = Int64(settings.idleSeconds) * 1000
            pause = max(idle - activity.idleMilliseconds, 10)
            guard activity.idleMilliseconds >= idle else { continue }
            do {
                // Space first: it takes seconds, and signals to be fitted may last for days.
                try reclaimSpace()
                // Nothing to do: look again when the next idle time has passed.
                if try !refitOne() { pause = max(idle, 1_000) }
            } catch {
                log.warning("fitting again in idle time failed: \(error)")
                jobs.end("failed: \(Failure(error).text)", bytes: nil)
                pause = 60_000
            }
        }
        state.withLock { $0.isRunning = false }
    }

    private var mayGoOn: Bool {
        !mustStop.load(ordering: .relaxed) && !activity.isBusy && !jobs.isPaused
    }

    /// Fits the next signal again; false when none is below the target.
    private func refitOne() throws -> Bool {
        guard settings.enabled, !jobs.isPaused, let candidate = try nextCandidate() else {
            return false
        }
        let signal: OpenSignal
        do {
            signal = try catalog.open(candidate.key)
        } catch let failure as Failure where failure.status == .notFound {
            return true
        }
        jobs.begin(candidate.key, bytes: signal.record.storedBytes)
        let reservation = try catalog.reserve(for: candidate.key)
        do {
            try refit(signal, reservation)
        } catch let unsettled as UnsettledCommit {
            throw unsettled.reason
        } catch CodecError.cancelled {
            catalog.abandon(reservation)
            jobs.end("interrupted", bytes: nil)
        } catch let failure as Failure where failure.status == .busy {
            catalog.abandon(reservation)
            jobs.end("superseded", bytes: nil)
        } catch {
            catalog.abandon(reservation)
            try? catalog.amend(signal.record) { $0.effortTried = UInt32(settings.effort) }
            throw error
        }
        return true
    }

    private func refit(_ signal: OpenSignal, _ reservation: WriteReservation) throws {
        let record = signal.record
        let sink = StoreRecordSink(store: catalog.store, space: reservation.records)
        let budget = ProcessorBudget(percent: settings.maxCPU)
        let manifest = try SignalWriter(priors: .shipped).refit(
            record.manifest, from: signal.source, effort: settings.effort, threads: 1,
            keepsBounds: true, into: sink
        ) { fraction in
            jobs.progress(fraction)
            budget.rest { mayGoOn }
            return mayGoOn
        }
        guard let manifest, manifest.contentHash == record.manifest.contentHash else {
            catalog.abandon(reservation)
            try keep(record, manifest)
            return
        }
        var message = record.message
        message.recordSpace = .init(reservation.records.bytes)
        message.effortTried = UInt32(settings.effort)
        // Manifests are small unless rounds are many; one that is a blob keeps the old layout.
        let bytes = manifest.serialized()
        guard bytes.count <= Attachments.inlineManifestBytesMax, message.manifestPieces == 0 else {
            catalog.abandon(reservation)
            return try keep(record, nil)
        }
        message.manifest = .init(bytes)
        let condition = PublishCondition.unchanged(version: record.version)
        let published = try catalog.publish(record.key, message, reservation, condition)
        let saved = record.storedBytes - published.record.storedBytes
        metrics.refitSavedBytes.increment(by: Int64(max(0, saved)))
        log.event(
            .refitted, .info,
            "\"\(record.key)\": \(record.storedBytes) -> \(published.record.storedBytes) bytes",
            [LogField.keyHash: .string(keyHash(record.key))])
        jobs.end("done", bytes: published.record.storedBytes)
    }

    /// Nothing was gained: remember that it was tried.
    private func keep(_ record: SignalRecord, _ manifest: SignalManifest?) throws {
        if let manifest {
            throw Failure(
                .failed,
                "\"\(record.key)\": fitting changed the samples (\(manifest.contentHash.hex));"
                    + " the old network stays, please report it")
        }
        do {
            try catalog.amend(record) { $0.effortTried = UInt32(settings.effort) }
        } catch StoreError.conflict {
            return jobs.end("superseded", bytes: nil)
        }
        jobs.end("nothing gained", bytes: record.storedBytes)
    }

    private func reclaimSpace() throws {
        let size = try catalog.store.size()
        guard mayGoOn else { return }
        switch SpacePlanner.step(for: size) {
        case .none: return
        case .settle: try catalog.store.settleDeletions()
        case .rewrite: try catalog.store.reclaimSpace()
        }
        let left = try catalog.store.size().bytes
        log.event(
            .spaceReclaimed, .info,
            "gave back space of deleted records: \(size.bytes) -> \(left) bytes")
    }

    private func nextCandidate() throws -> RefitPlanner.Candidate? {
        var planner = RefitPlanner(targetEffort: settings.effort)
        var after: String?
        while mayGoOn {
            let page = try catalog.list(prefix: "", after: after, limit: 1_000)
            for case (let key, .success(let record)) in page.entries
            where !catalog.quarantine.contains(key) {
                planner.consider(
                    key: key, effort: record.manifest.effort,
                    effortTried: Int(clamping: record.message.effortTried))
            }
            after = page.entries.last?.key
            if page.isLast || after == nil {
                jobs.setWaiting(planner.count)
                metrics.refitWaiting.set(planner.count)
                return planner.best
            }
        }
        return nil
    }
}

/// Keeps a thread below a part of one processor.
private final class ProcessorBudget: Sendable {
    private let percent: Int
    private let start = (wall: clinux_nanoseconds(), used: clinux_thread_nanoseconds())

    init(percent: Int) { self.percent = percent }

    /// Sleeps until the time used is the allowed part of the time passed, or `mayGoOn` says no.
    func rest(while mayGoOn: () -> Bool) {
        guard percent < 100 else { return }
        while mayGoOn() {
            let used = clinux_thread_nanoseconds() - start.used
            let passed = clinux_nanoseconds() - start.wall
            let missing = used / Int64(percent) * 100 - passed
            guard missing > 1_000_000 else { return }
            usleep(UInt32(clamping: min(missing / 1000, 50_000)))
        }
    }
}
