// Questions to a field of signed distances: inside, the nearest point of the surface, ray hits.
//
// What always holds:
// - The surface is where the interpolated field is 0; answers say how far from 0 the field is there.
// - Points and rays of a request advance together, so every round looks at each shard once.
// - A step along a ray is the distance divided by the steepest slope the interpolant can have when
//   the samples have slope 1, so no zero is passed over (sphere tracing, Hart 1996).

import GAMCodec
import GAMCore

public struct DistanceQueries: Sendable {
    private let sampler: PointSampler
    private let isWorld: Bool
    private let spacings: [Double]
    private let extents: [Int]
    private let method: InterpolationMethod
    /// Distance of one unit of the samples.
    private let scale: Double
    private static let roundsMax = 400
    private static let newtonSteps = 32

    /// - Throws: `QueryError` unless the signal has one channel.
    public init(_ reader: SignalReader, _ options: PointOptions, scale: Double) throws(QueryError) {
        let description = reader.manifest.description
        guard description.channels.count == 1 else {
            throw QueryError(
                "distances have one channel, this signal has \(description.channels.count)")
        }
        guard scale > 0, scale.isFinite else { throw QueryError("the scale must be above 0") }
        guard options.method != .nearest else {
            throw QueryError("surfaces need linear or cubic, not nearest")
        }
        var world = options
        world.isWorld = true
        sampler = PointSampler(reader, world)
        isWorld = options.isWorld
        method = options.method
        spacings = description.axes.map(\.spacing)
        extents = description.extents
        self.scale = scale
    }

    private var axes: Int { extents.count }
    private var step: Double { spacings.min()! }
    /// What counts as on the surface.
    private var tolerance: Double { step * 1e-6 }

    /// World coordinates of points given in the request's own.
    private func world(_ points: [Double]) -> [Double] {
        isWorld
            ? points : points.indices.map { points[$0] * spacings[$0 % axes] }
    }

    /// 1 where the field is below 0; NaN where it is not known.
    public func inside(_ points: [Double]) throws -> [Double] {
        try sampler.sample(world(points), gradients: false).values.map {
            $0.isNaN ? .nan : $0 < 0 ? 1 : 0
        }
    }

    // MARK: Closest points

    /// [points][axes + 1]: a point of the surface, and the distance that is left there.
    /// - Parameter check: called before every round; throws to stop.
    public func closest(_ points: [Double], check: () throws -> Void = {}) throws -> [Double] {
        var at = world(points)
        let count = at.count / axes
        var best = [Double](repeating: .nan, count: count * (axes + 1))
        var damping = [Double](repeating: 1, count: count)
        var active = Array(0..<count)
        for _ in 0..<Self.newtonSteps where !active.isEmpty {
            try check()
            let asked = active.flatMap { at[$0 * axes..<($0 + 1) * axes] }
            let found = try sampler.sample(asked, gradients: true)
            var still: [Int] = []
            for (place, index) in active.enumerated() {
                let isOpen = advance(index, place, found, &at, &best, &damping)
                if isOpen { still.append(index) }
            }
            active = still
        }
        return inCoordinates(best)
    }

    /// One Newton step of a point along the gradient; false when it has arrived or is lost.
    private func advance(
        _ index: Int, _ place: Int, _ found: PointValues, _ at: inout [Double],
        _ best: inout [Double], _ damping: inout [Double]
    ) -> Bool {
        let value = found.values[place] * scale
        guard value.isFinite else { return false }
        let slot = index * (axes + 1)
        let gradient = found.gradients[place * axes..<(place + 1) * axes].map { $0 * scale }
        if best[slot].isNaN || abs(value) < abs(best[slot + axes]) {
            for axis in 0..<axes { best[slot + axis] = at[index * axes + axis] }
            best[slot + axes] = value
        } else {
            damping[index] *= 0.5
        }
        guard abs(best[slot + axes]) > tolerance else { return false }
        let square = gradient.reduce(0) { $0 + $1 * $1 }
        guard square > 1e-12 else { return false }
        let length = damping[index] * value / square
        for axis in 0..<axes {
            let end = Double(extents[axis] - 1) * spacings[axis]
            let moved = at[index * axes + axis] - length * gradient[axis]
            at[index * axes + axis] = min(max(moved, 0), end)
        }
        return true
    }

