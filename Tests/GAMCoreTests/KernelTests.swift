import GAMCodec
import GAMCore
import GAMFit
import GAMFormat
import Testing

/// Engines compared on the modelled stream itself: as a record, a smaller plain one may hide it.
@Suite struct KernelTests {
    /// [plane][point], walks with rare jumps over `spread` values around `middle`.
    private func planes(
        _ layout: ShardLayout, middle: Int64, spread: Int64, seed: UInt64
    ) -> [Int32] {
        var generator = SeededGenerator(seed: seed)
        var value = middle
        return (0..<layout.sampleCount).map { _ in
            let random = generator.next()
            let step = Int64(bitPattern: random >> 8) % max(2, spread >> 12)
            value =
                random % 97 == 0 ? middle + Int64(random >> 20) % spread - spread / 2 : value + step
            value = min(max(value, middle - spread / 2), middle + spread / 2 - 1)
            value = min(max(value, Int64(Int32.min)), Int64(Int32.max))
            return Int32(value)
        }
    }

    private func predictors(_ planes: [Int32], _ layout: ShardLayout) -> PredictorBank {
        guard layout.order == .causal else { return .none }
        return LinearPrediction.fit(
            planes, length: layout.pointCount, channels: layout.planes,
            level: Engine.baseline.level)
    }

    static let cases: [([Int], Int, Int64, Int64)] = [
        ([40, 52], 2, 0, 1 << 32), ([40, 52], 3, 1 << 30, 1 << 20), ([70, 66], 1, -5, 1 << 27),
        ([9, 10, 11], 2, 0, 1 << 32), ([5000], 2, 0, 1 << 32), ([4500], 3, 1 << 22, 1 << 24),
        // 18 lanes, two groups for the adaptive filters; the last lane is shorter.
        ([69_997], 1, 0, 1 << 15),
    ]

    @Test(arguments: cases) func everyEngineModelsAlike(
        _ extents: [Int], _ channels: Int, _ middle: Int64, _ spread: Int64
    ) throws {
        let layout = ShardLayout(extents: extents, channels: channels)
        let values = planes(layout, middle: middle, spread: spread, seed: 21)
        let prior = try #require(
            PriorLibrary.shipped.all.first {
                $0.networks.domain == layout.domain && $0.size == .small
                    && $0.networks.roles.count >= min(3, channels)
            } ?? PriorLibrary.shipped.all.first { $0.networks.domain == layout.domain })
        let overview = ShardCoder.overview(values, layout: layout)
        let plain = predictors(values, layout)
        for taps in layout.order == .causal ? PredictorBank.tapChoices : [0] {
            let bank = plain.predictors.isEmpty ? plain : plain.adapting(taps: taps)
            let coded = Engine.available.map { engine in
                overview.withPointer {
                    ShardCoder(engine: engine).encode(
                        values, layout: layout, independent: [], networks: prior.networks,
                        predictors: bank, overview: $0)
                }
            }
            for (engine, other) in zip(Engine.available, coded) {
                #expect(other == coded[0], "\(engine), \(taps) taps")
                var back = [Int32](repeating: 0, count: layout.sampleCount)
                try overview.withPointer {
                    try ShardCoder(engine: engine).recall(
                        coded[0], layout: layout, independent: [], networks: prior.networks,
                        overview: $0, into: &back)
                }
                #expect(back == values, "\(engine), \(taps) taps")
            }
        }
    }

    @Test func overviewValuesOutsideTheRangeAreDamage() throws {
        let layout = ShardLayout(extents: [64, 72], channels: 1)
        let values = planes(layout, middle: 128, spread: 200, seed: 4)
        let prior = try #require(
            PriorLibrary.shipped.all.first { $0.networks.domain == layout.domain })
        var overview = try #require(ShardCoder.overview(values, layout: layout))
        let coded = ShardCoder(engine: .best).encode(
            values, layout: layout, independent: [], networks: prior.networks, predictors: .none,
            overview: overview)
        overview[3] = .min
        overview[4] = .max
        var back = [Int32](repeating: 0, count: layout.sampleCount)
        for engine in Engine.available {
            #expect(throws: TraceExhausted.self) {
                try ShardCoder(engine: engine).recall(
                    coded, layout: layout, independent: [], networks: prior.networks,
                    overview: overview, into: &back)
            }
        }
    }

    @Test func aPartnerIsSeenOnlyByRolesThatHaveOne() {
        let layout = ShardLayout(extents: [3000], channels: 2)
        let values = planes(layout, middle: 0, spread: 4000, seed: 9)
        var alone = [Observations(inputCount: NetworkSet.Domain.causal.inputCount(role: 0))]
        ShardCoder(engine: .best).observe(
            values, layout: layout, independent: [], rolesMax: 0,
            predictors: predictors(values, layout), overview: nil, into: &alone)
        let rows = alone[0]
        #expect(rows.count == layout.sampleCount)
        #expect((0..<rows.count).allSatisfy { rows.inputs[12 * $0 + 11] == 0 })
    }
}

extension [Int32]? {
    fileprivate func withPointer<R>(_ body: (UnsafePointer<Int32>?) throws -> R) rethrows -> R {
        guard let self else { return try body(nil) }
        return try self.withUnsafeBufferPointer { try body($0.baseAddress) }
    }
}
