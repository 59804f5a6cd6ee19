// Every way of reading ends within a shard a thread once its request must stop.

import GAMCodec
import GAMCore
import GAMFit
import GAMQuery
import Synchronization
import Testing

@Suite struct StopTests {
    private struct Stopped: Error {}

    /// Lets so many shards be looked at.
    private final class Allowance: Sendable {
        private let left: Mutex<Int>
        private let asked = Atomic<Int>(0)

        init(_ count: Int) { left = Mutex(count) }

        var count: Int { asked.load(ordering: .relaxed) }

        func check() throws {
            asked.add(1, ordering: .relaxed)
            try left.withLock { left in
                guard left > 0 else { throw Stopped() }
                left -= 1
            }
        }
    }

    enum Way: CaseIterable {
        case whole, steps, level, area, moreBits, levelBelow, points, predicate, bounds, cells

        /// Looks at every shard of a picture.
        func read(_ reader: SignalReader, threads: Int) throws {
            let description = reader.manifest.description
            let coarse = try Selection(region: nil, level: 4, of: description)
            switch self {
            case .whole: _ = try reader.bytes(Selection(wholeOf: description), threads: threads)
            case .steps:
                let every = description.extents.map { AxisInterval(start: 0, stop: $0, step: 3) }
                let selection = try Selection(region: every, level: 0, of: description)
                _ = try reader.bytes(selection, threads: threads)
            case .level: _ = try reader.bytes(coarse, threads: threads)
            case .area: try AreaReader(reader, level: 4, threads: threads).read(coarse) { _ in }
            case .moreBits:
                try reader.readExpanded(
                    Selection(wholeOf: description), bits: 12, threads: threads
                ) { _ in }
            case .levelBelow:
                let finer = try SuperResolutionReader(reader, level: -1, threads: threads)
                try finer.read(Selection(wholeOf: finer.description)) { _ in }
            case .points:
                var options = PointOptions()
                options.threads = threads
                let middles = stride(from: 8.0, to: 256, by: 16)
                let points = middles.flatMap { y in middles.flatMap { x in [y, x] } }
                _ = try PointSampler(reader, options).sample(points, gradients: false)
            case .predicate:
                let search = try PredicateSearch(
                    reader, Predicate(.greater, 100, channel: 0), threads: threads)
                _ = try search.runs(in: description.extents.map { 0..<$0 }, runsMax: 1 << 20) {}
            case .bounds:
                for shard in 0..<reader.grid.count { _ = try reader.measuredBounds(shard) }
            case .cells:
                for shard in 0..<reader.grid.count { _ = try reader.measuredCells(shard) }
            }
        }
    }

    @Test(arguments: Way.allCases) func endsWithinAShard(_ way: Way) throws {
        let signal = try StoredSignal(
            [256, 256], SampleType(family: .unsigned, bits: 8), shard: [32, 32],
            keepsBounds: false
        ) { Double(($0 * 31 + $0 / 256 * 7) % 256) }
        for threads in [1, 2] {
            let unbounded = Allowance(.max)
            try way.read(signal.reader.checked(by: unbounded.check), threads: threads)
            #expect(unbounded.count >= 64, "every shard is asked for")
            let bounded = Allowance(5)
            let recalled = Allowance(.max)
            let reader = signal.reader.checked(by: bounded.check).counted { _ in
                try recalled.check()
            }
            #expect(throws: Stopped.self) { try way.read(reader, threads: threads) }
            #expect((1...5).contains(recalled.count), "asked before anything is recalled")
            // Every thread that was at work may have asked once more.
            #expect((6...5 + threads).contains(bounded.count), "\(bounded.count) shards")
        }
    }
}
