import GAMCodec
import GAMCore
import GAMQuery
import Testing

@Suite struct ExpansionTests {
    /// Squared error per sample of an answer against the signal before it lost its lower bits.
    private func error(_ got: [Double], _ exact: [Double]) -> Double {
        zip(got, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(exact.count)
    }

    /// A smooth surface of 12 bits, slopes far below one step of its upper 6.
    private func surface(_ y: Int, _ x: Int) -> Double {
        let (u, v) = (Double(x) / 40, Double(y) / 55)
        return (2048 + 700 * (u - v) / 3 + 500 * (u * v).truncatingRemainder(dividingBy: 1.9))
            .rounded()
    }

    @Test func upperBitsAreTheStoredOnesAndLowerOnesBeatTheMiddle() throws {
        let type = try SampleType(family: .unsigned, bits: 6)
        let exact = (0..<120 * 150).map { min(max(surface($0 / 150, $0 % 150), 0), 4095) }
        let signal = try StoredSignal([120, 150], type, shard: [64, 64]) {
            (exact[$0] / 64).rounded(.down)
        }
        var bytes: [UInt8] = []
        try signal.reader.readExpanded(
            Selection(wholeOf: signal.description), bits: 12, threads: 2
        ) { bytes += $0 }
        let wide = try signal.reader.expandedType(12)
        #expect(wide.bits == 12 && wide.containerBytes == 2)
        let got = bytes.withUnsafeBytes { SampleValues.load($0, wide) }
        #expect(zip(got, signal.values).allSatisfy { ($0 / 64).rounded(.down) == $1 })
        let middle = signal.values.map { $0 * 64 + 31.5 }
        let zeros = signal.values.map { $0 * 64 }
        #expect(error(got, exact) < error(middle, exact))
        #expect(error(middle, exact) < error(zeros, exact))
        // A region of the estimate is that part of the whole estimate.
        var part: [UInt8] = []
        let selection = try Selection(
            region: [.init(start: 100, stop: 20, step: -7), .init(start: 3, stop: 140, step: 5)],
            level: 0, of: signal.description)
        try signal.reader.readExpanded(selection, bits: 12, threads: 1) { part += $0 }
        let values = part.withUnsafeBytes { SampleValues.load($0, wide) }
        let rows = stride(from: 100, to: 20, by: -7)
        #expect(
            values
                == rows.flatMap { y in stride(from: 3, to: 140, by: 5).map { got[y * 150 + $0] } })
    }

    @Test func everyIntegerTypeKeepsItsStoredBits() throws {
        for (family, bits, wanted) in [
            (SampleType.Family.unsigned, 8, 32), (.signed, 8, 16), (.signed, 16, 32),
            (.unsigned, 31, 32), (.unsigned, 1, 8),
        ] {
            let type = try SampleType(family: family, bits: bits)
            for extents in [[40, 50], [300], [12, 14, 10]] {
                let half = family == .signed ? Double(Int64(1) << Int64(bits - 1)) : 0
                let range = Double(Int64(1) << Int64(bits))
                let signal = try StoredSignal(extents, channels: 2, type) {
                    (Double($0) * 977).truncatingRemainder(dividingBy: range) - half
                }
                var bytes: [UInt8] = []
                try signal.reader.readExpanded(
                    Selection(wholeOf: signal.description), bits: wanted, threads: 1
                ) { bytes += $0 }
                let wide = try signal.reader.expandedType(wanted)
                let step = Double(Int64(1) << Int64(wanted - bits))
                let got = bytes.withUnsafeBytes { SampleValues.load($0, wide) }
                #expect(
                    zip(got, signal.values).allSatisfy { ($0 / step).rounded(.down) == $1 },
                    "\(family) \(bits) to \(wanted), \(extents)")
            }
        }
        let floats = try StoredSignal([30], try SampleType(family: .float, bits: 16)) { Double($0) }
        #expect(throws: CodecError.self) { try floats.reader.expandedType(32) }
    }
}
