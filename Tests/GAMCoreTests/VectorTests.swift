import Foundation
import GAMCodec
import GAMCore
import Testing

/// Files of format version 1 (Tests/support/make_vectors.py) and the hash of the samples they must give, on every machine, for ever.
@Suite struct VectorTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Vectors")

    @Test func everyEngineRecallsTheCommittedVectors() throws {
        let list = try String(
            contentsOf: Self.folder.appendingPathComponent("hashes.txt"), encoding: .utf8)
        let lines = list.split(separator: "\n")
        #expect(lines.count == 45)
        for line in lines {
            let parts = line.split(separator: " ").map(String.init)
            let bytes = try Data(contentsOf: Self.folder.appendingPathComponent(parts[0]))
            let file = try SignalFile(parsing: Array(bytes))
            for engine in Engine.available {
                for threads in [1, 2] {
                    let reader = try SignalReader(
                        manifest: file.manifest, source: file, priors: .shipped, engine: engine)
                    var hasher = ContentHasher()
                    try reader.readAll(threads: threads) { hasher.update($0) }
                    let hash = hasher.finish().hex
                    #expect(hash == parts[1], "\(parts[0]) \(engine) \(threads) threads")
                }
            }
        }
    }
}
