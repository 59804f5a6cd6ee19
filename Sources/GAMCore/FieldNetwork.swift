// The integer field network: weights, the proof that they cannot overflow, and their shapes.
//
// What always holds here:
// - A FieldNetwork that exists satisfies the integer contract: for every row
//   sum |w| * (largest input) + |bias| + 2048 < 2^31. `init` throws otherwise.
// - inputs and hidden are even; inputs <= 80, hidden <= 64, components 1...3.

import CGAMKernels

/// Numbers of inputs, hidden units and mixture components of a network.
public struct NetworkShape: Hashable, Sendable {
    public let inputs: Int
    public let hidden: Int
    public let components: Int

    public init(inputs: Int, hidden: Int, components: Int) {
        self.inputs = inputs
        self.hidden = hidden
        self.components = components
    }

    /// An offset and a scale per component, odds for all but the last.
    public var outputs: Int { 3 * components - 1 }
    /// Lengths of weights1, bias1, weights2, bias2, weights3, bias3 in the parameter array.
    public var partCounts: [Int] {
        [hidden * inputs, hidden, hidden * hidden, hidden, outputs * hidden, outputs]
    }
    public var parameterCount: Int { partCounts.reduce(0, +) }
    var isValid: Bool {
        (2...GAM_INPUTS_MAX + GAM_STATISTICS).contains(inputs) && inputs % 2 == 0
            && (2...GAM_HIDDEN_MAX).contains(hidden) && hidden % 2 == 0
            && (1...GAM_COMPONENTS_MAX).contains(components)
    }
}

/// Why weights are not a network.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    case shape
    case overflow(layer: Int, row: Int)

    public var description: String {
        switch self {
        case .shape: "the network's shape is outside the format's limits"
        case .overflow(let layer, let row):
            "row \(row) of layer \(layer) could overflow a 32-bit sum"
        }
    }
}

/// Integer weights of one network: int16 at 1.0 = 4096, biases int32 at 1.0 = 2^20.
public struct FieldNetwork: Equatable, Sendable {
    public let shape: NetworkShape
    public let weights1: [Int16], weights2: [Int16], weights3: [Int16]  // [out][in], row-major
    public let bias1: [Int32], bias2: [Int32], bias3: [Int32]

    public init(
        shape: NetworkShape, weights: [[Int16]], biases: [[Int32]]
    ) throws(NetworkError) {
        let counts = shape.partCounts
        guard shape.isValid, weights.map(\.count) == [counts[0], counts[2], counts[4]],
            biases.map(\.count) == [counts[1], counts[3], counts[5]]
        else { throw .shape }
        let bounds = [
            Int64(GAM_INPUT_MAX), Int64(GAM_ACTIVATION_MAX),
            Int64(GAM_ACTIVATION_MAX),
        ]
        for layer in 0..<3 {
            let columns = layer == 0 ? shape.inputs : shape.hidden
            for (row, bias) in biases[layer].enumerated() {
                let part = weights[layer][row * columns..<(row + 1) * columns]
                let sum = part.reduce(Int64(0)) { $0 + Int64($1.magnitude) }
                guard sum * bounds[layer] + Int64(bias.magnitude) + 2048 < 1 << 31 else {
                    throw .overflow(layer: layer + 1, row: row)
                }
            }
        }
        self.shape = shape
        (weights1, weights2, weights3) = (weights[0], weights[1], weights[2])
        (bias1, bias2, bias3) = (biases[0], biases[1], biases[2])
    }

    /// A network with constant inputs folded into its first biases: it cannot overflow where `rest`
    /// cannot.
    init(folded shape: NetworkShape, weights1: [Int16], bias1: [Int32], rest: FieldNetwork) {
        self.shape = shape
        self.weights1 = weights1
        self.bias1 = bias1
        (weights2, weights3) = (rest.weights2, rest.weights3)
        (bias2, bias3) = (rest.bias2, rest.bias3)
    }

    /// Lends the kernel's view of the weights.
    package func withKernel<R>(_ body: (UnsafePointer<gam_network>) throws -> R) rethrows -> R {
        try weights1.withUnsafeBufferPointer { w1 in
            try weights2.withUnsafeBufferPointer { w2 in
                try weights3.withUnsafeBufferPointer { w3 in
                    try bias1.withUnsafeBufferPointer { b1 in
                        try bias2.withUnsafeBufferPointer { b2 in
                            try bias3.withUnsafeBufferPointer { b3 in
                                var view = gam_network(
                                    inputs: Int32(shape.inputs), hidden: Int32(shape.hidden),
                                    components: Int32(shape.components),
                                    weights1: w1.baseAddress, weights2: w2.baseAddress,
                                    weights3: w3.baseAddress, bias1: b1.baseAddress,
                                    bias2: b2.baseAddress, bias3: b3.baseAddress)
                                return try withUnsafePointer(to: &view) { try body($0) }
                            }
                        }
                    }
                }
            }
        }
    }
}
