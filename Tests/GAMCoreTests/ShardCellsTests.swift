import GAMCodec
import GAMCore
import GAMFit
import GAMFormat
import GAMQuery
import GAMTestSupport
import Testing

/// Figures of small cells, kept beside the shards.
@Suite struct ShardCellsTests {
    private func reader(
        _ shape: [Int], _ channels: Int, _ family: SampleType.Family, _ bits: Int,
        _ content: Content, shard: [Int]? = nil, keepsCells: Bool = true
    ) throws -> (SignalReader, MemoryRecords) {
        let d = try describe(shape, channels: channels, family: family, bits: bits)
        let bytes = samples(d, content, seed: 31)
        let (manifest, records) = try stored(d, bytes, shard: shard, keepsCells: keepsCells)
        #expect(try SignalManifest(parsing: manifest.serialized()) == manifest)
        return (
            try SignalReader(manifest: manifest, source: records, priors: .shipped), records
        )
    }

    static let shapes: [([Int], [Int]?)] = [
        ([1], nil), ([5000], nil), ([500], [72]), ([70, 66], nil), ([90, 70], [24, 64]),
        ([9, 20, 21], nil), ([9, 33, 33], [8, 16, 32]), ([33, 65], [32, 64]), ([3, 5, 9, 6], nil),
        ([1, 50, 1], nil),
    ]

    @Test(arguments: shapes) func figuresKeptAreThoseOfTheSamples(
        _ shape: [Int], _ shard: [Int]?
    ) throws {
        let types: [(SampleType.Family, Int)] = [
            (.unsigned, 8), (.signed, 16), (.unsigned, 32), (.signed, 32), (.float, 16),
            (.float, 32),
        ]
        for (i, (family, bits)) in types.enumerated() {
            for content in Content.allCases {
                let (reader, _) = try reader(
                    shape, 1 + i % 2, family, bits, content, shard: shard)
                for index in 0..<reader.grid.count {
                    let kept = try #require(try reader.cells(of: index))
                    #expect(kept == (try reader.measuredCells(index)))
                    #expect(kept.bounds.count == kept.counts.reduce(1, *))
                    for (axis, range) in reader.grid.box(index).enumerated() {
                        let side = kept.sides[axis]
                        #expect(kept.counts[axis] == (range.count + side - 1) / side)
                    }
                }
            }
        }
    }

    @Test func meansOfLevelsAreThoseOfAllSamples() throws {
        for (shape, level, shard) in [
            ([130, 75], 3, nil), ([130, 75], 4, [64, 32]), ([20, 33, 17], 2, [8, 16, 17]),
            ([9, 33, 33], 2, [8, 16, 32]), ([33, 65], 3, [32, 64]), ([1, 65, 33], 3, [1, 64, 32]),
            ([9000], 6, nil), ([9000], 8, [1024]), ([3, 20, 24, 9], 3, nil),
        ] as [([Int], Int, [Int]?)] {
            for (family, bits) in [(SampleType.Family.unsigned, 8), (.signed, 32), (.float, 32)] {
                let (with, _) = try reader(shape, 2, family, bits, .smooth, shard: shard)
                let (without, _) = try reader(
                    shape, 2, family, bits, .smooth, shard: shard, keepsCells: false)
                let selection = try Selection(
                    region: nil, level: level, of: with.manifest.description)
                var answers: [[UInt8]] = [[], []]
                for (i, reader) in [with, without].enumerated() {
                    try AreaReader(reader, level: level, threads: 1).read(selection) {
                        answers[i] += $0
                    }
                }
                #expect(answers[0] == answers[1], "\(shape) \(level) \(family) \(bits)")
            }
        }
    }

    @Test func predicatesFindTheSameRuns() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        for shape in [[130, 75], [3000], [20, 33, 17]] {
            let (with, _) = try reader(shape, 1, .signed, 16, .smooth)
            let (without, _) = try reader(shape, 1, .signed, 16, .smooth, keepsCells: false)
            for _ in 0..<60 {
                let box = shape.map { extent -> Range<Int> in
                    let a = Int.random(in: 0..<extent, using: &generator)
                    return a..<Int.random(in: a + 1...extent, using: &generator)
                }
                let bounds = try #require(try with.cells(of: 0)).bounds.map { $0[0] }
                let value = bounds.randomElement(using: &generator)!.maximum
                let predicate = Predicate(
                    [.less, .greaterOrEqual, .equal].randomElement(using: &generator)!,
                    value + Double(Int.random(in: -1...1, using: &generator)), channel: 0)
                let found = try [with, without].map {
                    try PredicateSearch($0, predicate, threads: 1)
                        .runs(in: box, runsMax: 1000) {}
                }
                #expect(found[0].runs == found[1].runs, "seed \(seed)")
                #expect(found[0].matches == found[1].matches, "seed \(seed)")
                #expect(found[0].recalled <= found[1].recalled, "seed \(seed)")
            }
        }
    }

    @Test func theCellsOfARegionAreCountedBeforeTheyAreRead() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        for (shape, shard) in [
            ([500], [72]), ([130, 75], [24, 40]), ([20, 33, 17], [8, 16, 17]),
        ] {
            let (reader, _) = try reader(shape, 1, .unsigned, 8, .smooth, shard: shard)
            for _ in 0..<200 {
                let region = shape.map { extent -> Range<Int> in
                    let a = Int.random(in: 0..<extent, using: &generator)
                    return a..<Int.random(in: a + 1...extent, using: &generator)
                }
                let touched = try reader.grid.shards(touching: region).reduce(0) { sum, index in
                    let box = reader.grid.box(index)
                    let inside = zip(box, region).map { $0.clamped(to: $1) }
                    let cells = try #require(try reader.cells(of: index))
                    return sum + CellBox(cells, first: box.map(\.lowerBound), inside).cells.count
                }
                let counted = ShardCells.count(in: region, shardExtents: shard)
                #expect(touched == counted, "seed \(seed): \(region)")
            }
        }
    }

    @Test func damagedFiguresAreRefused() throws {
        let (reader, records) = try reader([70, 66], 2, .unsigned, 16, .smooth)
        let good = try records.bytes(of: .cells(index: 0))
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<400 {
            var bad = good
            bad[Int.random(in: 0..<bad.count, using: &generator)] ^=
                1 << UInt8.random(in: 0..<8, using: &generator)
            records.put(.cells(index: 0), bad)
            #expect(throws: CodecError.self, "seed \(seed)") { try reader.cells(of: 0) }
        }
        records.put(.cells(index: 0), Array(good.dropLast()))
        #expect(throws: CodecError.self) { try reader.cells(of: 0) }
    }
}
