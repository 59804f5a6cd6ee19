import GAMCodec
import GAMCore
import GAMFit
import GAMQuery
import Glibc
import Testing

@Suite struct PointTests {
    private func sampler(
        _ signal: StoredSignal, _ method: InterpolationMethod, _ outside: OutsideRule = .clamp,
        isWorld: Bool = false, threads: Int = 2
    ) -> PointSampler {
        var options = PointOptions()
        options.method = method
        options.outside = outside
        options.isWorld = isWorld
        options.threads = threads
        return PointSampler(signal.reader, options)
    }

    @Test(arguments: [[300], [80, 70], [20, 40, 30], [3, 12, 9, 16]])
    func gridPointsGiveTheStoredSamples(_ shape: [Int]) throws {
        let type = try SampleType(family: .float, bits: 32)
        let shard = shape.map { min($0, $0 > 16 ? 16 : $0) }
        let signal = try StoredSignal(shape, channels: 2, type, shard: shard) {
            $0 % 97 == 0 ? -0.0 : $0 % 101 == 0 ? .infinity : Double($0 * 7919 % 10_007) * 0.01
        }
        let all = points(shape.map { Array(0..<$0) })
        let wanted = all.flatMap { p in (0..<2).map { signal.value(p, $0).bitPattern } }
        for method in [InterpolationMethod.nearest, .linear, .cubic] {
            let got = try sampler(signal, method).sample(
                all.flatMap { $0.map(Double.init) }, gradients: false)
            #expect(got.values.map(\.bitPattern) == wanted, "\(method)")
            #expect(got.spreadMax == 0)
        }
    }

    /// The definition, without any cleverness.
    private func linear(_ signal: StoredSignal, _ x: [Double]) -> Double {
        let cells = zip(x, signal.description.extents).map {
            min(max(0, $1 - 2), Int($0.rounded(.down)))
        }
        return points(x.map { _ in [0, 1] }).reduce(0) { sum, corner in
            let weight = x.indices.reduce(1.0) { product, axis in
                let f = x[axis] - Double(cells[axis])
                return product * (corner[axis] == 1 ? f : 1 - f)
            }
            return sum + weight * signal.value(zip(cells, corner).map { $0 + $1 })
        }
    }

