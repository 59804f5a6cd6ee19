// The adaptive filters of one channel of a causal shard.
//
// What always holds here:
// - Filters begin at zero in every shard and learn from recalled values only, so reader and writer
//   hold the same weights at every step.
// - The first `warmUp` steps are remembered, but neither predicted nor learned from.
//
// adaptive.c says what they do and what they gain.

import CGAMKernels

/// Memory of one channel's filters, kept between shards.
final class AdaptiveFilter {
    private let raw: UnsafeMutablePointer<gam_adaptive>
    private let history = Buffer()
    private let weights = Buffer()
    private let rounded = Buffer()
    private let laneWeights = Buffer()
    private let rests = Buffer()
    private let predictions = Buffer()
    private let plain = Buffer()
    /// History values before a lane begins.
    private static let before = Int(GAM_ADAPTIVE_TAPS)

    init() {
        raw = .allocate(capacity: 1)
        raw.initialize(to: gam_adaptive())
    }

    deinit { raw.deallocate() }

    /// What a gathering kernel reads.
    var view: UnsafePointer<gam_adaptive> { UnsafePointer(raw) }

    /// Zeroes everything for a shard.
    func prepare(_ grid: LaneGrid, stride: Int, taps: Int, partnerFirst: Int) {
        let room = Self.before + grid.laneLength
        raw.pointee = gam_adaptive()
        raw.pointee.taps = Int32(taps)
        raw.pointee.lanes = Int32(grid.lanes)
        raw.pointee.stride = Int32(stride)
        raw.pointee.room = Int32(room)
        raw.pointee.partner_first = Int32(partnerFirst)
        raw.pointee.weights = zeroed(weights, taps)
        raw.pointee.rounded = shorts(zeroed(rounded, taps / 2))
        raw.pointee.lane_weights = zeroed(laneWeights, Int(GAM_LANE_TAPS) * stride)
        let three = zeroed(predictions, 3 * stride)
        raw.pointee.first = three
        raw.pointee.second = three + stride
        raw.pointee.heard = three + 2 * stride
        raw.pointee.plain = UnsafeMutableRawPointer(zeroed(plain, 2 * stride))
            .assumingMemoryBound(to: Int64.self)
        _ = zeroed(history, grid.lanes * room / 2 + 1)
        _ = zeroed(rests, (Int(GAM_LANE_TAPS) + grid.laneLength) * stride)
    }

    private func zeroed(_ buffer: Buffer, _ count: Int) -> UnsafeMutablePointer<Int32> {
        let pointer = buffer.reserve(count)
        pointer.update(repeating: 0, count: count)
        return pointer
    }

    private func shorts(_ pointer: UnsafeMutablePointer<Int32>) -> UnsafeMutablePointer<Int16> {
        UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Int16.self)
    }

    /// Points at step `t`.
    func aim(_ t: Int, partner: AdaptiveFilter?) {
        raw.pointee.own = shorts(history.pointer) + Self.before + t
        raw.pointee.partner = partner.map {
            UnsafePointer(shorts($0.history.pointer) + Self.before + t)
        }
        raw.pointee.rests = rests.pointer + (Int(GAM_LANE_TAPS) + t) * Int(raw.pointee.stride)
    }

    func predict(_ engine: Engine, count: Int) {
        if engine == .reference {
            Reference.predictAdaptive(raw.pointee, count: count)
        } else {
            gam_adaptive_predict(engine.level, raw, Int32(count))
        }
    }

    func learn(_ engine: Engine, count: Int, _ scratch: BatchScratch, teaches: Bool) {
        if engine == .reference {
            Reference.learnAdaptive(raw.pointee, count: count, scratch, teaches: teaches)
        } else {
            gam_adaptive_learn(
                engine.level, raw, Int32(count), scratch.batch, scratch.values, teaches ? 1 : 0)
        }
    }
}
