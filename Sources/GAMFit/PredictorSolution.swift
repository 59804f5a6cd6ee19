// A predictor from its normal equations.
//
// What always holds here: floats only choose coefficients; what is kept are integers that the
// decoder uses as they are.

import GAMCore
import Glibc

extension NormalEquations {
    /// The equations' solution and their triangular factor, [row][column].
    private struct Solution {
        let taps: [Double]
        let factor: [Double]
    }

    /// Taps by Cholesky with a little noise on the diagonal; nil where they cannot be solved for.
    /// Band-limited sound wants coefficients up to 50; where they would leave the format's limit,
    /// more noise brings them back.
    private func solve() -> Solution? {
        var noise = power * 1e-10 + weight * 1e-2
        for _ in 0..<16 {
            let solution = solve(noise)
            if let solution,
                solution.taps.allSatisfy({
                    abs($0) * 65536 < Double(LinearPredictor.coefficientMax)
                })
            {
                return solution
            }
            noise *= 10
        }
        return nil
    }

    private func solve(_ noise: Double) -> Solution? {
        let n = own + cross
        var l = matrix
        for i in 0..<n { l[i * n + i] += noise }
        for j in 0..<n {
            for k in 0..<j {
                let factor = l[j * n + k]
                for i in j..<n { l[i * n + j] -= l[i * n + k] * factor }
            }
            guard l[j * n + j] > 0 else { return nil }
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
        return Solution(taps: w, factor: l)
    }

    /// The predictor in 1/65536 with as many low bits dropped as cost less than they save, and the
    /// bits that residuals and coefficients will take, about.
    func solved() -> (
        predictor: LinearPredictor, residualBits: Double, coefficientBits: Double
    ) {
        let none = LinearPredictor(
            own: [Int32](repeating: 0, count: own), cross: [Int32](repeating: 0, count: cross))!
        guard own + cross > 0, let solution = solve() else { return (none, 0, 0) }
        let explained = zip(solution.taps, right).reduce(0) { $0 + $1.0 * $1.1 }
        let residual = max(power - explained, weight * 0.08)
        let drop = self.drop(solution, residual)
        let q = rounded(solution, drop)
        let coefficientBits = q.reduce(0) { sum, v in
            sum + 2 + Int.bitWidth - (Int(v.magnitude) >> drop).leadingZeroBitCount
        }
        let bits = 0.5 * Double(count) * log2(residual / Double(count))
        let predictor = LinearPredictor(own: Array(q[0..<own]), cross: Array(q[own...]))
        return (predictor ?? none, bits, Double(coefficientBits))
    }

    /// Low bits to drop. Rounding to steps of s adds s^2 / 12 times the squares of the factor's
    /// diagonal to the residual (see `rounded`); each doubling of s quadruples that and saves a bit
    /// per tap.
    private func drop(_ solution: Solution, _ residual: Double) -> Int {
        let n = own + cross
        let squares = (0..<n).reduce(0) {
            $0 + solution.factor[$1 * n + $1] * solution.factor[$1 * n + $1]
        }
        var drop = 0
        while drop < 14 {
            let step = Double(1 << drop) / 65536
            let share = squares * step * step / 12 / residual
            if 0.72 * Double(count) * 3 * share > Double(n) { break }
            drop += 1
        }
        return drop
    }

    /// Rounds the last tap, then each one before it so that it makes up for the errors of those
    /// behind (nearest plane; Babai 1986): an error then costs the variance of its tap given the taps
    /// before it, not the tap's whole variance, which on band-limited sound is a million times more.
    private func rounded(_ solution: Solution, _ drop: Int) -> [Int32] {
        let n = own + cross
        let unit = Double(1 << drop)
        let limit = Double(LinearPredictor.coefficientMax)
        var q = [Int32](repeating: 0, count: n)
        var errors = [Double](repeating: 0, count: n)
        for i in stride(from: n - 1, through: 0, by: -1) {
            var carried = 0.0
            for j in i + 1..<max(n, i + 1) { carried += solution.factor[j * n + i] * errors[j] }
            let wanted = solution.taps[i] * 65536 + carried / solution.factor[i * n + i]
            guard wanted.isFinite else { return q }
            let value = (min(max(wanted, -limit), limit) / unit).rounded(.towardZero) * unit
            let nearest =
                abs(wanted - value) * 2 > unit && abs(value) + unit <= limit
                ? value + (wanted > value ? unit : -unit) : value
            q[i] = Int32(nearest)
            errors[i] = solution.taps[i] * 65536 - nearest
        }
        return q
    }
}
