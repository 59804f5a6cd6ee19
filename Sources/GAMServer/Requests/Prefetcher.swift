// Recalls the shards that a sequential reader will ask for next, before it does.
//
// What always holds:
// - Only a signal whose last reads went on where the one before ended is read ahead; random reads
//   cost nothing but a look at a small table.
// - One thread at the lowest priority; what does not fit its short queue is forgotten. Shards go to
//   the cache like any other, within its budget.

import CLinux
import CoreMetrics
import GAMCodec
import GAMCore
import GAMStore
import Glibc
import Logging

final class Prefetcher: Sendable {
    /// How far one signal's reads have come.
    fileprivate struct Trail {
        var next: Int
        var length = 0
        var seen: Int
    }

    fileprivate struct Task: Sendable {
        let signal: OpenSignal
        let reader: SignalReader
        let shards: Range<Int>
    }

    fileprivate struct State {
        var trails: [BlobSpace: Trail] = [:]
        var clock = 0
        var queue: [Task] = []
        var isStopping = false
        var isRunning = false
    }

    private static let trailsMax = 256
    private static let queueMax = 8
    /// Reads in a row that make a sequence.
    private static let sequenceMin = 2
    private let shardsAhead: Int
    private let shardBytesMax: Int
    private let recalled: Counter
    private let log: Logger
    private let state = Monitor(State())

    init(_ cache: ServerConfiguration.Cache, metrics: ServerMetrics, log: Logger) {
        shardsAhead = cache.prefetchShards
        shardBytesMax = cache.shardBytes / 8
        recalled = metrics.prefetchedShards
        self.log = log
    }

    func start() {
        guard shardsAhead > 0 else { return }
        let didStart = startThread(named: "gamd-ahead") {
            _ = clinux_run_in_background()
            while let task = self.next() { self.run(task) }
            self.state.withLock { $0.isRunning = false }
        }
        state.withLock { $0.isRunning = didStart }
    }

    /// False when the thread was still in the middle of a shard.
    func stop(milliseconds: Int) -> Bool {
        state.withLock { state in
            state.isStopping = true
            state.queue = []
        }
        return state.wait(milliseconds: milliseconds) { $0.isRunning ? nil : true } ?? false
    }

    /// Takes note of a read that has been answered; `reader` is one with the cache.
    func saw(_ signal: OpenSignal, _ reader: SignalReader, _ selection: Selection) {
        guard shardsAhead > 0 else { return }
        let shards = reader.grid.shards(touching: selection.box)
        guard let first = shards.first, let last = shards.last else { return }
        let ahead = min(shardsAhead, shards.count)
        let bytes = ahead * signal.record.manifest.shardBytes
        let isQueued = state.withLock(waking: .none) { state -> Bool in
            let isNext = state.advance(signal.record.recordSpace, first, last, Self.trailsMax)
            guard isNext >= Self.sequenceMin, bytes <= shardBytesMax, !state.isStopping,
                state.queue.count < Self.queueMax
            else { return false }
            let wanted = last + 1..<min(reader.grid.count, last + 1 + ahead)
            guard !wanted.isEmpty else { return false }
            state.queue.append(Task(signal: signal, reader: reader, shards: wanted))
            return true
        }
        if isQueued { state.wake() }
    }

    private func next() -> Task? {
        let task = state.wait { state -> Task?? in
            if state.isStopping { return .some(nil) }
            return state.queue.isEmpty ? nil : .some(state.queue.removeFirst())
        }
        return task ?? nil
    }

    private func run(_ task: Task) {
        for shard in task.shards {
            guard state.withLock(waking: .none, { !$0.isStopping }) else { return }
            do {
                try task.reader.warm(shard)
                recalled.increment()
            } catch {
                // Whoever reads it will be told; nobody has asked yet.
                return log.debug("reading ahead: \(error)")
            }
        }
    }
}

extension Prefetcher.State {
    /// How many reads of a signal in a row went on where the one before ended.
    fileprivate mutating func advance(
        _ space: BlobSpace, _ first: Int, _ last: Int, _ most: Int
    ) -> Int {
        clock += 1
        var trail = trails[space] ?? Prefetcher.Trail(next: -1, seen: clock)
        // A read may begin in the shard that the one before ended in.
        let goesOn = first == trail.next || (first == trail.next - 1 && last >= trail.next)
        if goesOn {
            trail.length += 1
        } else if first != trail.next - 1 || last != trail.next - 1 {
            trail.length = 0
        }
        trail.next = last + 1
        trail.seen = clock
        trails[space] = trail
        if trails.count > most, let oldest = trails.min(by: { $0.value.seen < $1.value.seen }) {
            trails[oldest.key] = nil
        }
        return goesOn ? trail.length : 0
    }
}

extension SignalManifest {
    /// Bytes of a recalled shard.
    fileprivate var shardBytes: Int {
        shardExtents.reduce(1, *) * description.channels.count
            * description.sampleType.containerBytes
    }
}
