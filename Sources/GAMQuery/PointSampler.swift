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
        blocks = SampleBlocks(reader)
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
        let places = try PointPlaces(
            points, blocks.reader.grid, spacings: spacings, options, firstIndex: firstIndex)
        let results = PointResults(
            points: points.count / axisCount, channels: description.channels.count,
            axes: axisCount, gradients: gradients)
        try parallel(places.groups.count, threads: options.threads) { i in
            try self.evaluate(places.groups[i], places, results)
        }
        return results.finish()
    }

    private func evaluate(
        _ group: (shard: Int, members: Range<Int>), _ places: PointPlaces, _ results: PointResults
    ) throws {
        let box = places.boundingBox(group.members, extents, options.method)
        let block = try blocks.block(
            around: group.shard, holding: box, points: group.members.count)
        precondition(
            zip(block.box, box).allSatisfy {
                $0.lowerBound <= $1.lowerBound && $1.upperBound <= $0.upperBound
            }, "the block holds every sample that is looked at")
        let kernel = PointKernel(
            block: block, extents: extents, method: options.method, description: description,
            scale: spacings.map { options.isWorld ? 1 / $0 : 1 })
        var spreadMax = 0.0
        results.withBuffers { values, gradients in
            withUnsafeTemporaryAllocation(of: AxisTaps.self, capacity: axisCount) { taps in
                let channels = description.channels.count
                for place in group.members {
                    let index = Int(places.order[place])
                    let spread = fill(taps.baseAddress!, index, places, kernel)
                    spreadMax = max(spreadMax, spread)
                    kernel.evaluate(
                        taps.baseAddress!, values + index * channels,
                        gradients.map { $0 + index * channels * axisCount })
                }
            }
        }
        results.note(spread: spreadMax)
    }

    /// The taps of one point along every axis; gives the weighted distance of its samples.
    @inline(__always)
    private func fill(
        _ taps: UnsafeMutablePointer<AxisTaps>, _ index: Int, _ places: PointPlaces,
        _ kernel: PointKernel
    ) -> Double {
        var square = 0.0
        var weight = 1.0
        for axis in 0..<axisCount {
            let isClamped = places.clamped[index] & (1 << UInt8(axis)) != 0
            var tap = AxisTaps(
                places.coordinates[index * axisCount + axis], extent: extents[axis],
                options.method, isClamped: isClamped)
            kernel.place(&tap, axis)
            square += tap.spread * spacings[axis] * spacings[axis]
            weight *= tap.weightSum
            (taps + axis).initialize(to: tap)
        }
        return weight * square.squareRoot() + (places.away.isEmpty ? 0 : places.away[index])
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
