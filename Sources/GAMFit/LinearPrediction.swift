// Least-squares predictors of a causal shard.
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

//
// Lanes share predictors in groups of 1 to 16. Normal equations add up, so those of single lanes give
// all groupings; the one with the fewest bits (residuals and coefficients) is kept.

package enum LinearPrediction {
    /// The predictors of channel planes of `length` steps.
    package static func fit(
        _ linear: UnsafePointer<Int32>, length: Int, channels: Int, level: gam_level
    ) -> PredictorBank {
        let grid = LaneGrid(length: length)
        let series = (0..<channels).map { Series(linear + $0 * length, length) }
        let short = length < 4096
        let own = short ? min(16, length / 32) : LinearPredictor.ownMax
        let cross = short || channels == 1 ? 0 : LinearPredictor.crossMax
        var systems = (0..<grid.lanes).map { lane in
            (0..<channels).map { c in
                NormalEquations(
                    series[c], channels == 1 ? nil : series[c == 0 ? 1 : c - 1], own: own,
                    cross: cross, crossFirst: c == 0 ? 1 : 0, range: grid.range(ofLane: lane),
                    level: level)
            }
        }
        var best: (bits: Double, bank: PredictorBank)?
        for groupLanes in [1, 2, 4, 8, 16] {
            let solved = systems.flatMap { $0.map { $0.solved() } }
            let bits = solved.reduce(0) { $0 + $1.bits }
            if bits < best?.bits ?? .infinity {
                best = (
                    bits, PredictorBank(groupLanes: groupLanes, predictors: solved.map(\.predictor))
                )
            }
            if systems.count == 1 { break }
            systems = stride(from: 0, to: systems.count, by: 2).map { i in
                i + 1 < systems.count
                    ? zip(systems[i], systems[i + 1]).map { $0.adding($1) } : systems[i]
            }
        }
        return best?.bank ?? .none
    }
}

/// One channel as doubles around the middle of its range, with zeros before the first step.
private struct Series {
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
}

/// Covariances of the taps of one predictor, and their solution.
private struct NormalEquations {
    let own: Int
    let cross: Int
    private var matrix: [Double]
    private var right: [Double]
    private var power: Double
    private var count: Int

    init(
        _ x: Series, _ y: Series?, own: Int, cross: Int, crossFirst: Int, range: Range<Int>,
        level: gam_level
    ) {
        self.own = own
        self.cross = y == nil ? 0 : cross
        count = range.count
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
        var noise = power * 1e-10 + Double(count) * 1e-2
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

    /// The equations of both ranges together.
    func adding(_ other: NormalEquations) -> NormalEquations {
        var sum = self
        for i in matrix.indices { sum.matrix[i] += other.matrix[i] }
        for i in right.indices { sum.right[i] += other.right[i] }
        sum.power += other.power
        sum.count += other.count
        return sum
    }

    /// The predictor in 1/65536 with as many low bits dropped as cost less than they save, and the
    /// bits that residuals and coefficients will take, about.
    func solved() -> (predictor: LinearPredictor, bits: Double) {
        guard own + cross > 0 else { return (LinearPredictor(own: [], cross: [])!, 0) }
        let w = solve()
        let explained = zip(w, right).reduce(0) { $0 + $1.0 * $1.1 }
        let residual = max(power - explained, Double(count) * 0.08)
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
        let bits = 0.5 * Double(count) * log2(residual / Double(count)) + Double(coefficientBits)
        let predictor =
            LinearPredictor(own: Array(q[0..<own]), cross: Array(q[own...]))
            ?? LinearPredictor(own: [], cross: [])!
        return (predictor, bits)
    }
}
