import GAMCodec
import GAMCore
import GAMFit
import GAMQuery
import Testing

@Suite struct SelectionTests {
    /// Coordinates an interval holds at a level, by the words of the protocol.
    private func coordinates(_ interval: AxisInterval, _ level: Int) -> [Int] {
        let unit = 1 << level
        let all =
            interval.step > 0
            ? (interval.start..<interval.stop).filter { $0 % unit == 0 }
            : stride(from: interval.start, to: interval.stop, by: -1).filter { $0 % unit == 0 }
        return stride(from: 0, to: all.count, by: abs(interval.step)).map { all[$0] }
    }

    @Test func stepsInBothDirectionsEqualSlicesAtEveryLevel() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let cases: [([Int], [Int], Int)] = [
            ([150, 90], [64, 32], 3), ([40, 30, 50], [24, 16, 24], 1), ([3000], [1024], 2),
            ([3, 20, 24, 28], [3, 8, 16, 16], 1),
        ]
        for (shape, shard, channels) in cases {
            let type = try SampleType(family: .signed, bits: 16)
            let signal = try StoredSignal(shape, channels: channels, type, shard: shard) {
                Double($0 * 37 % 1009 - 500)
            }
            for _ in 0..<60 {
                let level = Int.random(in: 0...4, using: &generator)
                let region = shape.map { extent -> AxisInterval in
                    let a = Int.random(in: 0..<extent, using: &generator)
                    let b = Int.random(in: a + 1...extent, using: &generator)
                    let step = Int.random(in: 1...9, using: &generator)
                    return Bool.random(using: &generator)
                        ? AxisInterval(start: a, stop: b, step: step)
                        : AxisInterval(start: b - 1, stop: a - 1, step: -step)
                }
                let wanted = points(region.map { coordinates($0, level) })
                guard !wanted.isEmpty else {
                    #expect(throws: CodecError.self) {
                        try Selection(region: region, level: level, of: signal.description)
                    }
                    continue
                }
                let selection = try Selection(
                    region: region, level: level, of: signal.description)
                let got = try signal.reader.bytes(selection, threads: 2)
                let values = got.withUnsafeBytes { SampleValues.load($0, type) }
                let expected = wanted.flatMap { p in (0..<channels).map { signal.value(p, $0) } }
                #expect(values == expected, "seed \(seed) \(shape) \(region) level \(level)")
            }
        }
    }

    @Test func intervalsOutsideTheSignalAreRefused() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([10, 10], type) { Double($0 % 200) }
        let bad: [AxisInterval] = [
            .init(start: 0, stop: 11), .init(start: -1, stop: 5), .init(start: 5, stop: 5),
            .init(start: 0, stop: 5, step: 0), .init(start: 10, stop: 2, step: -1),
            .init(start: 3, stop: -2, step: -1), .init(start: 1, stop: 4, step: -1),
            .init(start: 0, stop: 9, step: .min),
            .init(start: .min, stop: .max), .init(start: 0, stop: 9, step: .max),
        ]
        for interval in bad {
            #expect(throws: CodecError.self, "\(interval)") {
                try Selection(
                    region: [interval, .init(start: 0, stop: 10)], level: 0,
                    of: signal.description)
            }
        }
    }

    @Test(arguments: [(SampleType.Family.unsigned, 8), (.signed, 16), (.float, 32), (.float, 16)])
    func areasAreTheMeansOfCells(_ family: SampleType.Family, _ bits: Int) throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let type = try SampleType(family: family, bits: bits)
        let shape = [70, 45]
        let signal = try StoredSignal(shape, channels: 2, type, shard: [32, 24]) {
            family == .float
                ? Double($0 % 77) * 0.37 - 9 : Double($0 * 31 % 251) - (family == .signed ? 120 : 0)
        }
        for level in [1, 2, 3, 6, 9] {
            for _ in 0..<6 {
                let region = shape.map { extent -> AxisInterval in
                    let step = Int.random(in: 1...3, using: &generator)
                    return Bool.random(using: &generator)
                        ? AxisInterval(start: 0, stop: extent, step: step)
                        : AxisInterval(start: extent - 1, stop: -1, step: -step)
                }
                let selection = try Selection(
                    region: region, level: level, of: signal.description)
                var got: [UInt8] = []
                try AreaReader(signal.reader, level: level, threads: 1).read(selection) {
                    got += $0
                }
                let values = got.withUnsafeBytes { SampleValues.load($0, type) }
                let expected = points(region.map { coordinates($0, level) }).flatMap { corner in
                    (0..<2).map { mean(signal, corner, level, $0) }
                }
                #expect(values == expected, "seed \(seed) level \(level) \(region)")
            }
        }
    }

    private func mean(
        _ signal: StoredSignal, _ corner: [Int], _ level: Int, _ channel: Int
    ) -> Double {
        let box = zip(corner, signal.description.extents).map {
            Array($0..<min($1, $0 + (1 << level)))
        }
        let cell = points(box)
        let sum = cell.reduce(-0.0) { $0 + signal.value($1, channel) }
        let count = Double(cell.count)
        switch (signal.description.sampleType.family, signal.description.sampleType.bits) {
        case (.float, 16): return Double(Float16(sum / count))
        case (.float, _): return Double(Float(sum / count))
        default: return ((2 * sum + count) / (2 * count)).rounded(.down)
        }
    }

    @Test func bitPlanesStayWithinTheirBound() throws {
        for (family, bits) in [(SampleType.Family.unsigned, 12), (.signed, 16), (.float, 32)] {
            let type = try SampleType(family: family, bits: bits)
            let signal = try StoredSignal([64], type) {
                family == .float
                    ? Double(Float(bitPattern: UInt32($0) &* 0x0f3a_77c1 & 0xff7f_ffff))
                    : Double($0 * 61 % 4000 - (family == .signed ? 2000 : 0))
            }
            for kept in [1, 3, bits / 2, bits] {
                let planes = try BitPlanes(kept: kept, of: type)
                var cleared = signal.bytes
                cleared.withUnsafeMutableBytes { planes.clear($0) }
                let ordered = [signal.bytes, cleared].map { bytes -> [Int32] in
                    bytes.withUnsafeBytes { raw in
                        [Int32](unsafeUninitializedCapacity: 64) { out, used in
                            SampleMapping.load(
                                raw.baseAddress!, type, channels: 1, points: 64,
                                into: out.baseAddress!)
                            used = 64
                        }
                    }
                }
                for (exact, answer) in zip(ordered[0], ordered[1]) {
                    let off = Int64(exact) - Int64(answer)
                    #expect(off >= 0 && off <= Int64(planes.errorMax))
                    #expect(Int64(answer) & Int64(planes.errorMax) == 0)
                }
            }
            #expect(throws: QueryError.self) { try BitPlanes(kept: 0, of: type) }
            #expect(throws: QueryError.self) { try BitPlanes(kept: bits + 1, of: type) }
        }
    }
}
