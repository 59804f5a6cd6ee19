// One predictor's covariances, and their solution.
//
// What always holds here: floats only choose coefficients; what is kept are integers that the
// decoder uses as they are.
//
// The covariance matrix of m taps over N steps costs N m^2 multiply-adds when filled entry by entry.
// Entry (i+1, j+1) differs from (i, j) by two products, so only the first rows are summed: 144 dot
// products for 32 + 16 taps instead of 1,176.

import CGAMKernels
import GAMCore
import Glibc

/// One channel as doubles around the middle of its range, with zeros before the first step.
struct Series {
    static let before = 64
    let values: [Double]

    init(_ from: UnsafePointer<Int32>, _ length: Int) {
        var low = from[0]
        var high = from[0]
        for i in 0..<length {
            low = min(low, from[i])
            high = max(high, from[i])
        }
        let middle = (Int64(low) + Int64(high)) >> 1
        values = Array(unsafeUninitializedCapacity: length + Self.before) { out, count in
            for i in 0..<Self.before { out[i] = 0 }
            for i in 0..<length { out[Self.before + i] = Double(Int64(from[i]) - middle) }
            count = length + Self.before
        }
    }

    /// Sum over t in range of self[t - a] * other[t - b].
    func product(_ other: Series, _ a: Int, _ b: Int, _ range: Range<Int>, _ level: gam_level)
        -> Double
    {
        values.withUnsafeBufferPointer { x in
            other.values.withUnsafeBufferPointer { y in
                gam_dot(
                    level, x.baseAddress! + Self.before + range.lowerBound - a,
                    y.baseAddress! + Self.before + range.lowerBound - b, range.count)
            }
        }
    }

    subscript(t: Int) -> Double { values[Self.before + t] }

    /// rest[i] -= w * self[range.lowerBound + i - lag].
    func subtract(_ w: Double, lag: Int, _ range: Range<Int>, from rest: inout [Double]) {
        let start = Self.before + range.lowerBound - lag
        values.withUnsafeBufferPointer { x in
            rest.withUnsafeMutableBufferPointer { rest in
                for i in 0..<range.count { rest[i] -= w * x[start + i] }
            }
        }
    }

    /// Mean square of the smallest of the differences of order 0 to 3: about how well a segment can
    /// be predicted.
    func roughness(_ range: Range<Int>) -> Double {
        var sums = (0.0, 0.0, 0.0, 0.0)
        for t in range {
            let (a, b, c, d) = (self[t], self[t - 1], self[t - 2], self[t - 3])
            let (first, second, third) = (a - b, a - 2 * b + c, a - 3 * b + 3 * c - d)
            sums.0 += a * a
            sums.1 += first * first
            sums.2 += second * second
            sums.3 += third * third
        }
        return min(min(sums.0, sums.1), min(sums.2, sums.3)) / Double(range.count)
    }
}

/// Covariances of the taps of one predictor, and their solution.
struct NormalEquations {
    private var own: Int
    private var cross: Int
    private var matrix: [Double]
    private var right: [Double]
    private var power: Double
    private var count: Int
    /// Sum of the weights of all steps.
    private var weight: Double

    private static let segment = 512

    /// The equations of a range; weighted: each segment divided by its roughness.
    static func of(
        _ x: Series, _ y: Series?, own: Int, cross: Int, crossFirst: Int, range: Range<Int>,
        weighted: Bool, level: gam_level
    ) -> NormalEquations {
        guard weighted else {
            return NormalEquations(
                x, y, own: own, cross: cross, crossFirst: crossFirst, range: range, level: level)
        }
        var sum: NormalEquations?
        for start in stride(from: range.lowerBound, to: range.upperBound, by: segment) {
            let part = start..<min(start + segment, range.upperBound)
            let equations = NormalEquations(
                x, y, own: own, cross: cross, crossFirst: crossFirst, range: part, level: level
            ).scaled(1 / (x.roughness(part) + 1))
            sum = sum?.adding(equations) ?? equations
        }
        guard let sum else { preconditionFailure("a lane has steps") }
        return sum
    }

    private func scaled(_ factor: Double) -> NormalEquations {
        var result = self
        for i in matrix.indices { result.matrix[i] *= factor }
        for i in right.indices { result.right[i] *= factor }
        result.power *= factor
        result.weight *= factor
        return result
    }

    init(
        _ x: Series, _ y: Series?, own: Int, cross: Int, crossFirst: Int, range: Range<Int>,
        level: gam_level
    ) {
        self.own = own
        self.cross = y == nil ? 0 : cross
        count = range.count
        weight = Double(range.count)
        let n = own + self.cross
        matrix = [Double](repeating: 0, count: n * n)
        right = [Double](repeating: 0, count: n)
        power = x.product(x, 0, 0, range, level)
        guard n > 0 else { return }
        fill(x, 0, own, x, 0, own, lagX: 1, lagY: 1, range, level)
        for i in 0..<own { right[i] = x.product(x, 0, 1 + i, range, level) }
        guard let y, self.cross > 0 else { return }
        fill(x, 0, own, y, own, cross, lagX: 1, lagY: crossFirst, range, level)
        fill(y, own, cross, y, own, cross, lagX: crossFirst, lagY: crossFirst, range, level)
        for j in 0..<cross {
            right[own + j] = x.product(y, 0, crossFirst + j, range, level)
        }
    }

