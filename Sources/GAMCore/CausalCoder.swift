// The causal order: time series in lanes.
//
// What always holds here:
// - A series of n steps is cut into ceil(n / 4096) lanes of equal length (the last may be shorter).
//   Step t of all lanes is one batch; each lane only ever looks at its own past.
// - Values are kept relative to the middle of their channel's range, and the past before a lane
//   begins is that middle.
// - Channel 0 looks at channel 1's past, channel c > 0 at channel c - 1 including the same step.

import CGAMKernels

/// Coefficients of a linear predictor, 1.0 = 65536.
public struct LinearPredictor: Equatable, Sendable {
    /// Taps on the channel's own past, nearest first; at most 32.
    public let own: [Int32]
    /// Taps on the partner channel, nearest first; at most 16.
    public let cross: [Int32]

    public static let ownMax = 32
    public static let crossMax = 16
    public static let coefficientMax: Int32 = 1 << 22

    /// Fails on too many taps or a coefficient outside +-2^22.
    public init?(own: [Int32], cross: [Int32]) {
        guard own.count <= Self.ownMax, cross.count <= Self.crossMax,
            (own + cross).allSatisfy({ abs(Int64($0)) <= Int64(Self.coefficientMax) })
        else { return nil }
        self.own = own
        self.cross = cross
    }
}

/// The predictors of a causal shard.
public struct PredictorBank: Equatable, Sendable {
    /// Neighbouring lanes that share a predictor: 1, 2, 4, 8 or 16.
    public let groupLanes: Int
    /// [group][channel]; empty: values are predicted by the middle of their range.
    public let predictors: [LinearPredictor]

    public static let none = PredictorBank(groupLanes: 1, predictors: [])

    public init(groupLanes: Int, predictors: [LinearPredictor]) {
        precondition([1, 2, 4, 8, 16].contains(groupLanes), "group of lanes")
        self.groupLanes = groupLanes
        self.predictors = predictors
    }

    /// Groups of a shard with `lanes` lanes.
    public static func groups(_ lanes: Int, groupLanes: Int) -> Int {
        (lanes + groupLanes - 1) / groupLanes
    }
}

/// How a series is cut into lanes.
public struct LaneGrid: Equatable, Sendable {
    public static let laneLengthMax = 4096
    public static let lanesMax = 256

    public let length: Int
    public let lanes: Int
    public let laneLength: Int

    public init(length: Int) {
        precondition(length >= 1 && length <= Self.laneLengthMax * Self.lanesMax, "bad length")
        self.length = length
        let wanted = (length + Self.laneLengthMax - 1) / Self.laneLengthMax
        laneLength = (length + wanted - 1) / wanted
        lanes = (length + laneLength - 1) / laneLength
    }

    /// Steps of a lane, as a range of the series.
    public func range(ofLane lane: Int) -> Range<Int> {
        lane * laneLength..<min(length, (lane + 1) * laneLength)
    }
    /// Lanes that have a step `t`; only the last can be shorter.
    func active(at t: Int) -> Int {
        (lanes - 1) * laneLength + t < length ? lanes : lanes - 1
    }
}

/// Buffers of one channel.
final class CausalChannel {
    let values = Buffer()
    let errors = Buffer()
    let averages = [Buffer(), Buffer(), Buffer()]
}

/// Buffers of all channels, kept between shards.
final class CausalPlanes {
    var channels: [CausalChannel] = []
}

/// Walks the lanes of one causal shard.
struct CausalCoder {
    /// Steps before a lane begins that taps may reach.
    private static let before = 34
    /// Steps of a lane that are predicted by the value before: a predictor made for a full past
    /// blows up on an empty one (band-limited speech: 2.4 % of the bytes).
    private static let warmUp = 32

    let grid: LaneGrid
    let channels: Int
    let ranges: [ClosedRange<Int32>]
    let engine: Engine
    let scratch: BatchScratch
    private let planes: CausalPlanes
    private let stride: Int
    private let bank: PredictorBank

    init(
        length: Int, channels: Int, ranges: [ClosedRange<Int32>], bank: PredictorBank,
        engine: Engine, scratch: BatchScratch, planes: CausalPlanes
    ) {
        grid = LaneGrid(length: length)
        self.channels = channels
        self.ranges = ranges
        self.engine = engine
        self.scratch = scratch
        self.planes = planes
        self.bank = bank
        stride = (grid.lanes + 15) & ~15
        let groups = PredictorBank.groups(grid.lanes, groupLanes: bank.groupLanes)
        precondition(
            bank.predictors.isEmpty || bank.predictors.count == groups * channels,
            "predictor count")
    }

    static func inputCount(role: Int) -> Int { role == 0 ? 12 : 16 }

    /// Rounded up, so that differences to it fit 32 bits even for the full range.
    private func middle(_ channel: Int) -> Int32 {
        let r = ranges[channel]
        return Int32((Int64(r.lowerBound) + Int64(r.upperBound) + 1) >> 1)
    }

