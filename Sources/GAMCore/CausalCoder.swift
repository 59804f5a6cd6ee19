// The causal order: time series in lanes.
//
// What always holds here:
// - A series of n steps is cut into ceil(n / 4096) lanes of equal length (the last may be shorter).
//   Step t of all lanes is one batch; each lane only ever looks at its own past.
// - Values are kept relative to an origin, and the past before a lane begins is that origin. With
//   predictors it is their mean: the middle of the range, 90 off, cost 0.15 bits per sample of music.
// - Channel 0 looks at channel 1's past, channel c > 0 at channel c - 1 including the same step.
// - Prediction begins with the value before, goes on with a short predictor from step 8 and with the
//   lane's own and the adaptive filters from step 32.

import CGAMKernels

/// Buffers of one channel.
final class CausalChannel {
    let values = Buffer()
    let errors = Buffer()
    let averages = [Buffer(), Buffer(), Buffer()]
    let adaptive = AdaptiveFilter()
}

/// Buffers of all channels, kept between shards.
final class CausalPlanes {
    var channels: [CausalChannel] = []
}

/// Walks the lanes of one causal shard.
package struct CausalCoder {
    /// Steps before a lane begins that taps may reach.
    private static let before = 34
    /// Steps of a lane before its predictor is used: one made for a full past blows up on an empty
    /// one (band-limited speech: 2.4 % of the bytes).
    package static let warmUp = 32

    let grid: LaneGrid
    let channels: Int
    let ranges: [ClosedRange<Int32>]
    let engine: Engine
    let scratch: BatchScratch
    let planes: CausalPlanes
    let stride: Int
    let bank: PredictorBank
    /// How many lower bits the step codes alone; 0 for all.
    let lowerBits: Int

    init(
        length: Int, channels: Int, ranges: [ClosedRange<Int32>], bank: PredictorBank,
        engine: Engine, scratch: BatchScratch, planes: CausalPlanes, lowerBits: Int
    ) {
        grid = LaneGrid(length: length)
        self.channels = channels
        self.ranges = ranges
        self.engine = engine
        self.scratch = scratch
        self.planes = planes
        self.bank = bank
        self.lowerBits = lowerBits
        stride = (grid.lanes + 15) & ~15
        let groups = PredictorBank.groups(grid.lanes, groupLanes: bank.groupLanes)
        precondition(
            bank.predictors.isEmpty || bank.predictors.count == groups * channels,
            "predictor count")
    }

    static func inputCount(role: Int) -> Int { role == 0 ? 12 : 16 }

    /// The middle is rounded up, so that differences to it fit 32 bits even for the full range.
    func origin(_ channel: Int) -> Int32 {
        guard bank.origins.isEmpty else { return bank.origins[channel] }
        let r = ranges[channel]
        return Int32((Int64(r.lowerBound) + Int64(r.upperBound) + 1) >> 1)
    }

    func partner(_ channel: Int) -> Int? {
        channels == 1 ? nil : channel == 0 ? 1 : channel - 1
    }

    /// 0 alone, 1 for the first of several channels, 2 for the others.
    static func role(channel: Int, of channels: Int, rolesMax: Int) -> Int {
        guard channels > 1, rolesMax == 2 else { return 0 }
        return channel == 0 ? 1 : 2
    }

    private func role(_ channel: Int, _ rolesMax: Int) -> Int {
        Self.role(channel: channel, of: channels, rolesMax: rolesMax)
    }

    /// - Parameters:
    ///   - linear: the values, or with `lowerBits` and `into` at least their upper bits.
    ///   - only: hands batches of this channel alone to the step (values must be complete).
    func walk(
        linear: UnsafePointer<Int32>?, into: UnsafeMutablePointer<Int32>?, networks: NetworkSet?,
        rolesMax: Int, only: Int?, step: inout some BatchStep
    ) {
        for c in 0..<channels { prepare(c, linear) }
        let stages = (0..<channels).map(stages)
        var views = (0..<channels).map { view($0, role: role($0, rolesMax)) }
        for t in 0..<grid.laneLength {
            let active = grid.active(at: t)
            for c in 0..<channels {
                let stage = stages[c].last { $0.from <= t }!
                stage.coefficients.withUnsafeBufferPointer { w in
                    aim(&views[c], c, t, w.baseAddress, stage.taps)
                    gather(&views[c], count: active)
                }
                if linear != nil { takeValues(c, t, active) }
                if lowerBits > 0 { takeFloors(c, t, active) }
                if only == nil || only == c {
                    let low = Int32(Int64(ranges[c].lowerBound) - Int64(origin(c)))
                    let high = Int32(Int64(ranges[c].upperBound) - Int64(origin(c)))
                    let network = networks?.roles[role(c, rolesMax)]
                    take(active, low, high, network, &step)
                }
                keep(c, t, active)
            }
        }
        if let into { for c in 0..<channels { unload(c, into) } }
    }

    private func take(
        _ count: Int, _ low: Int32, _ high: Int32, _ network: FieldNetwork?,
        _ step: inout some BatchStep
    ) {
        guard let network else {
            return step.take(
                scratch, count: count, anyKnown: false, low: low, high: high, network: nil)
        }
        network.withKernel {
            step.take(
                scratch, count: count, anyKnown: false, low: low, high: high, network: $0)
        }
    }

    // MARK: memory

    func row(_ t: Int) -> Int { (t + Self.before) * stride }

    private func prepare(_ c: Int, _ linear: UnsafePointer<Int32>?) {
        while planes.channels.count <= c { planes.channels.append(CausalChannel()) }
        let channel = planes.channels[c]
        let size = row(grid.laneLength) + 64
        let values = channel.values.reserve(size)
        values.update(repeating: 0, count: size)
        channel.errors.reserve(size).update(repeating: 0, count: size)
        for buffer in channel.averages {
            buffer.reserve(stride + 16).update(repeating: 0, count: stride + 16)
        }
        if bank.adaptiveTaps > 0 {
            channel.adaptive.prepare(
                grid, stride: stride, taps: bank.adaptiveTaps, partnerFirst: c == 0 ? 1 : 0)
        }
        guard let linear else { return }
        let from = linear + c * grid.length
        let origin = origin(c)
        for i in 0..<grid.length {
            values[row(i % grid.laneLength) + i / grid.laneLength] = from[i] &- origin
        }
    }

    private func unload(_ c: Int, _ into: UnsafeMutablePointer<Int32>) {
        let values = planes.channels[c].values.pointer
        let origin = origin(c)
        for i in 0..<grid.length {
            into[c * grid.length + i] =
                values[row(i % grid.laneLength) + i / grid.laneLength] &+ origin
        }
    }

    private func takeFloors(_ c: Int, _ t: Int, _ count: Int) {
        let values = planes.channels[c].values.pointer + row(t)
        let origin = origin(c)
        for i in 0..<count {
            scratch.floors[i] = ((values[i] &+ origin) >> lowerBits) << lowerBits &- origin
        }
    }

    private func takeValues(_ c: Int, _ t: Int, _ count: Int) {
        scratch.values.update(from: planes.channels[c].values.pointer + row(t), count: count)
    }
}
