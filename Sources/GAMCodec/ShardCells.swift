// Minimum, maximum and sum of the cells of a shard, kept beside it where the writer was asked to.
//
// What always holds:
// - Cells are 64 points where a whole shard has one long axis, 8 x 8 for two, 4 x 4 x 4 for three (of
//   four, the slowest one by one), the same in all shards; they are counted from the shard's first
//   point and cut at its end.
// - NaN is in none of the figures; a cell of nothing but NaN has NaN for all.
//
//   u8 1 | varint bytes of | a zstd frame of, per channel:
//     integers: zigzag minimum - minimum of the cell before, all cells; varint maximum - minimum, all;
//               varint sum - points x minimum, all
//     floats:   f32 minimum, all; f32 maximum, all; f64 mean, all; u8 has NaN, all
//   h64 of all before, seed = low half of the content hash + 2^62 + the shard's index, modulo 2^64
//
// They add 13 to 18 % to a photo, 7 to 15 % to 16-bit pictures and sound (docs/measurements.md).

import CXXHash
import GAMCore
import GAMFormat

/// The figures of one shard's cells.
public struct ShardCells: Equatable, Sendable {
    /// Points of a cell along each axis.
    public let sides: [Int]
    /// Cells along each axis.
    public let counts: [Int]
    /// [cell, in C order][channel]
    public let bounds: [[ChannelBounds]]

    /// Sides of the cells of a signal whose whole shards have these extents.
    public static func sides(_ extents: [Int]) -> [Int] {
        let long = extents.count { $0 > 1 }
        let side = long <= 1 ? 64 : long == 2 ? 8 : 4
        var left = 3
        var sides = extents.map { _ in 1 }
        for axis in extents.indices.reversed() where extents[axis] > 1 && left > 0 {
            sides[axis] = side
            left -= 1
        }
        return sides
    }

    /// How many cells a region touches; `Int.max` where that is more than an Int.
    public static func count(in region: [Range<Int>], shardExtents: [Int]) -> Int {
        let sides = sides(shardExtents)
        let counts = counts(shardExtents, sides)
        return region.indices.reduce(1) { product, axis in
            func cell(_ at: Int) -> Int {
                at / shardExtents[axis] * counts[axis] + at % shardExtents[axis] / sides[axis]
            }
            let along = cell(region[axis].upperBound - 1) - cell(region[axis].lowerBound) + 1
            let (count, overflow) = product.multipliedReportingOverflow(by: along)
            return overflow ? .max : count
        }
    }

    private static func counts(_ extents: [Int], _ sides: [Int]) -> [Int] {
        zip(extents, sides).map { ($0 + $1 - 1) / $1 }
    }