    private func inCoordinates(_ best: [Double]) -> [Double] {
        guard !isWorld else { return best }
        return best.indices.map { i in
            let axis = i % (axes + 1)
            return axis == axes ? best[i] : best[i] / spacings[axis]
        }
    }

    // MARK: Rays

    private struct Ray {
        var origin: [Double]
        /// World units per unit of the way.
        var direction: [Double]
        var speed: Double
        var way: Double
        var end: Double
        /// The last way with a known sign, and that value.
        var before: (way: Double, value: Double)?

        func point(_ way: Double) -> [Double] {
            zip(origin, direction).map { $0 + way * $1 }
        }
    }

    /// Rays [rays][2][axes]: origin, direction. Answers [rays][2]: the way to the first zero in units
    /// of the direction's coordinates, and the distance that is left there; NaN for a miss.
    /// - Parameter check: called before every round; throws to stop.
    public func rays(
        _ given: [Double], reach: Double, check: () throws -> Void = {}
    ) throws -> [Double] {
        let count = given.count / (2 * axes)
        var answers = [Double](repeating: .nan, count: 2 * count)
        var rays: [Int: Ray] = [:]
        for index in 0..<count {
            let part = Array(given[index * 2 * axes..<(index + 1) * 2 * axes])
            if let ray = try ray(index, part, reach) { rays[index] = ray }
        }
        let slope = method.slopeMax(axes: axes)
        for _ in 0..<Self.roundsMax where !rays.isEmpty {
            try check()
            let order = rays.keys.sorted()
            let asked = order.flatMap { rays[$0]!.point(rays[$0]!.way) }
            let found = try sampler.sample(asked, gradients: false).values
            for (place, index) in order.enumerated() {
                let isDone = march(
                    &rays[index]!, found[place] * scale, slope, &answers, index)
                if isDone { rays[index] = nil }
            }
        }
        for index in answers.indices where index % 2 == 0 {
            answers[index] *= wayScale(given, index / 2)
        }
        return answers
    }

    /// Length of a ray's direction in the request's coordinates: ways are told in these.
    private func wayScale(_ given: [Double], _ index: Int) -> Double {
        let direction = given[(index * 2 + 1) * axes..<(index * 2 + 2) * axes]
        return direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// A ray cut to the grid's box; nil where it misses that.
    private func ray(_ index: Int, _ part: [Double], _ reach: Double) throws -> Ray? {
        let origin = world(Array(part[..<axes]))
        let direction = world(Array(part[axes...]))
        let speed = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard speed > 0, speed.isFinite, origin.allSatisfy(\.isFinite) else {
            throw QueryError("ray \(index) needs a finite origin and a direction other than 0")
        }
        let length = part[axes...].reduce(0) { $0 + $1 * $1 }.squareRoot()
        var (first, last) = (0.0, reach > 0 ? reach / length : Double.infinity)
        for axis in 0..<axes {
            let end = Double(extents[axis] - 1) * spacings[axis]
            if direction[axis] == 0 {
                guard origin[axis] >= 0, origin[axis] <= end else { return nil }
                continue
            }
            let ways = [-origin[axis] / direction[axis], (end - origin[axis]) / direction[axis]]
            first = max(first, ways.min()!)
            last = min(last, ways.max()!)
        }
        guard first <= last else { return nil }
        return Ray(
            origin: origin, direction: direction, speed: speed, way: first, end: last, before: nil)
    }

    /// Moves a ray by one look at the field; true when it has its answer or has left the grid.
    private func march(
        _ ray: inout Ray, _ value: Double, _ slope: Double, _ answers: inout [Double], _ index: Int
    ) -> Bool {
        guard !value.isNaN else { return true }
        let isCrossed = ray.before.map { ($0.value < 0) != (value < 0) } ?? false
        if abs(value) <= tolerance || (isCrossed && ray.way - ray.before!.way <= 1e-9 * step) {
            answers[2 * index] = ray.way
            answers[2 * index + 1] = value
            return true
        }
        if isCrossed, let before = ray.before {
            // The zero lies between: halve the way back to the last side.
            ray.way = 0.5 * (before.way + ray.way)
            return false
        }
        guard ray.way < ray.end else { return true }
        ray.before = (ray.way, value)
        let length = max(abs(value) / slope, tolerance)
        ray.way = min(ray.end, ray.way + length / ray.speed)
        return false
    }
}
