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

    @Test func matricesOfTheWrongSizeAreRefused() {
        #expect(throws: NetworkError.shape) {
            try FieldNetwork(
                shape: shape, weights: [[1], [1], [1]], biases: [[0, 0], [0, 0], [0, 0]])
        }
    }
}