    /// First point and extents of every cell, in C order; relative to the shard.
    private static func forEachCell(
        _ extents: [Int], _ sides: [Int], _ body: ([Int], [Int]) -> Void
    ) {
        let counts = counts(extents, sides)
        var at = extents.map { _ in 0 }
        while true {
            let start = zip(at, sides).map { $0 * $1 }
            body(start, extents.indices.map { min(sides[$0], extents[$0] - start[$0]) })
            var axis = extents.count - 1
            while axis >= 0 {
                at[axis] += 1
                if at[axis] < counts[axis] { break }
                at[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }

    /// Figures of the cells of a shard's canonical bytes.
    static func measure(
        _ bytes: UnsafeRawBufferPointer, extents: [Int], sides: [Int],
        _ description: SignalDescription
    ) -> ShardCells {
        let point = description.pointBytes
        var bounds: [[ChannelBounds]] = []
        var cell: [UInt8] = []
        forEachCell(extents, sides) { start, size in
            cell.removeAll(keepingCapacity: true)
            let lines = size.dropLast().reduce(1, *)
            for line in 0..<lines {
                var rest = line
                var offset = 0
                var stride = extents.last!
                for axis in extents.indices.dropLast().reversed() {
                    offset += (start[axis] + rest % size[axis]) * stride
                    rest /= size[axis]
                    stride *= extents[axis]
                }
                let from = (offset + start.last!) * point
                cell += bytes[from..<from + size.last! * point]
            }
            bounds.append(cell.withUnsafeBytes { SignalBounds.measure($0, description) })
        }
        return ShardCells(sides: sides, counts: counts(extents, sides), bounds: bounds)
    }

    private static func pointCounts(_ extents: [Int], _ sides: [Int]) -> [Int] {
        var points: [Int] = []
        forEachCell(extents, sides) { points.append($1.reduce(1, *)) }
        return points
    }

    private static let version: UInt8 = 1
    private static let level = 9
    static func seed(_ hash: ContentHash, _ index: Int) -> UInt64 {
        hash.low &+ 1 << 62 &+ UInt64(index)
    }

    func serialized(extents: [Int], _ type: SampleType, seed: UInt64) -> [UInt8] {
        let points = Self.pointCounts(extents, sides)
        var body = ByteWriter()
        for channel in bounds[0].indices {
            let cells = bounds.map { $0[channel] }
            if type.family == .float {
                for cell in cells { body.fixed(Float(cell.minimum).bitPattern) }
                for cell in cells { body.fixed(Float(cell.maximum).bitPattern) }
                for cell in cells { body.double(cell.mean) }
                for cell in cells { body.u8(cell.hasNaN ? 1 : 0) }
            } else {
                var before = Int64(0)
                for cell in cells {
                    body.zigzag(Int64(cell.minimum) - before)
                    before = Int64(cell.minimum)
                }
                for cell in cells { body.varint(UInt64(cell.maximum - cell.minimum)) }
                for (cell, points) in zip(cells, points) {
                    body.varint(UInt64(cell.sum(points) - Int64(points) * Int64(cell.minimum)))
                }
            }
        }
        var writer = ByteWriter()
        writer.u8(Self.version)
        writer.count(body.bytes.count)
        writer.raw(body.bytes.withUnsafeBytes { PlainCoder.compress($0, Self.level) })
        writer.fixed(XXH3_64bits_withSeed(writer.bytes, writer.bytes.count, seed))
        return writer.bytes
    }

    init(sides: [Int], counts: [Int], bounds: [[ChannelBounds]]) {
        self.sides = sides
        self.counts = counts
        self.bounds = bounds
    }

    init(
        parsing bytes: [UInt8], extents: [Int], sides: [Int], channels: Int, _ type: SampleType,
        seed: UInt64
    ) throws(FormatError) {
        let what = "the figures of a shard's cells"
        var tail = ByteReader(Array(bytes.suffix(8)), what: what)
        guard try tail.fixed(UInt64.self) == XXH3_64bits_withSeed(bytes, bytes.count - 8, seed)
        else { throw .checksum(what) }
        let points = Self.pointCounts(extents, sides)
        var reader = ByteReader(bytes, what: what)
        guard try reader.u8() == Self.version else { throw .malformed(what) }
        let count = try reader.count(max: points.count * channels * 30)
        let frame = Array(try reader.raw(reader.remaining - 8))
        var body = ByteReader(try PlainCoder.inflated(frame, count: count), what: what)
        var planes: [[ChannelBounds]] = []
        for _ in 0..<channels {
            planes.append(
                try type.family == .float
                    ? Self.floats(&body, points.count) : Self.integers(&body, points, what))
        }
        guard body.remaining == 0 else { throw .malformed(what) }
        self.init(
            sides: sides, counts: Self.counts(extents, sides),
            bounds: points.indices.map { cell in planes.map { $0[cell] } })
    }

    private static func floats(
        _ reader: inout ByteReader, _ count: Int
    ) throws(FormatError) -> [ChannelBounds] {
        var (low, high, mean): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<count { low.append(Double(Float(bitPattern: try reader.fixed(UInt32.self)))) }
        for _ in 0..<count { high.append(Double(Float(bitPattern: try reader.fixed(UInt32.self)))) }
        for _ in 0..<count { mean.append(try reader.double()) }
        var cells: [ChannelBounds] = []
        for i in 0..<count {
            cells.append(
                ChannelBounds(
                    minimum: low[i], maximum: high[i], mean: mean[i],
                    hasNaN: try reader.count(max: 1) == 1))
        }
        return cells
    }

    private static func integers(
        _ reader: inout ByteReader, _ points: [Int], _ what: String
    ) throws(FormatError) -> [ChannelBounds] {
        var (low, width): ([Int64], [UInt64]) = ([], [])
        var before = Int64(0)
        for _ in points {
            let (next, overflow) = before.addingReportingOverflow(try reader.zigzag())
            guard !overflow, abs(next) <= 1 << 32 else { throw .malformed(what) }
            low.append(next)
            before = next
        }
        for _ in points { width.append(try reader.varint()) }
        var cells: [ChannelBounds] = []
        for (i, points) in points.enumerated() {
            let above = try reader.varint()
            guard width[i] <= 1 << 32, above <= UInt64(points) * width[i] else {
                throw .malformed(what)
            }
            let sum = Int64(points) * low[i] + Int64(above)
            cells.append(
                ChannelBounds(
                    minimum: Double(low[i]), maximum: Double(low[i] + Int64(width[i])),
                    mean: Double(sum) / Double(points), hasNaN: false))
        }
        return cells
    }
}
