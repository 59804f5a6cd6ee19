// Weights of the samples around a point, along one axis.
//
// What always holds:
// - At a grid point exactly one weight is 1 and the others are 0: the sample itself comes out.
// - Linear is continuous, cubic (Catmull and Rom 1974) has a continuous first derivative; beyond
//   the edge cubic repeats the last sample.

public enum InterpolationMethod: String, Sendable {
    case nearest, linear, cubic

    /// Samples per axis.
    var taps: Int {
        switch self {
        case .nearest: 1
        case .linear: 2
        case .cubic: 4
        }
    }

    /// Points before the cell's first that are looked at.
    var before: Int { self == .cubic ? 1 : 0 }

    /// A bound of the slope of what is interpolated from samples of a function of slope 1, along
    /// `axes` axes: what a sphere tracer may rely on. Linear: 1 along every axis. Cubic: the sum of
    /// the derivative's coefficients of differences is at most 1.5, that of weights at most 1.25.
    func slopeMax(axes: Int) -> Double {
        let root = Double(axes).squareRoot()
        guard self == .cubic else { return root }
        return root * 1.5 * (1..<axes).reduce(1.0) { product, _ in product * 1.25 }
    }
}

/// Where a coordinate lies on an axis, and how its samples weigh.
struct AxisTaps {
    /// First sample looked at, before clamping to the axis.
    var first = 0
    var weights = SIMD4<Double>(repeating: 0)
    /// Derivatives of the weights, per grid step.
    var slopes = SIMD4<Double>(repeating: 0)
    /// Where the samples lie in the block, in points from its first one.
    var offsets = SIMD4<Int>(repeating: 0)
    /// Half the spread of the samples around the point: sum |w| (x - i)^2 / sum |w|, in grid steps.
    var spread = 0.0
    var weightSum = 1.0

    /// - Parameter x: within 0 ... extent - 1.
    init(_ x: Double, extent: Int, _ method: InterpolationMethod, isClamped: Bool) {
        guard extent > 1, method != .nearest else {
            let nearest = min(extent - 1, Int((x + 0.5).rounded(.down)))
            first = nearest - (method == .nearest ? 0 : method.before)
            weights[method == .nearest ? 0 : method.before] = 1
            spread = (x - Double(nearest)) * (x - Double(nearest))
            return
        }
        let cell = min(extent - 2, Int(x.rounded(.down)))
        let f = x - Double(cell)
        first = cell - method.before
        if method == .linear {
            weights = SIMD4(1 - f, f, 0, 0)
            if !isClamped { slopes = SIMD4(-1, 1, 0, 0) }
            spread = f * (1 - f)
        } else {
            cubic(f, isClamped)
        }
    }

    private mutating func cubic(_ f: Double, _ isClamped: Bool) {
        let (f2, f3) = (f * f, f * f * f)
        weights = SIMD4(
            f2 - 0.5 * f - 0.5 * f3, 1 - 2.5 * f2 + 1.5 * f3, 0.5 * f + 2 * f2 - 1.5 * f3,
            0.5 * f3 - 0.5 * f2)
        if !isClamped {
            slopes = SIMD4(
                2 * f - 0.5 - 1.5 * f2, 4.5 * f2 - 5 * f, 0.5 + 4 * f - 4.5 * f2, 1.5 * f2 - f)
        }
        let sizes = SIMD4(
            abs(weights[0]), abs(weights[1]), abs(weights[2]), abs(weights[3]))
        let distances = SIMD4(f + 1, f, 1 - f, 2 - f)
        weightSum = sizes.sum()
        spread = (sizes * distances * distances).sum() / weightSum
    }
}
