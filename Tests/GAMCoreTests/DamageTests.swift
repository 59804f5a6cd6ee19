import GAMCodec
import GAMCore
import GAMFit
import GAMTestSupport
import Testing

/// Records that differ from the stored ones.
private struct DamagedRecords: RecordSource {
    let records: MemoryRecords
    let victim: RecordID
    let bytes: [UInt8]

    func bytes(of id: RecordID) throws -> [UInt8] {
        id == victim ? bytes : try records.bytes(of: id)
    }
}

@Suite struct DamageTests {
    private static let signals: [([Int], Int, Content, Int)] = [
        ([70, 80], 3, .smooth, 1), ([5000], 2, .smooth, 0), ([18, 19, 20], 1, .smooth, 1),
        ([70, 70], 1, .noise, 0), ([70, 70], 1, .sparse, 0), ([64, 66], 1, .flat, 0),
        ([60, 75], 4, .drawing, 0),
    ]

    private func check(
        _ damaged: DamagedRecords, _ manifest: SignalManifest, _ bytes: [UInt8], _ what: String
    ) {
        do {
            let got = try read(manifest, damaged)
            #expect(got == bytes, "wrong samples: \(what)")
        } catch CodecError.integrity {
        } catch {
            Issue.record("\(what): \(error)")
        }
    }

    @Test func tenThousandFlippedBitsNeverGiveAWrongSample() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        for (shape, channels, content, effort) in Self.signals {
            let d = try describe(shape, channels: channels)
            let bytes = samples(d, content, seed: 1)
            let (manifest, records) = try stored(d, bytes, effort: effort)
            let ids = manifest.recordIDs
            for i in 0..<10_000 / Self.signals.count + 1 {
                let id = ids[i % ids.count]
                var broken = try records.bytes(of: id)
                let bit = Int.random(in: 0..<broken.count * 8, using: &generator)
                broken[bit / 8] ^= 1 << UInt8(bit % 8)
                check(
                    DamagedRecords(records: records, victim: id, bytes: broken), manifest, bytes,
                    "seed \(seed) \(shape) \(id) bit \(bit)")
            }
        }
    }

    @Test func truncatedAndSwappedRecordsAreNoticed() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let d = try describe([200, 200], channels: 3)
        let bytes = samples(d, .smooth, seed: 2)
        let (manifest, records) = try stored(d, bytes, effort: 1, shard: [64, 64])
        let ids = manifest.recordIDs
        for i in 0..<500 {
            let id = ids[i % ids.count]
            let original = try records.bytes(of: id)
            let other = ids.randomElement(using: &generator)!
            let broken =
                i % 2 == 0
                ? Array(original.prefix(Int.random(in: 0..<original.count, using: &generator)))
                : try records.bytes(of: other)
            guard broken != original else { continue }
            let damaged = DamagedRecords(records: records, victim: id, bytes: broken)
            #expect(throws: CodecError.self, "seed \(seed) \(id) \(other)") {
                try SignalReader(manifest: manifest, source: damaged, priors: .shipped)
                    .verify(threads: 1) { _ in true }
            }
        }
    }

    @Test func aSmallFileThatAnnouncesABillionShardsIsRefused() throws {
        let d = try describe([1 << 18, 1 << 18])
        let manifest = SignalManifest(
            description: d, shardExtents: [8, 8], contentHash: ContentHash(low: 0, high: 0),
            transform: .none, size: .medium, priors: [:], effort: 0, energyRounds: [],
            hasNetwork: false, hasBounds: false, recordBytes: 0)
        #expect(manifest.shardCount == 1 << 30)
        let bytes = manifest.serialized()
        #expect(try SignalManifest(parsing: bytes) == manifest)
        let length = [UInt8(bytes.count & 0x7f | 0x80), UInt8(bytes.count >> 7)]
        let prefix = Array("GAMF".utf8) + [1] + (bytes.count < 128 ? [UInt8(bytes.count)] : length)
        let file = prefix + bytes + [0, 0, 0, 0] + [UInt8](repeating: 0, count: 64)
        #expect(throws: CodecError.malformed("the signal file: signal file is malformed")) {
            try SignalFile(parsing: file)
        }
    }

    @Test func damagedManifestsAndSignalFilesAreRefused() throws {
        let d = try describe([40, 40])
        let (manifest, records) = try stored(d, samples(d, .smooth, seed: 3))
        let whole = manifest.serialized()
        #expect(try SignalManifest(parsing: whole) == manifest)
        for length in 0..<whole.count {
            #expect(throws: FormatError.self) {
                try SignalManifest(parsing: Array(whole.prefix(length)))
            }
        }
        for bit in 0..<whole.count * 8 {
            var broken = whole
            broken[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: FormatError.self) { try SignalManifest(parsing: broken) }
        }
        let table = Dictionary(
            uniqueKeysWithValues: try manifest.recordIDs.map { ($0, try records.bytes(of: $0)) })
        let file = try SignalFile(manifest: manifest, origin: FileOrigin(), records: table)
            .serialized()
        for length in 0..<file.count {
            #expect(throws: CodecError.self) {
                try SignalFile(parsing: Array(file.prefix(length)))
            }
        }
    }
}