    @Test(arguments: [[300], [80, 70], [20, 40, 30], [4, 12, 9, 16], [40, 1, 30]])
    func linearIsTheMultilinearInterpolant(_ shape: [Int]) throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let type = try SampleType(family: .signed, bits: 16)
        let signal = try StoredSignal(
            shape, type, shard: shape.map { $0 > 16 ? 16 : $0 }
        ) { Double($0 * 7919 % 2003 - 1000) }
        let asked = (0..<500).map { _ in
            shape.map { Double.random(in: 0...Double($0 - 1), using: &generator) }
        }
        let got = try sampler(signal, .linear).sample(asked.flatMap { $0 }, gradients: true)
        for (index, x) in asked.enumerated() {
            #expect(abs(got.values[index] - linear(signal, x)) < 1e-9, "seed \(seed) \(x)")
        }
        try checkGradients(signal, .linear, asked, got)
    }

    /// Central differences inside the cell of a point.
    private func checkGradients(
        _ signal: StoredSignal, _ method: InterpolationMethod, _ asked: [[Double]],
        _ got: PointValues
    ) throws {
        let step = 1e-5
        let axes = signal.description.extents.count
        for (index, x) in asked.enumerated() {
            for axis in 0..<axes where signal.description.extents[axis] > 1 {
                let f = x[axis] - x[axis].rounded(.down)
                guard f > 2 * step, f < 1 - 2 * step else { continue }
                var (low, high) = (x, x)
                low[axis] -= step
                high[axis] += step
                let ends = try sampler(signal, method).sample(low + high, gradients: false).values
                let slope = (ends[1] - ends[0]) / (2 * step)
                #expect(abs(got.gradients[index * axes + axis] - slope) < 1e-3 * max(1, abs(slope)))
            }
        }
    }

    @Test func cubicIsSmoothAndItsGradientsAreItsSlopes() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let type = try SampleType(family: .float, bits: 32)
        let signal = try StoredSignal([24, 30, 20], type, shard: [8, 16, 8]) {
            Double($0 * 7919 % 2003) * 0.01
        }
        let asked = (0..<200).map { _ in
            [24, 30, 20].map { Double.random(in: 0...Double($0 - 1), using: &generator) }
        }
        let got = try sampler(signal, .cubic).sample(asked.flatMap { $0 }, gradients: true)
        try checkGradients(signal, .cubic, asked, got)
        // Across a grid plane neither value nor gradient jumps.
        for plane in [5.0, 8.0, 15.0] {
            let sides = [[plane - 1e-9, 7.3, 4.6], [plane + 1e-9, 7.3, 4.6]]
            let both = try sampler(signal, .cubic).sample(sides.flatMap { $0 }, gradients: true)
            #expect(abs(both.values[0] - both.values[1]) < 1e-6)
            for axis in 0..<3 {
                #expect(abs(both.gradients[axis] - both.gradients[3 + axis]) < 1e-6)
            }
        }
    }

    @Test func cubicReproducesParabolas() throws {
        let type = try SampleType(family: .float, bits: 32)
        let signal = try StoredSignal([64], type) { Double($0 * $0) }
        let asked = stride(from: 1.0, to: 62, by: 0.137).map { $0 }
        let got = try sampler(signal, .cubic).sample(asked, gradients: true)
        for (index, x) in asked.enumerated() {
            #expect(abs(got.values[index] - x * x) < 1e-9)
            #expect(abs(got.gradients[index] - 2 * x) < 1e-9)
        }
    }

    @Test func pointsOutsideFollowTheRule() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([10, 12], type) { Double($0 % 251) }
        let asked = [-3.5, 4.0, 20.0, 4.0, .nan, 4.0, 5.0, 4.0]
        let clamped = try sampler(signal, .linear).sample(asked, gradients: true)
        #expect(clamped.values[0] == signal.value([0, 4]))
        #expect(clamped.values[1] == signal.value([9, 4]))
        #expect(clamped.values[2].isNaN && clamped.gradients[4].isNaN)
        #expect(clamped.gradients[0] == 0 && clamped.gradients[1] != 0)
        let open = try sampler(signal, .linear, .nan).sample(asked, gradients: false)
        #expect(open.values[0].isNaN && open.values[1].isNaN && open.values[2].isNaN)
        #expect(open.values[3] == signal.value([5, 4]))
        #expect(throws: QueryError.self) {
            try sampler(signal, .linear, .error).sample(asked, gradients: false)
        }
        #expect(throws: QueryError.self) {
            try sampler(signal, .nearest).sample([1, 1], gradients: true)
        }
    }

    @Test func worldCoordinatesAreIndexTimesSpacing() throws {
        let type = try SampleType(family: .float, bits: 32)
        let signal = try StoredSignal([20, 30], type, spacing: [0.5, 2]) { Double($0 % 30) * 4 }
        let got = try sampler(signal, .linear, isWorld: true).sample([3.1, 17], gradients: true)
        #expect(abs(got.values[0] - 34) < 1e-9)
        #expect(abs(got.gradients[0]) < 1e-9 && abs(got.gradients[1] - 2) < 1e-9)
    }

    /// A ball of radius 9 around (16, 16, 16): distances are exact at the grid points.
    private func ball(spacing: Double = 1) throws -> StoredSignal {
        let type = try SampleType(family: .float, bits: 32)
        return try StoredSignal(
            [33, 33, 33], type, shard: [16, 16, 16], spacing: [spacing, spacing, spacing]
        ) { i in
            let p = [i / 1089, i / 33 % 33, i % 33].map { Double($0 - 16) * spacing }
            return (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]).squareRoot() - 9 * spacing
        }
    }

    @Test func interpolatedDistancesStayWithinTheirBound() throws {
        var generator = SeededGenerator(seed: 5)
        let signal = try ball(spacing: 0.25)
        for method in [InterpolationMethod.nearest, .linear, .cubic] {
            for _ in 0..<300 {
                let x = (0..<3).map { _ in Double.random(in: -3...35, using: &generator) }
                let got = try sampler(signal, method, threads: 1).sample(x, gradients: false)
                let away = x.map { ($0 - 16) * 0.25 }
                let exact = (away.reduce(0) { $0 + $1 * $1 }).squareRoot() - 9 * 0.25
                #expect(abs(got.values[0] - exact) <= got.spreadMax + 1e-6, "\(method) \(x)")
            }
        }
    }

    @Test func raysAndClosestPointsMeetTheSurface() throws {
        var generator = SeededGenerator(seed: 6)
        let signal = try ball(spacing: 0.5)
        for method in [InterpolationMethod.linear, .cubic] {
            var options = PointOptions()
            options.method = method
            let queries = try DistanceQueries(signal.reader, options, scale: 1)
            for _ in 0..<60 {
                // From a point outside the ball towards one inside it.
                let target = (0..<3).map { _ in 16 + Double.random(in: -4...4, using: &generator) }
                let turn = Double.random(in: 0...6.28, using: &generator)
                let origin = [-10, 16 + 15 * cos(turn), 16 + 15 * sin(turn)]
                let direction = zip(target, origin).map { $0 - $1 }
                let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
                let hit = try queries.rays(origin + direction, reach: 0)
                let place = zip(origin, direction).map { $0 + hit[0] / length * $1 }
                let off = place.map { $0 - 16 }.reduce(0) { $0 + $1 * $1 }.squareRoot() - 9
                #expect(abs(off) < 0.15, "\(method) \(place)")
                #expect(abs(hit[1]) < 1e-5)
                let near = try queries.closest(target)
                let reached = near[..<3].map { $0 - 16 }.reduce(0) { $0 + $1 * $1 }.squareRoot()
                #expect(abs(reached - 9) < 0.15 && abs(near[3]) < 1e-3, "\(near)")
            }
            let misses = try queries.rays(
                [0, 0, 0, 0, 0, 1] + [40, 40, 40, 1, 0, 0] + [0, 16, 16, 1, 0, 0], reach: 5)
            #expect(misses[0].isNaN && misses[2].isNaN && misses[4].isNaN)
            #expect(try queries.inside([16, 16, 16, 1, 1, 1]) == [1, 0])
            #expect(throws: QueryError.self) { try queries.rays([1, 1, 1, 0, 0, 0], reach: 0) }
        }
    }
}
