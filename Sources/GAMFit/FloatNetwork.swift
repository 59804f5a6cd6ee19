// Real-valued weights: what fitting moves, and how they become integers.
//
// What always holds here: `quantised` never fails silently; weights outside the integer contract
// are scaled back row by row until the row's bound holds.

import CGAMKernels
import GAMCore

/// A repeatable source of random numbers (SplitMix64, Steele et al. 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Nearly normal integers of a standard deviation below 1,000 (sum of 4 uniform ones).
    package mutating func noise(deviation: Int32) -> Int16 {
        let bits = next()
        let sum = (0..<4).reduce(Int32(0)) { $0 + Int32(bits >> (16 * UInt64($1)) & 0xffff) }
        return Int16((sum - 131_070) * deviation / 37_837)
    }

    /// A standard normal number (sum of 12 uniform ones: tails end at 6).
    mutating func normal() -> Float {
        (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &self) }
    }
}

/// Weights and biases in real units, in the kernel's parameter order.
public struct FloatNetwork: Equatable, Sendable {
    public let shape: NetworkShape
    public var parameters: [Float]

    static let weightUnit: Float = 4096
    static let biasUnit: Float = 1_048_576

    /// Random weights to start training from.
    public init(shape: NetworkShape, using generator: inout SeededGenerator) {
        self.shape = shape
        let counts = shape.partCounts
        let spreads = [
            (1 / Float(shape.inputs)).squareRoot(), 0, (2 / Float(shape.hidden)).squareRoot(), 0,
            0.05, 0,
        ]
        parameters = []
        for (part, count) in counts.enumerated() {
            for _ in 0..<count {
                parameters.append(spreads[part] == 0 ? 0 : spreads[part] * generator.normal())
            }
        }
        let k = shape.components
        let bias3 = parameters.count - counts[5]
        for i in 0..<k {
            parameters[bias3 + i] = k > 1 ? Float(i) / Float(k - 1) - 0.5 : 0
            parameters[bias3 + k + i] = -1
        }
    }

    /// Sets the first layer's weights of the last inputs to zero.
    package mutating func forgetLastInputs(_ count: Int) {
        for row in 0..<shape.hidden {
            let end = (row + 1) * shape.inputs
            for i in end - count..<end { parameters[i] = 0 }
        }
    }

    /// The real values of integer weights.
    public init(_ network: FieldNetwork) {
        shape = network.shape
        parameters = []
        for (weights, biases) in [
            (network.weights1, network.bias1), (network.weights2, network.bias2),
            (network.weights3, network.bias3),
        ] {
            parameters += weights.map { Float($0) / Self.weightUnit }
            parameters += biases.map { Float($0) / Self.biasUnit }
        }
    }

    /// Ranges of the six parts in `parameters`.
    var parts: [Range<Int>] {
        var start = 0
        return shape.partCounts.map { count in
            defer { start += count }
            return start..<start + count
        }
    }

    /// The nearest integer network within the integer contract.
    public func quantised() -> FieldNetwork {
        let parts = self.parts
        var weights: [[Int16]] = []
        var biases: [[Int32]] = []
        for layer in 0..<3 {
            let columns = layer == 0 ? shape.inputs : shape.hidden
            let bound: Float = layer == 0 ? 4096 : 8191
            var rows = Array(parameters[parts[2 * layer]])
            let bias = parameters[parts[2 * layer + 1]].map { min(max($0, -500), 500) }
            for row in 0..<rows.count / columns {
                let range = row * columns..<(row + 1) * columns
                let room = (Float(2_147_000_000) - abs(bias[row]) * Self.biasUnit) / bound
                let sum = rows[range].reduce(0) { $0 + abs($1) } * Self.weightUnit
                let limit = (room - Float(columns)) / max(sum, 1)
                if limit < 1 { for i in range { rows[i] *= limit } }
            }
            weights.append(
                rows.map { Int16(min(max(($0 * Self.weightUnit).rounded(), -32767), 32767)) })
            biases.append(bias.map { Int32(($0 * Self.biasUnit).rounded()) })
        }
        do {
            return try FieldNetwork(shape: shape, weights: weights, biases: biases)
        } catch {
            preconditionFailure("rows were scaled into the contract: \(error)")
        }
    }
}
