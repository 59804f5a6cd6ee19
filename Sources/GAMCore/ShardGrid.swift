// The grid of shards a signal is cut into.
//
// What always holds here:
// - Shard i covers the box at C-order position i of the grid; the last one of an axis may be smaller.
// - A shard's extent is the whole axis or a multiple of 8, so overviews of neighbours line up.
// - A shard's raw bytes stay below 4 MiB unless one point alone is larger, so every record fits a blob.

/// Shards of one signal.
public struct ShardGrid: Equatable, Sendable {
    public let extents: [Int]
    public let shardExtents: [Int]

    /// Raw bytes a shard may have.
    public static let rawBytesMax = 4 << 20

    public init(extents: [Int], shardExtents: [Int]) {
        precondition(extents.count == shardExtents.count, "axes differ")
        self.extents = extents
        self.shardExtents = shardExtents
    }

    /// Whether extents are a legal shard of a signal.
    public static func isValid(_ shard: [Int], _ description: SignalDescription) -> Bool {
        guard shard.count == description.axes.count else { return false }
        var samples = description.channels.count
        for (s, extent) in zip(shard, description.extents) {
            guard s >= 1, s <= extent, s == extent || s % 8 == 0 else { return false }
            let (product, overflow) = samples.multipliedReportingOverflow(by: s)
            guard !overflow else { return false }
            samples = product
        }
        let long = shard.filter { $0 > 1 }.count <= 1
        return samples * description.sampleType.containerBytes <= rawBytesMax
            && (!long || shard.reduce(1, *) <= LaneGrid.laneLengthMax * LaneGrid.lanesMax)
    }

    /// 65,536 steps, 256 x 256, 64^3, or 8 x 32^3, made smaller for many channels.
    public static func defaultShard(_ description: SignalDescription) -> [Int] {
        let real = description.extents.filter { $0 > 1 }.count
        let wanted: [Int]
        switch real {
        case 0, 1: wanted = [65_536]
        case 2: wanted = [256, 256]
        case 3: wanted = [64, 64, 64]
        default: wanted = [8, 32, 32, 32]
        }
        var used = 0
        var shard = description.extents.map { extent -> Int in
            guard extent > 1 else { return 1 }
            defer { used += 1 }
            return min(extent, wanted[used])
        }
        while !isValid(shard, description),
            let widest = shard.indices.max(by: { shard[$0] < shard[$1] }), shard[widest] > 8
        {
            shard[widest] = max(8, (shard[widest] / 2 + 7) / 8 * 8)
        }
        return shard
    }

    /// Shards along each axis.
    public var counts: [Int] { zip(extents, shardExtents).map { ($0 + $1 - 1) / $1 } }
    public var count: Int { counts.reduce(1, *) }

    /// The box of shard `index`, one range per axis.
    public func box(_ index: Int) -> [Range<Int>] {
        var rest = index
        var box: [Range<Int>] = []
        for axis in extents.indices.reversed() {
            let i = rest % counts[axis]
            rest /= counts[axis]
            let start = i * shardExtents[axis]
            box.insert(start..<min(extents[axis], start + shardExtents[axis]), at: 0)
        }
        return box
    }

    /// Points of shard `index`.
    public func pointCount(_ index: Int) -> Int { box(index).reduce(1) { $0 * $1.count } }

    /// Indices of the shards that touch a box, in C order.
    public func shards(touching box: [Range<Int>]) -> [Int] {
        var indices = [0]
        for (axis, range) in box.enumerated() {
            let first = range.lowerBound / shardExtents[axis]
            let last = (range.upperBound - 1) / shardExtents[axis]
            indices = indices.flatMap { base in
                (first...last).map { base * counts[axis] + $0 }
            }
        }
        return indices
    }
}
