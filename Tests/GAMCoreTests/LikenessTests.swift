import GAMCodec
import GAMCore
import GAMFit
import Testing

@Suite struct LikenessTests {
    private func points(_ bytes: Int, _ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var colour = [UInt8](repeating: 0, count: bytes)
        return (0..<count).flatMap { _ in
            let random = generator.next()
            if random % 5 == 0 {
                colour = (0..<bytes).map { UInt8(truncatingIfNeeded: random >> UInt64(4 * $0)) & 3 }
            }
            return colour
        }
    }

    @Test(arguments: 1...8) func everyEngineCodesPointsAlike(_ bytes: Int) throws {
        for extents in [[1], [7], [40, 1], [13, 30], [3, 5, 11]] {
            guard let shape = LikenessCoder.Shape(extents: extents, pointBytes: bytes) else {
                #expect(extents == [1])
                continue
            }
            let original = points(bytes, shape.count, seed: UInt64(bytes))
            let coded = try Engine.available.map { engine in
                try #require(
                    original.withUnsafeBytes {
                        LikenessCoder(engine: engine).encode($0, shape, limit: 1 << 16)
                    })
            }
            #expect(Set(coded).count == 1, "\(extents)")
            for engine in Engine.available {
                #expect(LikenessCoder(engine: engine).decode(coded[0], shape) == original)
            }
        }
    }

    @Test func aLimitIsKept() throws {
        let shape = try #require(LikenessCoder.Shape(extents: [16, 16], pointBytes: 2))
        let original = points(2, 256, seed: 3)
        for engine in [Engine.reference, .best] {
            let coder = LikenessCoder(engine: engine)
            let whole = original.withUnsafeBytes { coder.encode($0, shape, limit: 4096) }
            let size = try #require(whole).count
            #expect(original.withUnsafeBytes { coder.encode($0, shape, limit: size) } == whole)
            #expect(original.withUnsafeBytes { coder.encode($0, shape, limit: size - 1) } == nil)
        }
    }

    @Test func whateverIsReadEndsAndIsTheSameEverywhere() throws {
        let shape = try #require(LikenessCoder.Shape(extents: [9, 14], pointBytes: 3))
        var generator = SeededGenerator(seed: 5)
        for length in [0, 1, 3, 4, 5, 40, 400] {
            let input = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let found = Engine.available.map { LikenessCoder(engine: $0).decode(input, shape) }
            #expect(Set(found).count == 1, "\(length) bytes")
        }
    }

    @Test func drawingsAreLikenedAndComeBack() throws {
        let d = try describe([120, 150], channels: 4)
        let bytes = samples(d, .drawing, seed: 1)
        let (manifest, records) = try stored(d, bytes)
        let shard = try #require(manifest.recordIDs.last)
        #expect(try records.bytes(of: shard)[2] == 4, "the kind of the shard's record")
        for engine in Engine.available {
            #expect(try read(manifest, records, engine: engine) == bytes, "\(engine)")
        }
    }
}
