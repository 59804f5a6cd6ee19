// Which points of a signal a read gives: per axis a first coordinate, a stride and a count.
//
// What always holds:
// - Every selected coordinate lies inside the signal; no axis is empty.
// - Position i of an axis is the coordinate first + i * stride; strides may be negative, never 0.

import GAMCore

/// What a reader asks for along one axis, as numpy's slices do.
public struct AxisInterval: Equatable, Sendable {
    public var start: Int
    /// The first coordinate that is not wanted any more, in the direction of the step.
    public var stop: Int
    /// Counts points of the level; not 0.
    public var step: Int

    public init(start: Int, stop: Int, step: Int = 1) {
        self.start = start
        self.stop = stop
        self.step = step
    }
}

public struct Selection: Equatable, Sendable {
    /// Positions of one axis.
    public struct AxisPoints: Equatable, Sendable {
        public let first: Int
        public let stride: Int
        /// Positions that are kept: the whole selection, or the part of it a piece covers.
        public let positions: Range<Int>

        public func coordinate(_ position: Int) -> Int { first + position * stride }

        /// Smallest and largest coordinate, as a half-open range.
        public var span: Range<Int> {
            let ends = [coordinate(positions.lowerBound), coordinate(positions.upperBound - 1)]
            return ends.min()!..<ends.max()! + 1
        }

        /// Positions whose coordinates lie in `range`; may be empty.
        public func positions(in range: Range<Int>) -> Range<Int> {
            let low: Int
            let high: Int
            if stride > 0 {
                low = Self.ceiling(range.lowerBound - first, stride)
                high = Self.ceiling(range.upperBound - first, stride)
            } else {
                low = Self.ceiling(first - range.upperBound + 1, -stride)
                high = Self.ceiling(first - range.lowerBound + 1, -stride)
            }
            let from = max(low, positions.lowerBound)
            return from..<max(from, min(high, positions.upperBound))
        }

        static func ceiling(_ a: Int, _ b: Int) -> Int {
            a >= 0 ? (a + b - 1) / b : -(-a / b)
        }
    }

    public let axes: [AxisPoints]

    init(axes: [AxisPoints]) { self.axes = axes }

    /// Everything of a signal.
    public init(wholeOf description: SignalDescription) {
        axes = description.extents.map { AxisPoints(first: 0, stride: 1, positions: 0..<$0) }
    }

    /// A box at full resolution, inside the signal and not empty.
    public init(box: [Range<Int>]) {
        axes = box.map {
            AxisPoints(first: $0.lowerBound, stride: 1, positions: 0..<$0.count)
        }
    }

    /// - Parameters:
    ///   - region: one interval per axis in full-resolution coordinates; nil: everything.
    ///   - level: the points whose coordinates are multiples of 2^level.
    /// - Throws: `CodecError.badRegion`.
    public init(
        region: [AxisInterval]?, level: Int, of description: SignalDescription
    ) throws {
        let extents = description.extents
        guard (0...30).contains(level) else {
            throw CodecError.badRegion("level \(level) is not in 0...30")
        }
        let region = region ?? extents.map { AxisInterval(start: 0, stop: $0) }
        guard region.count == extents.count else {
            throw CodecError.badRegion(
                "the region has \(region.count) axes, the signal \(extents.count)")
        }
        axes = try zip(region, extents).enumerated().map { index, pair in
            try Self.points(pair.0, level, extent: pair.1, axis: index)
        }
    }

    private static func points(
        _ interval: AxisInterval, _ level: Int, extent: Int, axis: Int
    ) throws -> AxisPoints {
        let (start, stop) = (interval.start, interval.stop)
        let isUp = interval.step > 0
        let text =
            "\(start):\(stop)" + (interval.step == 1 ? "" : ":\(interval.step)")
            + " of axis \(axis)"
        guard interval.step != 0, interval.step.magnitude <= UInt(Limits.extentMax) else {
            throw CodecError.badRegion("the step of \(text) is not within 1 to the longest axis")
        }
        let isInside =
            isUp
            ? start >= 0 && stop <= extent && start < stop
            : start < extent && stop >= -1 && start > stop
        guard isInside else {
            throw CodecError.badRegion("region \(text) is empty or outside 0:\(extent)")
        }
        let unit = 1 << level
        let first = isUp ? ((start + unit - 1) >> level) << level : (start >> level) << level
        let stride = interval.step << level
        let count = isUp ? ceiling(stop - first, stride) : ceiling(first - stop, -stride)
        guard count > 0 else {
            throw CodecError.badRegion("region \(text) holds no point of level \(level)")
        }
        return AxisPoints(first: first, stride: stride, positions: 0..<count)
    }

    private static func ceiling(_ a: Int, _ b: Int) -> Int { AxisPoints.ceiling(a, b) }

    public var extents: [Int] { axes.map { $0.positions.count } }
    public var pointCount: Int { extents.reduce(1, *) }

    /// Whether it is every point of the signal in order.
    public func isWhole(of description: SignalDescription) -> Bool {
        self == Selection(wholeOf: description)
    }

    /// The smallest box at full resolution that holds every point.
    public var box: [Range<Int>] { axes.map(\.span) }

    /// Whether a box holds a point.
    func touches(_ box: [Range<Int>]) -> Bool {
        zip(axes, box).allSatisfy { !$0.positions(in: $1).isEmpty }
    }

    /// Whether all coordinates are multiples of these.
    func lies(on spacing: [Int]) -> Bool {
        zip(axes, spacing).allSatisfy { $0.first % $1 == 0 && $0.stride % $1 == 0 }
    }

    public func replacing(_ axis: Int, with positions: Range<Int>) -> Selection {
        var axes = axes
        axes[axis] = AxisPoints(
            first: axes[axis].first, stride: axes[axis].stride, positions: positions)
        return Selection(axes: axes)
    }

    /// The position after `position` that begins another row of `rows` shards along an axis.
    public func nextRow(_ axis: Int, after position: Int, length: Int) -> Int {
        let points = axes[axis]
        let row = points.coordinate(position) / length
        let inside = points.positions(in: row * length..<(row + 1) * length)
        return max(position + 1, inside.upperBound)
    }
}