    private func partner(_ channel: Int) -> Int? {
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

    /// - Parameter only: hands batches of this channel alone to the step (values must be complete).
    func walk(
        linear: UnsafePointer<Int32>?, into: UnsafeMutablePointer<Int32>?, networks: NetworkSet?,
        only: Int?, step: inout some BatchStep
    ) {
        for c in 0..<channels { prepare(c, linear) }
        let coefficients = (0..<channels).map(interleaved)
        let previousValue = [Int32](repeating: 65_536, count: stride)
        let taps = self.taps
        let rolesMax = networks.map { $0.roles.count - 1 } ?? 2
        var views = (0..<channels).map { view($0, role: role($0, rolesMax)) }
        for t in 0..<grid.laneLength {
            let active = grid.active(at: t)
            for c in 0..<channels {
                let warm = t < Self.warmUp || bank.predictors.isEmpty
                (warm ? previousValue : coefficients[c]).withUnsafeBufferPointer { w in
                    aim(&views[c], c, t, w.baseAddress, warm ? (1, 0) : taps)
                    gather(&views[c], count: active)
                }
                if linear != nil { takeValues(c, t, active) }
                if only == nil || only == c {
                    let low = Int32(Int64(ranges[c].lowerBound) - Int64(middle(c)))
                    let high = Int32(Int64(ranges[c].upperBound) - Int64(middle(c)))
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

    private func row(_ t: Int) -> Int { (t + Self.before) * stride }

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
        guard let linear else { return }
        let from = linear + c * grid.length
        let origin = middle(c)
        for i in 0..<grid.length {
            values[row(i % grid.laneLength) + i / grid.laneLength] = from[i] &- origin
        }
    }

    private func unload(_ c: Int, _ into: UnsafeMutablePointer<Int32>) {
        let values = planes.channels[c].values.pointer
        let origin = middle(c)
        for i in 0..<grid.length {
            into[c * grid.length + i] =
                values[row(i % grid.laneLength) + i / grid.laneLength] &+ origin
        }
    }

    private func takeValues(_ c: Int, _ t: Int, _ count: Int) {
        scratch.values.update(from: planes.channels[c].values.pointer + row(t), count: count)
    }

    // MARK: kernel views

    /// Coefficients of a channel as [tap][lane], zero where there are none.
    private func interleaved(_ c: Int) -> [Int32] {
        let (own, cross) = taps
        var table = [Int32](repeating: 0, count: (own + cross) * stride)
        guard !bank.predictors.isEmpty else { return table }
        for lane in 0..<grid.lanes {
            let p = bank.predictors[lane / bank.groupLanes * channels + c]
            for (i, v) in p.own.enumerated() { table[i * stride + lane] = v }
            if cross > 0 {
                for (i, v) in p.cross.enumerated() { table[(own + i) * stride + lane] = v }
            }
        }
        return table
    }

    private var taps: (own: Int, cross: Int) {
        (
            bank.predictors.map(\.own.count).max() ?? 0,
            channels == 1 ? 0 : bank.predictors.map(\.cross.count).max() ?? 0
        )
    }

    private func view(_ c: Int, role: Int) -> gam_causal {
        var view = gam_causal()
        let range = Int64(ranges[c].upperBound) - Int64(ranges[c].lowerBound)
        let bits = Int64.bitWidth - range.leadingZeroBitCount
        view.down = Int32(max(0, bits - 20))
        view.low = Int32(Int64(ranges[c].lowerBound) - Int64(middle(c)))
        view.high = Int32(Int64(ranges[c].upperBound) - Int64(middle(c)))
        view.stride = Int32(stride)
        view.cross_first = c == 0 ? 1 : 0
        view.uses_partner = role > 0 ? 1 : 0
        return view
    }

    @inline(__always)
    private func aim(
        _ view: inout gam_causal, _ c: Int, _ t: Int, _ coefficients: UnsafePointer<Int32>?,
        _ taps: (own: Int, cross: Int)
    ) {
        (view.own_order, view.cross_order) = (Int32(taps.own), Int32(taps.cross))
        let own = planes.channels[c]
        view.own = UnsafePointer(own.values.pointer + row(t))
        view.own_error = UnsafePointer(own.errors.pointer + row(t))
        view.coefficients = coefficients
        view.averages = (
            UnsafePointer(own.averages[0].pointer), UnsafePointer(own.averages[1].pointer),
            UnsafePointer(own.averages[2].pointer)
        )
        guard let index = partner(c) else { return }
        let other = planes.channels[index]
        view.partner = UnsafePointer(other.values.pointer + row(t))
        view.partner_error = UnsafePointer(other.errors.pointer + row(t))
        view.partner_averages = (
            UnsafePointer(other.averages[0].pointer), UnsafePointer(other.averages[1].pointer),
            UnsafePointer(other.averages[2].pointer)
        )
    }

    private func gather(_ view: inout gam_causal, count: Int) {
        if engine == .reference {
            Reference.gatherCausal(view, count: count, scratch.batch)
        } else {
            gam_gather_causal(engine.level, &view, Int32(count), scratch.batch)
        }
    }

    private func keep(_ c: Int, _ t: Int, _ count: Int) {
        let channel = planes.channels[c]
        let averages: [UnsafeMutablePointer<Int32>?] = channel.averages.map(\.pointer)
        let range = Int64(ranges[c].upperBound) - Int64(ranges[c].lowerBound)
        let bits = Int64.bitWidth - range.leadingZeroBitCount
        let age = t < Self.warmUp ? t : t - Self.warmUp
        averages.withUnsafeBufferPointer {
            gam_keep_causal(
                scratch.batch, Int32(count), Int32(max(0, bits - 20)), Int32(age), scratch.values,
                channel.values.pointer + row(t), channel.errors.pointer + row(t), $0.baseAddress)
        }
    }
}
