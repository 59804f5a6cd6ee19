// How the points of one shard are ordered, and which lattice its overview keeps.
//
// What always holds here:
// - A layout depends on the extents alone, so writer and reader always agree.
// - Axes of one point carry no information and are dropped first.
// - The last three remaining axes are walked as planes; a fourth, slowest one repeats the channels.

/// The sequence in which a shard's addresses are recalled.
public enum Order: UInt8, Sendable, CaseIterable {
    case wavefront = 0
    case causal = 1

    public var name: String { self == .wavefront ? "wavefront" : "causal" }
}

/// Order and geometry of one shard (or of one overview, which is a small shard).
public struct ShardLayout: Equatable, Sendable {
    /// Extents as the signal has them, slowest first, without channels.
    public let extents: [Int]
    public let channels: Int
    public let order: Order
    /// Points of a fourth spatial axis; 1 otherwise.
    let outer: Int
    /// Points of one plane set: product of the remaining extents.
    let points: Int
    let wavefront: Wavefront?
    /// Every `spacing`-th point along each axis longer than it is in the overview; 0 without one.
    public let spacing: Int

    public init(extents: [Int], channels: Int) {
        precondition((1...Limits.axesMax).contains(extents.count) && channels >= 1, "bad shard")
        self.extents = extents
        self.channels = channels
        let real = extents.filter { $0 > 1 }
        if real.count <= 1 {
            order = .causal
            outer = 1
            points = real.first ?? 1
            wavefront = nil
            spacing = 0
            return
        }
        order = .wavefront
        outer = real.count == 4 ? real[0] : 1
        let planes = Array(real.suffix(3))
        wavefront = Wavefront(
            depth: planes.count == 3 ? planes[0] : 1, height: planes[planes.count - 2],
            width: planes[planes.count - 1])
        points = planes.reduce(1, *)
        let step = planes.count == 3 ? 4 : 8
        let enough = points >= 4096 && planes.allSatisfy { $0 > step }
        spacing = enough ? step : 0
    }

    /// Number of planes: channels, times the points of a fourth axis.
    var planeCount: Int { outer * channels }
    /// Samples of the shard.
    public var sampleCount: Int { planeCount * points }

    /// The lattice the overview keeps, as extents; nil without an overview.
    public var overview: ShardLayout? {
        guard spacing > 0 else { return nil }
        let folded = extents.filter { $0 > 1 }.count == 4
        var first = folded
        let coarse = extents.map { extent -> Int in
            guard extent > 1 else { return 1 }
            if first {
                first = false
                return extent
            }
            return (extent + spacing - 1) / spacing
        }
        return ShardLayout(extents: coarse, channels: channels)
    }

    /// Earlier planes plane `index` may look at, nearest first, at most two.
    func previous(of index: Int, independent: Set<Int>) -> [Int] {
        let channel = index % channels
        var list: [Int] = []
        if !independent.contains(channel) {
            var before = channel - 1
            while before >= 0 && list.count < 2 {
                if !independent.contains(before) { list.append(index - channel + before) }
                before -= 1
            }
        }
        if list.count < 2 && index >= channels { list.append(index - channels) }
        return list
    }
}

extension ShardLayout {
    /// Planes of the shard: channels, times the points of a fourth axis.
    package var planes: Int { planeCount }
    /// Predictors of a causal shard whose groups have `groupLanes` lanes.
    package func predictorCount(groupLanes: Int) -> Int {
        PredictorBank.groups(LaneGrid(length: points).lanes, groupLanes: groupLanes) * channels
    }
    /// Points of one channel.
    public var pointCount: Int { outer * points }
}

extension ShardLayout {
    /// Spacing of the overview's lattice along each axis of the shard; 1 where it keeps all points.
    package var overviewSpacings: [Int] {
        guard let overview else { return extents.map { _ in 1 } }
        return zip(extents, overview.extents).map { $0 == $1 ? 1 : spacing }
    }
}
