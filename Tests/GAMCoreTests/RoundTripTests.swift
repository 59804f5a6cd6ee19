import GAMCodec
import GAMCore
import GAMFit
import Testing

@Suite struct RoundTripTests {
    static let shapes: [[Int]] = [
        [1], [2], [63], [64], [4097], [9001], [1, 1], [1, 7], [7, 1], [2, 2], [3, 5], [9, 9],
        [65, 64], [257, 31], [31, 257], [101, 103], [1, 1, 1], [2, 2, 2], [5, 1, 4], [17, 13, 11],
        [33, 34, 35], [1, 40, 40], [2, 3, 4, 5], [3, 9, 17, 10], [1, 1, 1, 9],
    ]

    @Test(arguments: shapes) func everyShapeAndContentComesBack(_ shape: [Int]) throws {
        for (i, content) in Content.allCases.enumerated() {
            let d = try describe(shape, channels: [1, 3, 2, 4][i % 4])
            let bytes = samples(d, content, seed: UInt64(i))
            let (manifest, records) = try stored(d, bytes)
            #expect(try read(manifest, records) == bytes, "\(shape) \(content)")
        }
    }

    static let types: [(SampleType.Family, Int)] =
        [1, 2, 3, 5, 7, 8, 9, 10, 12, 15, 16, 17, 20, 24, 25, 31, 32].flatMap {
            [(SampleType.Family.unsigned, $0), (.signed, $0)]
        } + [(.float, 16), (.float, 32)]

    @Test(arguments: types) func everySampleTypeComesBack(_ family: SampleType.Family, _ bits: Int)
        throws
    {
        for (i, content) in Content.allCases.enumerated() {
            for shape in [[37, 41], [3000], [9, 10, 11]] {
                let d = try describe(shape, channels: 1 + i % 2, family: family, bits: bits)
                let bytes = samples(d, content, seed: UInt64(bits))
                let (manifest, records) = try stored(d, bytes)
                #expect(try read(manifest, records) == bytes, "\(shape) \(content)")
            }
        }
    }

    @Test(arguments: NetworkSize.allCases) func everySizeComesBack(_ size: NetworkSize) throws {
        for shape in [[64, 80], [5000], [16, 17, 18]] {
            let d = try describe(shape, channels: shape.count == 2 ? 3 : 1)
            let bytes = samples(d, .smooth, seed: 5)
            let (manifest, records) = try stored(d, bytes, size: size)
            #expect(manifest.networkSize == size.rawValue)
            #expect(try read(manifest, records) == bytes)
        }
    }

    @Test func sixtyFourChannelsComeBack() throws {
        for shape in [[300, 300], [70_000]] {
            let d = try describe(shape, channels: 64)
            let bytes = samples(d, .smooth, seed: 6)
            let (manifest, records) = try stored(d, bytes, threads: 2)
            #expect(try read(manifest, records, threads: 2) == bytes)
        }
    }

    @Test func regionsAndLevelsEqualSlices() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        var generator = SeededGenerator(seed: seed)
        let cases: [([Int], [Int], Int)] = [
            ([300, 200], [64, 72], 3), ([70, 50, 40], [32, 24, 40], 1), ([9000], [2048], 2),
            ([3, 20, 24, 28], [3, 8, 16, 16], 1),
        ]
        for (shape, shard, channels) in cases {
            let d = try describe(shape, channels: channels)
            let bytes = samples(d, .smooth, seed: 9)
            let (manifest, records) = try stored(d, bytes, shard: shard)
            for _ in 0..<40 {
                let region = shape.map { extent -> Range<Int> in
                    let a = Int.random(in: 0..<extent, using: &generator)
                    return a..<Int.random(in: a + 1...extent, using: &generator)
                }
                let level = Int.random(in: 0...5, using: &generator)
                let wanted = expected(d, bytes, region, level)
                if wanted.isEmpty {
                    #expect(throws: CodecError.self) {
                        try read(manifest, records, region: region, level: level)
                    }
                } else {
                    let got = try read(manifest, records, region: region, level: level)
                    #expect(got == wanted, "seed \(seed) \(shape) \(region) level \(level)")
                }
            }
        }
    }

    @Test func contentHashIsThatOfTheBytesAndOfThreadsIndependent() throws {
        let d = try describe([300, 300], channels: 3)
        let bytes = samples(d, .smooth, seed: 3)
        var hasher = ContentHasher()
        bytes.withUnsafeBytes { hasher.update($0) }
        let (one, a) = try stored(d, bytes, threads: 1)
        let (two, b) = try stored(d, bytes, threads: 2)
        #expect(one == two)
        #expect(one.contentHash == hasher.finish())
        for id in one.recordIDs { #expect(try a.bytes(of: id) == b.bytes(of: id)) }
    }

    @Test func neverLargerThanRawPlusAHeader() throws {
        for content in Content.allCases {
            let d = try describe([256, 256])
            let bytes = samples(d, content, seed: 4)
            let (manifest, _) = try stored(d, bytes)
            // One overview of 32 x 32 besides the shard.
            #expect(manifest.recordBytes <= bytes.count + 1024 + 2 * 11)
        }
    }
}
