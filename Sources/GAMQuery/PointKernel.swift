// The weighted sum of the samples around one point.
//
// What always holds: samples whose weight is 0 take no part, so NaN or infinity beside a grid point
// does not touch it; sums start at -0, the neutral element of addition.

import GAMCore

struct PointKernel {
    private let block: SampleBlock
    private let extents: [Int]
    private let taps: Int
    private let description: SignalDescription
    /// Grid steps per unit of the coordinates.
    private let scale: [Double]
    /// Points between neighbours of the block along each axis.
    private let strides: [Int]

    init(
        block: SampleBlock, extents: [Int], method: InterpolationMethod,
        description: SignalDescription, scale: [Double]
    ) {
        self.block = block
        self.extents = extents
        taps = method.taps
        self.description = description
        self.scale = scale
        var strides = [Int](repeating: 1, count: extents.count)
        for axis in (0..<extents.count - 1).reversed() {
            strides[axis] = strides[axis + 1] * block.box[axis + 1].count
        }
        self.strides = strides
    }

    /// Values [channels] and gradients [channels][axes] of one point.
    func evaluate(
        _ all: [AxisTaps], at start: Int, _ values: UnsafeMutablePointer<Double>,
        _ gradients: UnsafeMutablePointer<Double>?
    ) {
        block.bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress!
            switch (description.sampleType.containerBytes, description.sampleType.family) {
            case (1, .unsigned):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0, as: UInt8.self))
                }
            case (1, _):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0, as: Int8.self))
                }
            case (2, .unsigned):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: UInt16.self))
                }
            case (2, .signed):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: Int16.self))
                }
            case (2, .float):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: Float16.self))
                }
            case (_, .unsigned):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: UInt32.self))
                }
            case (_, .signed):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: Int32.self))
                }
            case (_, .float):
                sum(all, start, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: Float.self))
                }
            }
        }
    }

    /// Offset in the block, in points, of tap `t` along an axis.
    @inline(__always)
    private func offset(_ tap: AxisTaps, _ t: Int, _ axis: Int) -> Int {
        let at = min(max(tap.first + t, 0), extents[axis] - 1)
        return (at - block.box[axis].lowerBound) * strides[axis]
    }

    @inline(__always)
    private func sum(
        _ all: [AxisTaps], _ start: Int, _ values: UnsafeMutablePointer<Double>,
        _ gradients: UnsafeMutablePointer<Double>?, _ sample: (Int) -> Double
    ) {
        let axes = extents.count
        let channels = description.channels.count
        for c in 0..<channels { values[c] = -0.0 }
        if let gradients { for i in 0..<channels * axes { gradients[i] = -0.0 } }
        let last = axes - 1
        let lines = (0..<last).reduce(1) { product, _ in product * taps }
        for line in 0..<lines {
            var place = 0
            var weight = 1.0
            // Weight of the line in the derivative along each of the first three axes.
            var slopes = SIMD4<Double>(repeating: 1)
            var rest = line
            for axis in (0..<last).reversed() {
                let t = rest % taps
                rest /= taps
                let tap = all[start + axis]
                place += offset(tap, t, axis)
                weight *= tap.weights[t]
                for other in 0..<last {
                    slopes[other] *= other == axis ? tap.slopes[t] : tap.weights[t]
                }
            }
            addLine(all[start + last], place, weight, slopes, values, gradients, sample)
        }
        guard let gradients else { return }
        for c in 0..<channels {
            for axis in 0..<axes { gradients[c * axes + axis] *= scale[axis] }
        }
    }

    /// One line of samples along the last axis.
    @inline(__always)
    private func addLine(
        _ tap: AxisTaps, _ place: Int, _ weight: Double, _ slopes: SIMD4<Double>,
        _ values: UnsafeMutablePointer<Double>, _ gradients: UnsafeMutablePointer<Double>?,
        _ sample: (Int) -> Double
    ) {
        let axes = extents.count
        let last = axes - 1
        let channels = description.channels.count
        for t in 0..<taps {
            let at = (place + offset(tap, t, last)) * channels
            let product = weight * tap.weights[t]
            for c in 0..<channels {
                let value = sample(at + c)
                if product != 0 { values[c] += product * value }
                guard let gradients else { continue }
                for axis in 0..<last {
                    let slope = slopes[axis] * tap.weights[t]
                    if slope != 0 { gradients[c * axes + axis] += slope * value }
                }
                let slope = weight * tap.slopes[t]
                if slope != 0 { gradients[c * axes + last] += slope * value }
            }
        }
    }
}
