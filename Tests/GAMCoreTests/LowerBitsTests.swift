import GAMCodec
import GAMCore
import GAMFit
import GAMFormat
import GAMQuery
import GAMTestSupport
import Testing

/// Signals whose lower bits have records of their own.
@Suite struct LowerBitsTests {
    /// Lends records and remembers which were asked for.
    private final class Watched: RecordSource, @unchecked Sendable {
        // @unchecked: read by one thread.
        let records: MemoryRecords
        var asked: Set<RecordID> = []
        init(_ records: MemoryRecords) { self.records = records }

        func bytes(of id: RecordID) throws -> [UInt8] {
            asked.insert(id)
            return try records.bytes(of: id)
        }

        var askedForLower: Bool {
            asked.contains { if case .lower = $0 { true } else { false } }
        }
    }

    private func cleared(_ bytes: [UInt8], _ bits: Int, _ type: SampleType) throws -> [UInt8] {
        var copy = bytes
        try copy.withUnsafeMutableBytes { try BitPlanes(kept: bits, of: type).clear($0) }
        return copy
    }

    static let types: [(SampleType.Family, Int)] = [
        (.unsigned, 2), (.unsigned, 8), (.signed, 8), (.unsigned, 12), (.unsigned, 16),
        (.signed, 16), (.unsigned, 24), (.signed, 24), (.unsigned, 32), (.signed, 32),
        (.float, 16), (.float, 32),
    ]

    @Test(arguments: types) func bothPartsComeBack(_ family: SampleType.Family, _ bits: Int)
        throws
    {
        for (i, content) in Content.allCases.enumerated() {
            for (shape, channels) in [([70, 66], 1 + 2 * (i % 2)), ([3000], 1), ([9, 20, 21], 2)] {
                let d = try describe(shape, channels: channels, family: family, bits: bits)
                let bytes = samples(d, content, seed: UInt64(bits))
                for lower in Set([1, min(bits / 2, 16), min(bits - 1, 16)]) {
                    let (manifest, records) = try stored(d, bytes, lowerBits: lower)
                    #expect(manifest.lowerBits == lower)
                    #expect(try SignalManifest(parsing: manifest.serialized()) == manifest)
                    let what = "\(shape) \(content) \(lower) of \(bits)"
                    #expect(try read(manifest, records) == bytes, "\(what)")
                    try upperAlone(manifest, records, bytes, bits - lower, what)
                }
            }
        }
    }

    /// The upper bits are those of the samples, and no record of lower ones was touched.
    private func upperAlone(
        _ manifest: SignalManifest, _ records: MemoryRecords, _ bytes: [UInt8], _ kept: Int,
        _ what: String
    ) throws {
        let watched = Watched(records)
        let type = manifest.description.sampleType
        let reader = try SignalReader(manifest: manifest, source: watched, priors: .shipped)
        for bits in Set([kept, max(1, kept / 2)]) {
            var out: [UInt8] = []
            try reader.limited(toBits: bits).read(
                Selection(wholeOf: manifest.description), threads: 1
            ) { out += $0 }
            #expect(try cleared(out, bits, type) == cleared(bytes, bits, type), "\(what)")
            #expect(!watched.askedForLower, "\(what)")
        }
        guard kept < type.bits - 1 else { return }
        var out: [UInt8] = []
        try reader.limited(toBits: kept + 1).read(
            Selection(wholeOf: manifest.description), threads: 1
        ) { out += $0 }
        #expect(try cleared(out, kept + 1, type) == cleared(bytes, kept + 1, type), "\(what)")
        #expect(watched.askedForLower, "\(what)")
    }

    @Test func everyEngineWritesAndRecallsTheSame() throws {
        for (shape, channels, bits) in EngineTests.shapes where bits > 1 {
            let d = try describe(shape, channels: channels, bits: bits)
            for content in [Content.smooth, .noise, .extremes, .sparse] {
                let bytes = samples(d, content, seed: 21)
                let lower = min(bits / 2, 16)
                let (truth, records) = try stored(d, bytes, engine: .reference, lowerBits: lower)
                for engine in Engine.available {
                    let (manifest, other) = try stored(d, bytes, engine: engine, lowerBits: lower)
                    #expect(manifest == truth)
                    for id in truth.recordIDs {
                        #expect(try other.bytes(of: id) == records.bytes(of: id), "\(engine) \(id)")
                    }
                    #expect(try read(truth, records, engine: engine) == bytes, "\(engine)")
                }
            }
        }
    }

    @Test func damageOfEitherPartIsNoticed() throws {
        let d = try describe([80, 90], bits: 16)
        let bytes = samples(d, .smooth, seed: 3)
        let (manifest, records) = try stored(d, bytes, lowerBits: 8)
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        for id in [RecordID.shard(index: 0), .lower(index: 0), .overview(index: 0)] {
            let good = try records.bytes(of: id)
            for _ in 0..<300 {
                var bad = good
                bad[Int.random(in: 0..<bad.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
                records.put(id, bad)
                let result = try? read(manifest, records)
                #expect(result == nil || result == bytes, "seed \(seed), \(id)")
            }
            records.put(id, good)
        }
        // The lower bits of another shard are not taken for these.
        try records.put(.lower(index: 0), records.bytes(of: .shard(index: 0)))
        #expect(throws: CodecError.self) { try read(manifest, records) }
    }

    @Test func impossibleSplitsAreRefused() throws {
        for (bits, lower) in [(8, 8), (8, 9), (16, 16), (32, 17), (1, 1), (16, -1)] {
            let d = try describe([20, 20], bits: bits)
            let bytes = samples(d, .smooth, seed: 4)
            #expect(throws: CodecError.self, "\(lower) of \(bits)") {
                try stored(d, bytes, lowerBits: lower)
            }
        }
    }

    @Test func fittingAgainKeepsThePartsAndTheCells() throws {
        let d = try describe([300, 300], bits: 12)
        let bytes = samples(d, .smooth, seed: 5)
        let (stored, records) = try stored(d, bytes, lowerBits: 4, keepsCells: true)
        // Said to be large, so that whatever the fit gives is taken.
        let manifest = SignalManifest(
            description: d, shardExtents: stored.shardExtents, contentHash: stored.contentHash,
            transform: stored.transformCode, size: stored.size, priors: stored.priors,
            effort: 0, energyRounds: [], hasNetwork: stored.hasNetwork,
            hasBounds: stored.hasBounds, hasCells: true, lowerBits: 4, recordBytes: 1 << 30)
        let fresh = MemoryRecords()
        let better = try #require(
            try SignalWriter(priors: .shipped).refit(
                manifest, from: records, effort: 1, threads: 1, keepsBounds: true, into: fresh
            ) { _ in true })
        #expect(better.lowerBits == 4 && better.hasCells)
        #expect(try read(better, fresh) == bytes)
        let reader = try SignalReader(manifest: better, source: fresh, priors: .shipped)
        #expect(try reader.cells(of: 0) == reader.measuredCells(0))
    }
}
