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

    /// Finds the samples of an axis in the block; those beyond the signal are its last ones.
    @inline(__always)
    func place(_ tap: inout AxisTaps, _ axis: Int) {
        for t in 0..<taps {
            let at = min(max(tap.first + t, 0), extents[axis] - 1)
            tap.offsets[t] = (at - block.box[axis].lowerBound) * strides[axis]
        }
    }

    /// Values [channels] and gradients [channels][axes] of one point, from its taps [axes].
    func evaluate(
        _ all: UnsafePointer<AxisTaps>, _ values: UnsafeMutablePointer<Double>,
        _ gradients: UnsafeMutablePointer<Double>?
    ) {
        block.bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress!
            switch (description.sampleType.containerBytes, description.sampleType.family) {
            case (1, .unsigned):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0, as: UInt8.self))
                }
            case (1, _):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0, as: Int8.self))
                }
            case (2, .unsigned):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: UInt16.self))
                }
            case (2, .signed):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: Int16.self))
                }
            case (2, .float):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 2, as: Float16.self))
                }
            case (_, .unsigned):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: UInt32.self))
                }
            case (_, .signed):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: Int32.self))
                }
            case (_, .float):
                sum(all, values, gradients) {
                    Double(base.load(fromByteOffset: $0 * 4, as: Float.self))
                }
            }
        }
    }

    @inline(__always)
    private func sum(
        _ all: UnsafePointer<AxisTaps>, _ values: UnsafeMutablePointer<Double>,
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
                place += all[axis].offsets[t]
                weight *= all[axis].weights[t]
                guard gradients != nil else { continue }
                for other in 0..<last {
                    slopes[other] *= other == axis ? all[axis].slopes[t] : all[axis].weights[t]
                }
            }
            addLine(all + last, place, weight, slopes, values, gradients, sample)
        }
        guard let gradients else { return }
        for c in 0..<channels {
            for axis in 0..<axes { gradients[c * axes + axis] *= scale[axis] }
        }
    }

    /// One line of samples along the last axis.
    @inline(__always)
    private func addLine(
        _ tap: UnsafePointer<AxisTaps>, _ place: Int, _ weight: Double, _ slopes: SIMD4<Double>,
        _ values: UnsafeMutablePointer<Double>, _ gradients: UnsafeMutablePointer<Double>?,
        _ sample: (Int) -> Double
    ) {
        let axes = extents.count
        let last = axes - 1
        let channels = description.channels.count
        for t in 0..<taps {
            let at = (place + tap.pointee.offsets[t]) * channels
            let product = weight * tap.pointee.weights[t]
            for c in 0..<channels {
                let value = sample(at + c)
                if product != 0 { values[c] += product * value }
                guard let gradients else { continue }
                for axis in 0..<last {
                    let slope = slopes[axis] * tap.pointee.weights[t]
                    if slope != 0 { gradients[c * axes + axis] += slope * value }
                }
                let slope = weight * tap.pointee.slopes[t]
                if slope != 0 { gradients[c * axes + last] += slope * value }
            }
        }
    }
}
