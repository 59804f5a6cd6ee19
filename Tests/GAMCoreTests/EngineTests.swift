import GAMCodec
import GAMCore
import GAMFit
import Testing

@Suite struct EngineTests {
    static let shapes: [([Int], Int, Int)] = [
        ([3, 5], 3, 8), ([33, 70], 3, 8), ([90, 70], 2, 16), ([40, 41], 1, 32),
        ([6, 9, 11], 1, 12),
        ([20, 21, 19], 2, 8), ([16, 16, 16], 1, 32), ([700], 1, 16), ([9000], 2, 16),
        ([4500], 3, 24), ([300], 2, 32),
    ]

    @Test(arguments: shapes) func everyEngineWritesTheSameRecords(
        _ shape: [Int], _ channels: Int, _ bits: Int
    ) throws {
        for content in [Content.smooth, .noise, .extremes, .sparse, .drawing] {
            for size in NetworkSize.allCases {
                let d = try describe(shape, channels: channels, bits: bits)
                let bytes = samples(d, content, seed: 11)
                let (truth, records) = try stored(d, bytes, size: size, engine: .reference)
                for engine in Engine.available.dropFirst() {
                    let (manifest, other) = try stored(d, bytes, size: size, engine: engine)
                    #expect(manifest == truth, "\(engine) \(shape) \(content)")
                    for id in truth.recordIDs {
                        #expect(try other.bytes(of: id) == records.bytes(of: id), "\(engine) \(id)")
                    }
                }
            }
        }
    }

    @Test func everyEngineRecallsWhatTheOthersWrote() throws {
        for (shape, channels, bits) in Self.shapes {
            let d = try describe(shape, channels: channels, bits: bits)
            let bytes = samples(d, .smooth, seed: 12)
            let (manifest, records) = try stored(d, bytes)
            for engine in Engine.available {
                #expect(try read(manifest, records, engine: engine) == bytes, "\(engine)")
            }
        }
    }
}
