// Backups of a running daemon: complete, incremental, refused when damaged, restored elsewhere.

import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Testing

@Suite(.serialized)
struct BackupTests {
    private let signals = (0..<6).map { TestSignal([300, 200], seed: $0) }

    private func filled() throws -> TestServer {
        let server = try TestServer(.rocksDB)
        let client = try server.client()
        for (number, signal) in signals.enumerated() { try client.put("k\(number)", signal) }
        return server
    }

    private func folder(of server: TestServer) -> String { server.statePath + "/backup" }

    private func files(_ path: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.map { "\(path)/\($0)" }.filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    @Test func backupHoldsEverythingAndIsRestoredElsewhere() throws {
        let server = try filled()
        let client = try server.client()
        let made = try #require(try client.createBackup().backups.first)
        #expect(made.id == 1 && made.signals == 6)
        try client.delete("k0")
        try client.put("k1", TestSignal([7, 7]))
        #expect(try client.verifyBackup(made.id).backups.first?.signals == 6)
        let other = try TemporaryFolder()
        let restored = try Backups.restore(
            folder(of: server), made.id, to: other.path + "/state", threads: 1
        ) { _ in true }
        #expect(restored == 6)
        let second = try TestServer(.rocksDB, in: other)
        let reader = try second.client()
        for (number, signal) in signals.enumerated() {
            #expect(try reader.samples("k\(number)") == signal.bytes)
        }
    }

    @Test func laterBackupsCopyOnlyWhatIsNew() throws {
        let server = try filled()
        let client = try server.client()
        for number in 0..<4 {
            try client.put("large\(number)", TestSignal(noise: [700, 700], seed: UInt64(number)))
        }
        // What lies in tables is shared; the log is always copied.
        _ = try client.collect()
        _ = try client.createBackup()
        func bytes() throws -> Int {
            try files(folder(of: server)).reduce(0) {
                let size = try FileManager.default.attributesOfItem(atPath: $1)[.size] as? Int
                return $0 + (size ?? 0)
            }
        }
        let first = try bytes()
        try client.put("new", TestSignal([20, 20]))
        _ = try client.createBackup()
        let second = try bytes() - first
        #expect(second < first / 3, "\(first) bytes, then \(second)")
        #expect(try client.listBackups().backups.map(\.id) == [1, 2])
        _ = try client.createBackup(keep: 1)
        #expect(try client.listBackups().backups.map(\.id) == [3])
        #expect(try client.verifyBackup(0).backups.first?.signals == 11)
    }

    @Test func damagedBackupIsRefused() throws {
        let server = try filled()
        let client = try server.client()
        _ = try client.collect()
        _ = try client.createBackup()
        let path = folder(of: server)
        let data = files(path).filter {
            $0.hasSuffix(".blob") || $0.hasSuffix(".sst") || $0.hasSuffix(".log")
        }
        #expect(!data.isEmpty)
        for file in data {
            let url = URL(filePath: file)
            let sound = try Data(contentsOf: url)
            guard !sound.isEmpty else { continue }
            var damaged = sound
            damaged[damaged.count / 2] ^= 1
            try damaged.write(to: url)
            #expect(status { _ = try client.verifyBackup(1) } == .integrity, "\(file)")
            let target = try TemporaryFolder()
            #expect(throws: StoreError.self) {
                _ = try Backups.restore(path, 1, to: target.path + "/s", threads: 1) { _ in true }
            }
            try sound.write(to: url)
        }
        #expect(try client.verifyBackup(1).backups.first?.signals == 6)
    }

    @Test func restoreLeavesAFolderThatIsNotEmptyAlone() throws {
        let server = try filled()
        _ = try server.client().createBackup()
        let target = try TemporaryFolder()
        let store = target.path + "/store"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        try "mine".write(toFile: store + "/file", atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) {
            _ = try Backups.restore(folder(of: server), 1, to: target.path, threads: 1) { _ in
                true
            }
        }
        #expect(files(store) == [store + "/file"])
    }

    @Test func backupThatIsNotThereIsNamed() throws {
        let server = try filled()
        #expect(status { _ = try server.client().verifyBackup(9) } == .notFound)
        #expect(try server.client().listBackups().backups.isEmpty)
    }

    @Test func memoryHasNoBackups() throws {
        let server = try TestServer()
        #expect(status { _ = try server.client().createBackup() } == .unsupported)
    }
}
