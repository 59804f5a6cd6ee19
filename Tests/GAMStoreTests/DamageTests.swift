// Damaged files: an error or the right bytes, never wrong ones, never a trap.

import Foundation
import GAMStore
import Testing

@Suite struct DamageTests {
    let partition: PartitionName

    init() throws { partition = try PartitionName("signals") }

    /// A closed store with 20 blobs (0 to 95 KB) and 200 values; all bytes follow from the index.
    private func fill(_ store: RocksDBStore) throws {
        for index in UInt8(0)..<20 {
            try store.putBlob(try BlobID([index]), blob(index))
        }
        for index in 0..<200 { try store.put(partition, "key \(index)", value(index)) }
    }

    private func blob(_ index: UInt8) -> [UInt8] {
        var noise = Noise(seed: UInt64(index) + 1000)
        return noise.bytes(Int(index) * 5_000)
    }

    private func value(_ index: Int) -> [UInt8] {
        var noise = Noise(seed: UInt64(index) + 5000)
        return noise.bytes(100)
    }

    /// Reads everything; counts typed errors, records wrong or missing bytes.
    private func damageFound(_ path: String) throws -> Int {
        var errors = 0
        do throws(StoreError) {
            let store = try RocksDBStore(path: path)
            defer { try? store.close() }
            for index in UInt8(0)..<20 {
                errors += check({ try store.blob(BlobID([index])) }, is: blob(index))
            }
            for index in 0..<200 {
                errors += check({ try store.bytes(partition, "key \(index)") }, is: value(index))
            }
            do { try store.verify() } catch { errors += 1 }
        } catch {
            errors += 1
        }
        return errors
    }

    private func check(_ read: () throws -> [UInt8]?, is expected: [UInt8]) -> Int {
        do {
            #expect(try read() == expected)
            return 0
        } catch {
            #expect(error is StoreError)
            return 1
        }
    }

    private func files(_ path: String, _ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/db")
            .filter { $0.hasSuffix(suffix) }.sorted().map { "\(path)/db/\($0)" }
    }

    private func flip(_ file: String, at offset: Int, bit: Int) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(offset))
        let old = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data([old ^ UInt8(1 << bit)]))
    }

    /// Damages copies of one store, one bit each, and returns in how many it was noticed.
    private func noticed(_ original: String, _ suffix: String, count: Int) throws -> Int {
        let seed = testSeed()
        var noise = Noise(seed: seed)
        var noticed = 0
        for round in 0..<count {
            let copy = original + "-copy"
            try FileManager.default.copyItem(atPath: original, toPath: copy)
            let file = try #require(try files(copy, suffix).randomElement(using: &noise))
            let size = try #require(
                FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
            let offset = Int.random(in: 0..<size, using: &noise)
            try flip(file, at: offset, bit: round % 8)
            let found = try damageFound(copy)
            noticed += found > 0 ? 1 : 0
            #expect(found > 0, "\(file) byte \(offset) of \(size), GAM_TEST_SEED=\(seed)")
            try FileManager.default.removeItem(atPath: copy)
        }
        return noticed
    }

    @Test(arguments: [".sst", ".blob"])
    func flippedBitInATableOrBlobFileIsNoticed(_ suffix: String) throws {
        try withFolder { folder in
            let path = folder + "/store"
            let store = try RocksDBStore(path: path)
            try fill(store)
            try store.close()
            #expect(try damageFound(path) == 0)
            #expect(try noticed(path, suffix, count: 40) == 40)
        }
    }

    /// The store is open but idle when it is copied: everything acknowledged is in its log only.
    private func withCrashImage(_ body: (String) throws -> Void) throws {
        try withFolder { folder in
            let store = try RocksDBStore(path: folder + "/open")
            try fill(store)
            let image = folder + "/image"
            try FileManager.default.copyItem(atPath: folder + "/open", toPath: image)
            try store.close()
            try body(image)
        }
    }

    @Test func crashImageHoldsEverything() throws {
        try withCrashImage { image in
            let errors = try damageFound(image)
            #expect(errors == 0)
        }
    }

    @Test func flippedBitInTheLogIsNoticed() throws {
        try withCrashImage { image in
            let noticed = try noticed(image, ".log", count: 40)
            #expect(noticed == 40)
        }
    }

    @Test func truncatedLogIsRefusedUnlessLossIsAccepted() throws {
        try withCrashImage { image in
            let logs = try files(image, ".log")
            let log = try #require(logs.last)
            let size = try #require(
                FileManager.default.attributesOfItem(atPath: log)[.size] as? Int)
            #expect(truncate(log, size - 5_000) == 0)
            do throws(StoreError) {
                try RocksDBStore(path: image).close()
                Issue.record("acknowledged commits are missing, and nobody says so")
            } catch {
                guard case .corruption(let detail) = error else { throw error }
                #expect(detail.contains("but 200 was acknowledged"))
            }
            var configuration = RocksDBConfiguration()
            configuration.truncatesLogAtDamage = true
            let store = try RocksDBStore(path: image, configuration: configuration)
            let kept = Int(try store.generation(partition))
            #expect((100..<200).contains(kept))
            for index in 0..<kept {
                #expect(try store.bytes(partition, "key \(index)") == value(index))
            }
            try store.close()
            try RocksDBStore(path: image).close()
        }
    }

    @Test func verifyFindsADamagedBlobNobodyReads() throws {
        try withFolder { path in
            let store = try RocksDBStore(path: path)
            try fill(store)
            try store.close()
            let file = try #require(try files(path, ".blob").first)
            try flip(file, at: 100_000, bit: 3)
            let again = try RocksDBStore(path: path)
            do throws(StoreError) {
                try again.verify()
                Issue.record("the damage was not found")
            } catch {
                guard case .corruption = error else { throw error }
            }
            try again.close()
        }
    }
}
