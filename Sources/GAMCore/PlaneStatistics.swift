// What a plane is like, as constant inputs of its network.
//
// What always holds here: the stored numbers are the truth; how a writer found them is its business.

import CGAMKernels

/// Sixteen numbers in 1/16: size and shape of the base predictor's errors, their correlations with
/// neighbours and previous planes, zeros, clustering (statistics.c).
package struct PlaneStatistics: Equatable, Sendable {
    package static let count = Int(GAM_STATISTICS)
    /// `count` of them.
    package let values: [Int8]

    /// Of planes too small to be measured.
    package static let unknown = PlaneStatistics([Int8](repeating: 0, count: count))

    /// - Precondition: `values` are `count`.
    package init(_ values: [Int8]) {
        precondition(values.count == Self.count, "statistics of another count")
        self.values = values
    }

    /// Measures a plane in C order that looks at up to two previous ones.
    init(
        _ plane: UnsafePointer<Int32>, previous: [UnsafePointer<Int32>], _ geometry: Wavefront,
        _ engine: Engine, _ memory: Buffer
    ) {
        let extents = gam_extents(
            depth: Int32(geometry.depth), height: Int32(geometry.height),
            width: Int32(geometry.width))
        let room = gam_statistics_scratch(extents) / MemoryLayout<Int32>.stride
        let scratch = memory.reserve(room)
        values = [Int8](unsafeUninitializedCapacity: Self.count) { out, count in
            gam_statistics(
                engine.level, plane, previous.first, previous.count > 1 ? previous[1] : nil,
                extents, scratch, out.baseAddress)
            count = Self.count
        }
    }

    /// Network inputs, 256 = 1.
    var inputs: [Int16] { values.map { 16 * Int16($0) } }
}

extension ShardLayout {
    /// Planes of 4,096 points and more are measured: sixteen bytes are less than 0.2 % of them.
    package var hasStatistics: Bool { wavefront != nil && points >= 4096 }
}

extension FieldNetwork {
    /// The network for one plane: its statistics folded into the first layer's biases.
    func conditioned(on statistics: PlaneStatistics?) -> FieldNetwork {
        guard let statistics else { return self }
        let columns = shape.inputs
        let gathered = columns - PlaneStatistics.count
        let constants = statistics.inputs
        var weights: [Int16] = []
        weights.reserveCapacity(shape.hidden * gathered)
        var biases = bias1
        for row in 0..<shape.hidden {
            let part = weights1[row * columns..<(row + 1) * columns]
            weights += part.prefix(gathered)
            biases[row] += zip(part.suffix(PlaneStatistics.count), constants).reduce(Int32(0)) {
                $0 + Int32($1.0) * Int32($1.1)
            }
        }
        return FieldNetwork(
            folded: NetworkShape(
                inputs: gathered, hidden: shape.hidden, components: shape.components),
            weights1: weights, bias1: biases, rest: self)
    }
}
