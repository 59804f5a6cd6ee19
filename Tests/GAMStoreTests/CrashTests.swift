// kill -9 while four threads write: every acknowledged commit must be there afterwards, with the
// blob that was put before it, bit for bit. The oracle is a file the killed process appends to
// after each acknowledgement; it survives the process in the page cache, as the store's log does.

import Foundation
import GAMStore
import Testing

@Suite struct CrashTests {
    @Test(.timeLimit(.minutes(2)))
    func acknowledgedCommitsSurviveKill() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/gam-kill-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var acknowledged = 0
        for round in 0..<8 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, round = round as Int] in
                try CrashWriter.writeUntilKilled(path, round: round)
            }
            let found = try CrashWriter.check(path)
            #expect(found > acknowledged, "round \(round) acknowledged nothing")
            acknowledged = found
        }
    }
}

enum CrashWriter {
    /// Writes on four threads and kills its own process after a while, at a random moment.
    static func writeUntilKilled(_ path: String, round: Int) throws {
        var configuration = RocksDBConfiguration()
        configuration.blobWriteBufferBytes = 1 << 20  // flushes and log switches on the way
        let store = try RocksDBStore(path: path + "/store", configuration: configuration)
        let oracle = open(path + "/oracle", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let partition = try PartitionName("signals")
        let start = try store.generation(partition)
        try onThreads(5) { thread in
            if thread == 4 {
                while try store.generation(partition) < start + 20 {
                    usleep(1000)
                }
                usleep(UInt32.random(in: 0..<100_000))
                kill(getpid(), SIGKILL)
            }
            var count = 0
            while true {
                count += 1
                try write(store, partition, "\(round)-\(thread)-\(count)", oracle)
            }
        }
    }

    private static func write(
        _ store: RocksDBStore, _ partition: PartitionName, _ name: String, _ oracle: Int32
    ) throws {
        let id = try BlobID(Array(name.utf8))
        try store.putBlob(id, content(name))
        try store.put(partition, name, id.bytes)
        let line = Array((name + "\n").utf8)
        _ = Foundation.write(oracle, line, line.count)
    }

    /// Up to 200 KB that follow from the name.
    private static func content(_ name: String) -> [UInt8] {
        let seed = name.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) }
        var noise = Noise(seed: seed)
        return noise.bytes(Int(seed % 200_000))
    }

    /// Opens the store the killed process left; returns the number of acknowledged commits.
    static func check(_ path: String) throws -> Int {
        let store = try RocksDBStore(path: path + "/store")
        defer { try? store.close() }
        let partition = try PartitionName("signals")
        let text = try String(contentsOfFile: path + "/oracle", encoding: .utf8)
        let names = text.split(separator: "\n").map(String.init)
        for name in names {
            #expect(try store.bytes(partition, name) == Array(name.utf8), "\(name) is lost")
            #expect(try store.blob(BlobID(Array(name.utf8))) == content(name))
        }
        // What was not acknowledged is there as a whole or not at all.
        let page = try store.scan(partition, prefix: [], after: nil, limit: 10_000)
        for entry in page.entries {
            let name = String(decoding: entry.key, as: UTF8.self)
            #expect(try store.blob(BlobID(entry.value.bytes)) == content(name))
        }
        #expect(try store.generation(partition) == UInt64(page.entries.count))
        return names.count
    }
}
