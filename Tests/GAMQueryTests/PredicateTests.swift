import GAMCodec
import GAMCore
import GAMQuery
import Testing

@Suite struct PredicateTests {
    private static let all: [Comparison] = [
        .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual,
    ]

    private func matching(
        _ signal: StoredSignal, _ predicate: Predicate, _ box: [Range<Int>]
    ) -> Set<[Int]> {
        Set(
            points(box.map(Array.init)).filter {
                let value = signal.value($0, predicate.channel)
                switch predicate.comparison {
                case .less: return value < predicate.value
                case .lessOrEqual: return value <= predicate.value
                case .greater: return value > predicate.value
                case .greaterOrEqual: return value >= predicate.value
                case .equal: return value == predicate.value
                case .notEqual: return value != predicate.value
                }
            })
    }

    @Test(arguments: [true, false])
    func runsHoldThePointsThatMatchAndNoOthers(_ keepsBounds: Bool) throws {
        let type = try SampleType(family: .float, bits: 32)
        let signal = try StoredSignal(
            [50, 60], channels: 2, type, shard: [16, 16], keepsBounds: keepsBounds
        ) { i in
            let x = i / 2 % 60
            return i % 2 == 1 && x > 40 ? .nan : x < 16 ? 3 : Double(i * 31 % 17) - 5
        }
        for comparison in Self.all {
            for value in [-6.0, -1, 3, 100, .nan, .infinity] {
                for channel in 0..<2 {
                    let predicate = Predicate(comparison, value, channel: channel)
                    let box = [3..<47, 2..<60]
                    let found = try PredicateSearch(signal.reader, predicate, threads: 2).runs(
                        in: box, runsMax: .max
                    ) {}
                    var seen: [[Int]] = []
                    for run in stride(from: 0, to: found.runs.count, by: 3) {
                        let (y, x) = (Int(found.runs[run]), Int(found.runs[run + 1]))
                        seen += (0..<Int(found.runs[run + 2])).map { [y, x + $0] }
                    }
                    let text = "\(comparison) \(value) channel \(channel)"
                    #expect(Set(seen).count == seen.count, "\(text)")
                    #expect(Set(seen) == matching(signal, predicate, box), "\(text)")
                    #expect(found.matches == seen.count && found.shards == 12)
                    if !keepsBounds { #expect(found.recalled == found.shards) }
                }
            }
        }
    }

    @Test func boundsSpareRecalls() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([64, 64], type, shard: [16, 16]) {
            $0 / 64 < 32 ? 10 : Double($0 % 200)
        }
        let search = try PredicateSearch(
            signal.reader, Predicate(.less, 50, channel: 0), threads: 1)
        let found = try search.runs(in: [0..<64, 0..<64], runsMax: 7) {}
        #expect(found.shards == 16 && found.recalled == 8)
        #expect(found.isCut && found.runs.count == 21)
        let exact = signal.values.count { $0 < 50 }
        #expect(found.matches == exact)
    }

    @Test func boundsAreThoseOfTheShards() throws {
        let type = try SampleType(family: .signed, bits: 32)
        let signal = try StoredSignal([40, 24], channels: 2, type, shard: [16, 24]) {
            Double(($0 &* 2_654_435_761) & 0xffff_ffff) - 2_147_483_648
        }
        let bounds = try #require(try signal.reader.bounds(of: [0, 1, 2]))
        for shard in 0..<3 {
            for channel in 0..<2 {
                let box = signal.reader.grid.box(shard).map(Array.init)
                let values = points(box).map { signal.value($0, channel) }
                let found = bounds[shard][channel]
                #expect(found.minimum == values.min() && found.maximum == values.max())
                let mean = values.reduce(0, +) / Double(values.count)
                #expect(abs(found.mean - mean) < 1e-6 * 2_147_483_648)
            }
        }
    }

    @Test func runsBeyondTheLimitAreCountedNotKept() throws {
        let type = try SampleType(family: .unsigned, bits: 8)
        let signal = try StoredSignal([32, 32], type, shard: [16, 16]) { Double($0 % 2) }
        let search = try PredicateSearch(
            signal.reader, Predicate(.equal, 1, channel: 0), threads: 2)
        for most in [0, 1, 100, 128, 511, 512, 600, .max] {
            let found = try search.runs(in: [0..<32, 0..<32], runsMax: most) {}
            #expect(found.matches == 512 && found.runs.count == 3 * min(most, 512))
            #expect(found.isCut == (most < 512), "\(most)")
        }
    }
}