    /// Block (i, j) = sum x[t - lagX - i] y[t - lagY - j], from its first row and column.
    private mutating func fill(
        _ x: Series, _ rowStart: Int, _ rows: Int, _ y: Series, _ columnStart: Int, _ columns: Int,
        lagX: Int, lagY: Int, _ range: Range<Int>, _ level: gam_level
    ) {
        let n = own + cross
        for i in 0..<rows {
            for j in 0..<columns {
                let value: Double
                if i == 0 || j == 0 {
                    value = x.product(y, lagX + i, lagY + j, range, level)
                } else {
                    let before = matrix[(rowStart + i - 1) * n + columnStart + j - 1]
                    let first = range.lowerBound - 1
                    let last = range.upperBound - 1
                    value =
                        before + x[first - lagX - i + 1] * y[first - lagY - j + 1] - x[
                            last - lagX - i + 1] * y[last - lagY - j + 1]
                }
                matrix[(rowStart + i) * n + columnStart + j] = value
                matrix[(columnStart + j) * n + rowStart + i] = value
            }
        }
    }

    /// Taps by Cholesky with a little noise on the diagonal; zero where they cannot be solved for.
    /// Band-limited sound wants coefficients up to 50; where they would leave the format's limit,
    /// more noise brings them back.
    private func solve() -> [Double] {
        var noise = power * 1e-10 + weight * 1e-2
        for _ in 0..<16 {
            let w = solve(noise)
            if w.allSatisfy({ abs($0) * 65536 < Double(LinearPredictor.coefficientMax) }) {
                return w
            }
            noise *= 10
        }
        return [Double](repeating: 0, count: own + cross)
    }

    private func solve(_ noise: Double) -> [Double] {
        let n = own + cross
        var l = matrix
        for i in 0..<n { l[i * n + i] += noise }
        for j in 0..<n {
            for k in 0..<j {
                let factor = l[j * n + k]
                for i in j..<n { l[i * n + j] -= l[i * n + k] * factor }
            }
            guard l[j * n + j] > 0 else { return [Double](repeating: 0, count: n) }
            let root = l[j * n + j].squareRoot()
            for i in j..<n { l[i * n + j] /= root }
        }
        var w = right
        for i in 0..<n {
            for k in 0..<i { w[i] -= l[i * n + k] * w[k] }
            w[i] /= l[i * n + i]
        }
        for i in stride(from: n - 1, through: 0, by: -1) {
            for k in i + 1..<max(n, i + 1) { w[i] -= l[k * n + i] * w[k] }
            w[i] /= l[i * n + i]
        }
        return w
    }

    /// The equations of fewer taps.
    func reduced(_ fewerOwn: Int, _ fewerCross: Int) -> NormalEquations {
        guard fewerOwn < own || fewerCross < cross else { return self }
        let kept = Array(0..<fewerOwn) + (own..<own + fewerCross)
        var part = self
        part.own = fewerOwn
        part.cross = fewerCross
        part.matrix = kept.flatMap { i in kept.map { matrix[i * (own + cross) + $0] } }
        part.right = kept.map { right[$0] }
        return part
    }

    /// The equations of both ranges together.
    func adding(_ other: NormalEquations) -> NormalEquations {
        var sum = self
        for i in matrix.indices { sum.matrix[i] += other.matrix[i] }
        for i in right.indices { sum.right[i] += other.right[i] }
        sum.power += other.power
        sum.count += other.count
        sum.weight += other.weight
        return sum
    }

    /// The predictor in 1/65536 with as many low bits dropped as cost less than they save, and the
    /// bits that residuals and coefficients will take, about.
    func solved() -> (
        predictor: LinearPredictor, residualBits: Double, coefficientBits: Double
    ) {
        guard own + cross > 0 else { return (LinearPredictor(own: [], cross: [])!, 0, 0) }
        let w = solve()
        let explained = zip(w, right).reduce(0) { $0 + $1.0 * $1.1 }
        let residual = max(power - explained, weight * 0.08)
        // Rounding to 2^(drop - 16) adds about taps * power * 4^(drop - 16) / 12; allow 0.2 %.
        var drop = 0
        let taps = Double(own + cross)
        while drop < 12 {
            let step = Double(1 << (drop + 1)) / 65536
            if taps * power * step * step / 12 > 0.002 * residual { break }
            drop += 1
        }
        let unit = Double(1 << drop)
        let limit = Double(LinearPredictor.coefficientMax)
        let q = w.map { v -> Int32 in
            guard v.isFinite else { return 0 }
            return Int32((min(max(v * 65536, -limit), limit) / unit).rounded() * unit)
        }
        let coefficientBits = q.reduce(0) { sum, v in
            sum + 2 + Int.bitWidth - (Int(v.magnitude) >> drop).leadingZeroBitCount
        }
        let bits = 0.5 * Double(count) * log2(residual / Double(count))
        let predictor =
            LinearPredictor(own: Array(q[0..<own]), cross: Array(q[own...]))
            ?? LinearPredictor(own: [], cross: [])!
        return (predictor, bits, Double(coefficientBits))
    }
}
