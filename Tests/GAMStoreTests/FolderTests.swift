// What a folder must be before it is opened as a store, and what is left of it afterwards.

import Foundation
import GAMStore
import Testing

@Suite struct FolderTests {
    let partition: PartitionName

    init() throws { partition = try PartitionName("signals") }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test func reopenedStoreHoldsEverything() throws {
        try withFolder { path in
            var store = try RocksDBStore(path: path)
            let small = try BlobID([1])
            let large = try BlobID([2])
            let bytes = [UInt8](repeating: 7, count: 1 << 20)
            try store.putBlob(small, [1, 2, 3])
            try store.putBlob(large, bytes)
            var transaction = Transaction(partition: partition)
            try transaction.put([5], [6])
            let receipt = try store.commit(transaction)
            try store.close()
            store = try RocksDBStore(path: path)
            #expect(try store.blob(small) == [1, 2, 3])
            #expect(try store.blob(large) == bytes)
            #expect(try store.blobByteCount(large) == bytes.count)
            #expect(
                try store.value(partition, [5])
                    == VersionedValue(bytes: [6], version: receipt.sequence))
            #expect(try store.generation(partition) == 1)
            #expect(try store.outcome(of: transaction.id) == .committed(receipt))
            #expect(
                try store.put(partition, "next", [])
                    == CommitReceipt(sequence: receipt.sequence + 1, generation: 2))
            try store.verify()
            try store.close()
        }
    }

    @Test func secondOpeningIsRefusedUntilTheFirstCloses() throws {
        try withFolder { path in
            let store = try RocksDBStore(path: path)
            #expect(throws: StoreError.alreadyOpen(path: path)) { try RocksDBStore(path: path) }
            try store.put(partition, "a", [1])
            try store.close()
            let second = try RocksDBStore(path: path)
            #expect(try second.bytes(partition, "a") == [1])
            try second.close()
        }
    }

    @Test func storeIsReleasedWithItsLastReference() throws {
        try withFolder { path in
            do { try RocksDBStore(path: path).put(partition, "a", [1]) }
            let second = try RocksDBStore(path: path)
            #expect(try second.bytes(partition, "a") == [1])
            try second.close()
        }
    }

    @Test func newerVersionIsRefusedWithAClearText() throws {
        try withFolder { path in
            try RocksDBStore(path: path).close()
            let old = try text(path + "/FORMAT")
            try write(
                old.replacingOccurrences(of: "version 1", with: "version 2") + "more\n",
                to: path + "/FORMAT")
            let expected = StoreError.newerVersion(path: path, found: 2, supported: 1)
            #expect(throws: expected) { try RocksDBStore(path: path) }
            #expect("\(expected)".contains("format version 2"))
            try write(old, to: path + "/FORMAT")
            try RocksDBStore(path: path).close()
        }
    }

    @Test(arguments: ["notes.txt", "db", "CURRENT"])
    func foreignFolderIsRefusedAndLeftUntouched(_ name: String) throws {
        try withFolder { path in
            try write("not ours", to: "\(path)/\(name)")
            let reason = "it has no FORMAT file but \(name)"
            #expect(throws: StoreError.notAStore(path: path, reason: reason)) {
                try RocksDBStore(path: path)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [name])
        }
    }

    @Test(arguments: ["", "gamd", "gamd store\nversion x\n", "gamd store\nversion 99999999999\n"])
    func foreignFormatFileIsRefused(_ content: String) throws {
        try withFolder { path in
            try write(content, to: path + "/FORMAT")
            let expected = StoreError.notAStore(
                path: path, reason: "its FORMAT file is not one of gamd")
            #expect(throws: expected) { try RocksDBStore(path: path) }
        }
    }

    @Test(arguments: ["version 0", "version 1\nid 12", "version 1\nid zz\n", "version 1\nid 00\n"])
    func damagedFormatFileIsCorruption(_ content: String) throws {
        try withFolder { path in
            try write("gamd store\n" + content, to: path + "/FORMAT")
            let expected = StoreError.corruption(
                detail: "the FORMAT file of \(path) is not readable")
            #expect(throws: expected) { try RocksDBStore(path: path) }
        }
    }

    @Test func missingDatabaseIsNotReplacedByAnEmptyOne() throws {
        try withFolder { path in
            try RocksDBStore(path: path).close()
            try FileManager.default.removeItem(atPath: path + "/db")
            #expect(throws: StoreError.self) { try RocksDBStore(path: path) }
            #expect(throws: StoreError.self) { try RocksDBStore(path: path) }
        }
    }

    @Test func databaseOfAnotherStoreIsRefused() throws {
        try withFolder { path in
            for name in ["/one", "/two"] {
                let store = try RocksDBStore(path: path + name)
                try store.put(partition, name, [1])
                try store.close()
            }
            try FileManager.default.removeItem(atPath: path + "/one/db")
            try FileManager.default.moveItem(atPath: path + "/two/db", toPath: path + "/one/db")
            let detail = "the database in \(path)/one belongs to another FORMAT file"
            #expect(throws: StoreError.corruption(detail: detail)) {
                try RocksDBStore(path: path + "/one")
            }
        }
    }

    @Test func interruptedMakingIsResumed() throws {
        try withFolder { path in
            try RocksDBStore(path: path).close()
            try FileManager.default.moveItem(
                atPath: path + "/FORMAT", toPath: path + "/FORMAT.new")
            let store = try RocksDBStore(path: path)
            try store.put(partition, "a", [1])
            try store.close()
            let again = try RocksDBStore(path: path)
            #expect(try again.bytes(partition, "a") == [1])
            try again.close()
        }
    }

    @Test func unwritableParentIsAnIOError() throws {
        try withFolder { path in
            #expect(throws: StoreError.self) { try RocksDBStore(path: path + "/no/such/parent") }
            try write("", to: path + "/file")
            #expect(throws: StoreError.self) { try RocksDBStore(path: path + "/file") }
        }
    }
}
