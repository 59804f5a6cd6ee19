// One shard or overview: planes of integers <-> ranges and a trace.
//
// What always holds here:
// - `encode` and `recall` walk the same positions with the same contexts; only the step differs.
// - Planes are linear here: [plane][point], planes = channels x points of a fourth axis.

import CGAMKernels

/// Codes shards; keeps its working memory between calls. One per thread.
package final class ShardCoder {
    package let engine: Engine
    let scratch = BatchScratch()
    private var planes: [ShearedPlane] = []
    private let ahead = Buffer()
    let causal = CausalPlanes()

    package init(engine: Engine = .best) {
        self.engine = engine
    }

    /// What a walk does with each plane.
    struct Task {
        let layout: ShardLayout
        let independent: Set<Int>
        let networks: NetworkSet?
        let rolesMax: Int
        let ranges: [ClosedRange<Int32>]
        let statistics: [PlaneStatistics]
        /// Values of the overview, [plane][point]; nil without one.
        let overview: UnsafePointer<Int32>?
        /// How many lower bits are coded alone; 0 for all.
        var lowerBits = 0
    }

    /// Codes the planes of a shard.
    /// - Parameters:
    ///   - linear: [plane][point] values.
    ///   - overview: values of the overview's lattice, already stored elsewhere.
    ///   - lowerBits: 1 to 16: only so many lower bits of the values, the others being known.
    package func encode(
        _ linear: UnsafePointer<Int32>, layout: ShardLayout, independent: Set<Int>,
        networks: NetworkSet, predictors: PredictorBank, overview: UnsafePointer<Int32>?,
        lowerBits: Int = 0
    ) -> CodedShard {
        let ranges = Self.ranges(linear, layout)
        let rolesMax = networks.roles.count - 1
        let statistics = self.statistics(linear, layout, independent, rolesMax: rolesMax)
        let writer = TraceWriter(symbolsMax: layout.sampleCount)
        let task = Task(
            layout: layout, independent: independent, networks: networks, rolesMax: rolesMax,
            ranges: ranges, statistics: statistics, overview: overview, lowerBits: lowerBits)
        var step = PriceStep(engine: engine, writer: writer, lowerBits: lowerBits)
        if layout.order == .causal {
            walkCausal(task, predictors, linear: linear, into: nil, &step)
        } else {
            walkAll(task, linear: linear, into: nil, &step)
        }
        return CodedShard(
            ranges: ranges, statistics: statistics, predictors: predictors,
            trace: writer.finish())
    }

    /// Recalls the planes of a shard into `linear`; with `lowerBits` it holds the upper bits already.
    package func recall(
        _ shard: CodedShard, layout: ShardLayout, independent: Set<Int>, networks: NetworkSet,
        overview: UnsafePointer<Int32>?, into linear: UnsafeMutablePointer<Int32>,
        lowerBits: Int = 0
    ) throws(TraceExhausted) {
        guard Self.holds(overview, layout, shard.ranges) else { throw TraceExhausted() }
        var failed = false
        let task = Task(
            layout: layout, independent: independent, networks: networks,
            rolesMax: networks.roles.count - 1, ranges: shard.ranges,
            statistics: shard.statistics, overview: overview, lowerBits: lowerBits)
        let upper = lowerBits > 0 ? UnsafePointer(linear) : nil
        shard.trace.words.withUnsafeBufferPointer { words in
            shard.trace.bits.withUnsafeBufferPointer { bits in
                var step = RecallStep(
                    engine: engine, reader: Self.reader(shard, words, bits), lowerBits: lowerBits)
                if layout.order == .causal {
                    walkCausal(task, shard.predictors, linear: upper, into: linear, &step)
                } else {
                    walkAll(task, linear: upper, into: linear, &step)
                }
                failed = step.reader.failed != 0 || step.reader.words != step.reader.words_end
            }
        }
        if failed { throw TraceExhausted() }
    }

    /// Whether an overview's values are within the planes' ranges, as every other value is checked to
    /// be: kernels choose the width of their differences by them.
    private static func holds(
        _ overview: UnsafePointer<Int32>?, _ layout: ShardLayout, _ ranges: [ClosedRange<Int32>]
    ) -> Bool {
        guard let overview, let coarse = layout.overview else { return true }
        return ranges.enumerated().allSatisfy { plane, range in
            UnsafeBufferPointer(start: overview + plane * coarse.points, count: coarse.points)
                .allSatisfy(range.contains)
        }
    }

    /// Positions of a shard as fitting sees them, appended to the observations of each role.
    package func observe(
        _ linear: UnsafePointer<Int32>, layout: ShardLayout, independent: Set<Int>, rolesMax: Int,
        predictors: PredictorBank, overview: UnsafePointer<Int32>?,
        into observations: inout [Observations]
    ) {
        let task = Task(
            layout: layout, independent: independent, networks: nil, rolesMax: rolesMax,
            ranges: Self.ranges(linear, layout),
            statistics: statistics(linear, layout, independent, rolesMax: rolesMax),
            overview: overview)
        for index in 0..<layout.planeCount {
            let role = self.role(index, task)
            var step = ObserveStep(
                observations: observations[role], constants: conditions(index, task))
            observations[role] = Observations(inputCount: observations[role].inputCount)
            if layout.order == .causal {
                observeCausal(task, index, predictors, linear, &step)
            } else {
                walkPlane(index, task, linear: linear, into: nil, &step)
            }
            observations[role] = step.observations
        }
    }

    /// Walks one plane of a spatial shard whose values are known; earlier planes were walked before.
    func walkKnown(
        _ index: Int, _ linear: UnsafePointer<Int32>, layout: ShardLayout,
        independent: Set<Int>, networks: NetworkSet, overview: UnsafePointer<Int32>?,
        _ step: inout some BatchStep
    ) {
        let rolesMax = networks.roles.count - 1
        let task = Task(
            layout: layout, independent: independent, networks: networks, rolesMax: rolesMax,
            ranges: Self.ranges(linear, layout),
            statistics: statistics(linear, layout, independent, rolesMax: rolesMax),
            overview: overview)
        walkPlane(index, task, linear: linear, into: nil, &step)
    }

    private static func reader(
        _ shard: CodedShard, _ words: UnsafeBufferPointer<UInt16>,
        _ bits: UnsafeBufferPointer<UInt8>
    ) -> gam_reader {
        var reader = gam_reader()
        withUnsafeMutableBytes(of: &reader.state) { state in
            for (i, s) in shard.trace.states.prefix(GAM_STATES).enumerated() {
                state.bindMemory(to: UInt32.self)[i] = s
            }
        }
        reader.words = words.baseAddress
        reader.words_end = words.baseAddress.map { $0 + words.count }
        reader.bits = bits.baseAddress
        reader.bits_end = bits.baseAddress.map { $0 + bits.count }
        return reader
    }

    static func ranges(_ linear: UnsafePointer<Int32>, _ layout: ShardLayout)
        -> [ClosedRange<Int32>]
    {
        (0..<layout.planeCount).map { plane in
            let values = linear + plane * layout.points
            var low = values[0]
            var high = values[0]
            for i in 1..<max(layout.points, 1) {
                low = min(low, values[i])
                high = max(high, values[i])
            }
            return low...high
        }
    }

    // MARK: wavefront

    private let statisticsMemory = Buffer()

    private func statistics(
        _ linear: UnsafePointer<Int32>, _ layout: ShardLayout, _ independent: Set<Int>,
        rolesMax: Int
    ) -> [PlaneStatistics] {
        guard let wavefront = layout.wavefront, layout.hasStatistics else { return [] }
        return (0..<layout.planeCount).map { index in
            let previous = layout.previous(of: index, independent: independent).prefix(rolesMax)
            return PlaneStatistics(
                linear + index * layout.points,
                previous: previous.map { linear + $0 * layout.points }, wavefront, engine,
                statisticsMemory)
        }
    }

    private func conditions(_ index: Int, _ task: Task) -> PlaneStatistics? {
        guard task.layout.wavefront != nil else { return nil }
        return task.statistics.isEmpty ? .unknown : task.statistics[index]
    }

    private func role(_ index: Int, _ task: Task) -> Int {
        if task.layout.order == .causal {
            return CausalCoder.role(
                channel: index, of: task.layout.planeCount, rolesMax: task.rolesMax)
        }
        let previous = task.layout.previous(of: index, independent: task.independent)
        return min(previous.count, task.rolesMax)
    }

    private func walkAll(
        _ task: Task, linear: UnsafePointer<Int32>?, into: UnsafeMutablePointer<Int32>?,
        _ step: inout some BatchStep
    ) {
        for index in 0..<task.layout.planeCount {
            walkPlane(index, task, linear: linear, into: into, &step)
        }
    }

    private func walkPlane(
        _ index: Int, _ task: Task, linear: UnsafePointer<Int32>?,
        into: UnsafeMutablePointer<Int32>?, _ step: inout some BatchStep
    ) {
        let layout = task.layout
        guard let wavefront = layout.wavefront else { return }
        while planes.count <= index { planes.append(ShearedPlane()) }
        let plane = planes[index]
        let values = plane.values.reserve(wavefront.size)
        (plane.low, plane.high) = (task.ranges[index].lowerBound, task.ranges[index].upperBound)
        if let linear { wavefront.shear(linear + index * layout.points, into: values) }
        let role = self.role(index, task)
        let context = PlaneContext(
            plane: plane,
            previous: layout.previous(of: index, independent: task.independent).prefix(role).map {
                planes[$0]
            },
            ahead: prepareOverview(index, task, wavefront, values),
            spacing: task.overview == nil
                ? 0 : layout.spacing,
            lowerBits: task.lowerBits,
            network: task.networks?.roles[role].conditioned(on: conditions(index, task)))
        WavefrontCoder(geometry: wavefront, engine: engine, scratch: scratch)
            .walk(context, complete: into == nil, step: &step)
        if let into { wavefront.unshear(values, into: into + index * layout.points) }
    }

    private func prepareOverview(
        _ index: Int, _ task: Task, _ wavefront: Wavefront, _ values: UnsafeMutablePointer<Int32>
    ) -> Buffer? {
        guard let overview = task.overview, let coarse = task.layout.overview else { return nil }
        let lattice = overview + index * coarse.points
        Overview.interpolate(
            lattice, wavefront, spacing: task.layout.spacing, into: ahead.reserve(wavefront.size))
        Overview.plant(lattice, wavefront, spacing: task.layout.spacing, into: values)
        return ahead
    }

    /// The overview's lattice of a shard: [plane][coarse point].
    package static func overview(_ linear: UnsafePointer<Int32>, layout: ShardLayout) -> [Int32]? {
        guard let coarse = layout.overview, let wavefront = layout.wavefront else { return nil }
        return Array(unsafeUninitializedCapacity: coarse.sampleCount) { out, count in
            for plane in 0..<layout.planeCount {
                Overview.pick(
                    linear + plane * layout.points, wavefront, spacing: layout.spacing,
                    into: out.baseAddress! + plane * coarse.points)
            }
            count = coarse.sampleCount
        }
    }
}
