// Values and gradients between the grid points of a stored signal.
//
// What always holds:
// - At grid points the stored sample comes out exactly: every sample is a Double, its weight 1, and
//   samples of weight 0 are left out.
// - Points are grouped by shard; a group looks at one block, so a shard is recalled once.
// - Results do not depend on the order or the number of the points, or on threads.

import GAMCodec
import GAMCore
import Synchronization

public enum OutsideRule: String, Sendable {
    case clamp, nan, error
}

public struct PointOptions: Sendable {
    public var method = InterpolationMethod.linear
    public var outside = OutsideRule.clamp
    /// Coordinates are index times the axis' spacing.
    public var isWorld = false
    public var threads = 1

    public init() {}
}

/// Points in, values out: [points][axes] to [points][channels] and [points][channels][axes].
public struct PointValues: Sendable {
    public var values: [Double]
    /// Empty if they were not asked for.
    public var gradients: [Double]
    /// Largest distance of a point from its samples, weighted; in the axes' units.
    public var spreadMax: Double

    public init(values: [Double], gradients: [Double], spreadMax: Double) {
        self.values = values
        self.gradients = gradients
        self.spreadMax = spreadMax
    }
}

public final class PointSampler: Sendable {
    public let options: PointOptions
    let description: SignalDescription
    let spacings: [Double]
    private let blocks: SampleBlocks
    private let extents: [Int]

    public init(_ reader: SignalReader, _ options: PointOptions) {
        self.options = options
        description = reader.manifest.description
        extents = description.extents
        spacings = description.axes.map(\.spacing)
        // A point on the last coordinate belongs to the cell before; nearest may round upwards.
        let before = options.method.before + 1
        blocks = SampleBlocks(reader, before: before, after: max(1, options.method.taps - before))
    }

    var axisCount: Int { extents.count }

    /// Looks every point up. `firstIndex` is what errors call the first one.
    /// - Throws: `QueryError` for a point outside where that is an error; the codec's errors.
    public func sample(
        _ points: [Double], gradients: Bool, firstIndex: Int = 0
    ) throws -> PointValues {
        precondition(points.count % axisCount == 0, "whole points")
        guard !gradients || options.method != .nearest else {
            throw QueryError("nearest has no gradient; use linear or cubic")
        }
        let groups = try group(points, firstIndex)
        let channels = description.channels.count
        let count = points.count / axisCount
        let results = PointResults(
            points: count, channels: channels, axes: axisCount, gradients: gradients)
        let order = groups.keys.sorted()
        try parallel(order.count, threads: options.threads) { i in
            try self.evaluate(order[i], groups[order[i]]!, points, results)
        }
        return results.finish()
    }

    // MARK: Coordinates

    /// Grid coordinates of a point, clamped; nil for one that is answered with NaN.
    private func located(
        _ points: [Double], _ index: Int, _ firstIndex: Int = 0
    ) throws -> [(x: Double, isClamped: Bool)]? {
        var place: [(x: Double, isClamped: Bool)] = []
        for axis in 0..<axisCount {
            let given = points[index * axisCount + axis]
            let x = options.isWorld ? given / spacings[axis] : given
            let end = Double(extents[axis] - 1)
            if x >= 0 && x <= end {
                place.append((x, false))
            } else if options.outside == .error {
                throw QueryError(
                    "point \(firstIndex + index) has coordinate \(given) on axis \(axis), outside the signal"
                )
            } else if options.outside == .nan || x.isNaN {
                return nil
            } else {
                place.append((x < 0 ? 0 : end, true))
            }
        }
        return place
    }

    private func group(_ points: [Double], _ firstIndex: Int) throws -> [Int: [Int]] {
        var groups: [Int: [Int]] = [:]
        let grid = blocks.reader.grid
        for index in 0..<points.count / axisCount {
            var shard = 0
            if let place = try located(points, index, firstIndex) {
                for axis in 0..<axisCount {
                    let at = min(extents[axis] - 1, Int(place[axis].x))
                    shard = shard * grid.counts[axis] + at / grid.shardExtents[axis]
                }
            } else {
                shard = -1
            }
            groups[shard, default: []].append(index)
        }
        return groups
    }

