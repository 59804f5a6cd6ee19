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

/// Covariances of the taps of one predictor, and their solution.
struct NormalEquations {
    private(set) var own: Int
    private(set) var cross: Int
    private(set) var matrix: [Double]
    private(set) var right: [Double]
    private(set) var power: Double
    private(set) var count: Int
    /// Sum of the weights of all steps.
    private(set) var weight: Double

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
}
