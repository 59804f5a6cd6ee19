// Where the points of a request lie: grid coordinates, and which shard each belongs to.
//
// What always holds:
// - Coordinates are within 0 ... extent - 1 of their axis; what was outside is marked.
// - Points are listed shard after shard; those answered with NaN are in no shard.
//
// Flat arrays: a million points in three axes are 24 MB here, and nothing is allocated per point.

import GAMCore

struct PointPlaces: Sendable {
    let axes: Int
    /// [points][axes], in grid steps.
    let coordinates: [Double]
    /// One bit per axis along which a point was outside.
    let clamped: [UInt8]
    /// World distance between a point and its place inside; empty if all points are inside.
    let away: [Double]
    /// Points in the order of their shards, and where each shard's begin.
    let order: [Int32]
    let groups: [(shard: Int, members: Range<Int>)]

    /// - Throws: `QueryError` for a point outside where that is an error.
    init(
        _ points: [Double], _ grid: ShardGrid, spacings: [Double], _ options: PointOptions,
        firstIndex: Int
    ) throws {
        axes = grid.extents.count
        let count = points.count / axes
        var coordinates = points
        var clamped = [UInt8](repeating: 0, count: count)
        var away: [Double] = []
        var shards = [Int](repeating: 0, count: count)
        for index in 0..<count {
            var shard = 0
            var square = 0.0
            for axis in 0..<axes {
                let at = index * axes + axis
                let x = options.isWorld ? points[at] / spacings[axis] : points[at]
                let end = Double(grid.extents[axis] - 1)
                var inside = x
                if !(x >= 0 && x <= end) {
                    guard options.outside != .error else {
                        throw QueryError(
                            "point \(firstIndex + index) has coordinate \(points[at]) on axis"
                                + " \(axis), outside the signal")
                    }
                    guard options.outside == .clamp, !x.isNaN else {
                        shard = -1
                        break
                    }
                    inside = x < 0 ? 0 : end
                    clamped[index] |= 1 << UInt8(axis)
                    square += (x - inside) * (x - inside) * spacings[axis] * spacings[axis]
                }
                coordinates[at] = inside
                shard = shard * grid.counts[axis] + Int(inside) / grid.shardExtents[axis]
            }
            shards[index] = shard
            if square > 0 {
                if away.isEmpty { away = [Double](repeating: 0, count: count) }
                away[index] = square.squareRoot()
            }
        }
        self.coordinates = coordinates
        self.clamped = clamped
        self.away = away
        (order, groups) = Self.sorted(shards)
    }

    private static func sorted(
        _ shards: [Int]
    ) -> (order: [Int32], groups: [(shard: Int, members: Range<Int>)]) {
        let most = shards.max() ?? -1
        var order: [Int32]
        if most < 4 * shards.count + 1024 {
            var starts = [Int](repeating: 0, count: most + 2)
            for shard in shards where shard >= 0 { starts[shard + 1] += 1 }
            for shard in 0..<max(0, most + 1) { starts[shard + 1] += starts[shard] }
            order = [Int32](repeating: 0, count: starts[most + 1])
            for (index, shard) in shards.enumerated() where shard >= 0 {
                order[starts[shard]] = Int32(index)
                starts[shard] += 1
            }
        } else {
            order = shards.indices.filter { shards[$0] >= 0 }.map { Int32($0) }
            order.sort { (shards[Int($0)], $0) < (shards[Int($1)], $1) }
        }
        var groups: [(shard: Int, members: Range<Int>)] = []
        var start = 0
        while start < order.count {
            let shard = shards[Int(order[start])]
            var end = start + 1
            while end < order.count, shards[Int(order[end])] == shard { end += 1 }
            groups.append((shard, start..<end))
            start = end
        }
        return (order, groups)
    }

    /// A box that holds every sample the points of a group look at.
    func boundingBox(
        _ members: Range<Int>, _ extents: [Int], _ method: InterpolationMethod
    ) -> [Range<Int>] {
        (0..<axes).map { axis in
            var (low, high) = (Double.infinity, -Double.infinity)
            for place in members {
                let x = coordinates[Int(order[place]) * axes + axis]
                low = min(low, x)
                high = max(high, x)
            }
            // A point on the last coordinate belongs to the cell before; nearest may round upwards.
            let first = Int(low) - method.before - 1
            let last = Int(high) - method.before + max(method.taps, 2)
            return max(0, first)..<min(extents[axis], max(1, last))
        }
    }
}