    // MARK: Evaluation

    private func evaluate(
        _ shard: Int, _ members: [Int], _ points: [Double], _ results: PointResults
    ) throws {
        guard shard >= 0 else { return }
        var spreadMax = 0.0
        var taps: [AxisTaps] = []
        taps.reserveCapacity(members.count * axisCount)
        for index in members {
            let place = try located(points, index)!
            var square = 0.0
            var weight = 1.0
            var away = 0.0
            for axis in 0..<axisCount {
                let tap = AxisTaps(
                    place[axis].x, extent: extents[axis], options.method,
                    isClamped: place[axis].isClamped)
                let step = spacings[axis]
                square += tap.spread * step * step
                weight *= tap.weightSum
                if place[axis].isClamped {
                    let given = points[index * axisCount + axis]
                    let off = (options.isWorld ? given : given * step) - place[axis].x * step
                    away += off * off
                }
                taps.append(tap)
            }
            spreadMax = max(spreadMax, weight * square.squareRoot() + away.squareRoot())
        }
        let box = boundingBox(taps)
        let block = try blocks.block(around: shard, holding: box, points: members.count)
        precondition(
            zip(block.box, box).allSatisfy {
                $0.lowerBound <= $1.lowerBound && $1.upperBound <= $0.upperBound
            }, "the block holds every sample that is looked at")
        results.note(spread: spreadMax)
        interpolate(members, taps, block, results)
    }

    /// The samples that all these points look at.
    private func boundingBox(_ taps: [AxisTaps]) -> [Range<Int>] {
        (0..<axisCount).map { axis in
            var (low, high) = (Int.max, Int.min)
            for i in stride(from: axis, to: taps.count, by: axisCount) {
                low = min(low, taps[i].first)
                high = max(high, taps[i].first + options.method.taps)
            }
            return max(0, low)..<min(extents[axis], max(high, 1))
        }
    }

    private func interpolate(
        _ members: [Int], _ taps: [AxisTaps], _ block: SampleBlock, _ results: PointResults
    ) {
        let scale = spacings.map { options.isWorld ? 1 / $0 : 1 }
        let kernel = PointKernel(
            block: block, extents: extents, method: options.method, description: description,
            scale: scale)
        results.withBuffers { values, gradients in
            let channels = description.channels.count
            for (place, index) in members.enumerated() {
                kernel.evaluate(
                    taps, at: place * axisCount, values + index * channels,
                    gradients.map { $0 + index * channels * axisCount })
            }
        }
    }
}

/// Answers of all groups. Unchecked: groups write disjoint points.
private final class PointResults: @unchecked Sendable {
    private let values: UnsafeMutableBufferPointer<Double>
    private let gradients: UnsafeMutableBufferPointer<Double>
    private let spread = Mutex(0.0)

    init(points: Int, channels: Int, axes: Int, gradients wanted: Bool) {
        values = .allocate(capacity: points * channels)
        values.initialize(repeating: .nan)
        gradients = .allocate(capacity: wanted ? points * channels * axes : 0)
        gradients.initialize(repeating: .nan)
    }

    deinit {
        values.deallocate()
        gradients.deallocate()
    }

    func note(spread found: Double) { spread.withLock { $0 = max($0, found) } }

    func withBuffers(
        _ body: (UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>?) -> Void
    ) {
        guard let base = values.baseAddress else { return }
        body(base, gradients.isEmpty ? nil : gradients.baseAddress)
    }

    func finish() -> PointValues {
        PointValues(
            values: Array(values), gradients: Array(gradients),
            spreadMax: spread.withLock { $0 })
    }
}
