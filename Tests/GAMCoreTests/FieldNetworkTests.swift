import GAMCore
import Testing

@Suite struct FieldNetworkTests {
    private let shape = NetworkShape(inputs: 2, hidden: 2, components: 1)

    private func network(_ weight: Int16, bias: Int32) throws -> FieldNetwork {
        try FieldNetwork(
            shape: shape,
            weights: [[weight, weight, 0, 0], [0, 0, 0, 0], [Int16](repeating: 0, count: 4)],
            biases: [[bias, 0], [0, 0], [0, 0]])
    }

    @Test func rowsThatCouldOverflowAreRefused() throws {
        _ = try network(32_767, bias: 1_000_000)
        #expect(throws: NetworkError.overflow(layer: 1, row: 0)) {
            try network(32_767, bias: 2_147_000_000)
        }
    }

    @Test(arguments: 1...3) func theBoundIsExactInEveryLayer(_ layer: Int) throws {
        let bound = layer == 1 ? 4096 : 8191
        func network(bias: Int) throws -> FieldNetwork {
            var weights = [[Int16]]()
            var biases = [[Int32]]()
            for (weightCount, biasCount) in [(4, 2), (4, 2), (4, 2)] {
                weights.append([Int16](repeating: 0, count: weightCount))
                biases.append([Int32](repeating: 0, count: biasCount))
            }
            weights[layer - 1][0] = -30_000
            weights[layer - 1][1] = 20_000
            biases[layer - 1][0] = Int32(-bias)
            return try FieldNetwork(shape: shape, weights: weights, biases: biases)
        }
        let most = (1 << 31) - 2049 - 50_000 * bound
        _ = try network(bias: most)
        #expect(throws: NetworkError.overflow(layer: layer, row: 0)) {
            try network(bias: most + 1)
        }
    }

    @Test func matricesOfTheWrongSizeAreRefused() {
        #expect(throws: NetworkError.shape) {
            try FieldNetwork(
                shape: shape, weights: [[1], [1], [1]], biases: [[0, 0], [0, 0], [0, 0]])
        }
    }
}
