// Space of deleted blobs comes back, and the figures of `size` say so.

import GAMStore
import Testing

@Suite struct SpaceTests {
    @Test func reclaimedSpaceIsFreeOnDisk() throws {
        try withFolder { path in
            var configuration = RocksDBConfiguration()
            configuration.blobFileBytes = 4 << 20
            let store = try RocksDBStore(path: path, configuration: configuration)
            let partition = try PartitionName("signals")
            var noise = Noise(seed: 11)
            let bytes = noise.bytes(1 << 20)
            let ids = try (UInt8(0)..<48).map { try BlobID([$0]) }
            for id in ids { try store.putBlob(id, bytes) }
            try store.put(partition, "all", [1])
            #expect(try store.size().bytes > 48 << 20)
            // Every sixth stays, so that dead and live blobs share files.
            try store.deleteBlobs(ids.filter { !$0.bytes[0].isMultiple(of: 6) })
            try store.put(partition, "all", [2])
            try store.reclaimSpace()
            let after = try store.size()
            #expect(after.bytes < 9 << 20, "8 MiB are live")
            #expect(after.deadBytes == 0)
            for id in ids where id.bytes[0].isMultiple(of: 6) {
                #expect(try store.blob(id) == bytes)
            }
            #expect(try store.blobIDs(prefix: [], after: nil, limit: 100).count == 8)
            try store.verify()
            try store.close()
        }
    }

    /// RocksDB counts them only after a compaction, for which it would wait.
    @Test func deletedBlobsAreDeadAtOnceAndAfterAReopen() throws {
        try withFolder { path in
            var configuration = RocksDBConfiguration()
            configuration.blobFileBytes = 4 << 20
            var store = try RocksDBStore(path: path, configuration: configuration)
            let partition = try PartitionName("signals")
            var noise = Noise(seed: 12)
            let bytes = noise.bytes(1 << 20)
            let ids = try (UInt8(0)..<64).map { try BlobID([$0]) }
            for id in ids { try store.putBlob(id, bytes) }
            try store.putBlob(BlobID([99]), [1, 2, 3])
            try store.close()
            store = try RocksDBStore(path: path, configuration: configuration)
            #expect(try store.size().deadBytes == 0)
            try store.deleteBlobs(Array(ids[1...]) + [BlobID([200])])
            try store.put(partition, "all", [1])
            var size = try store.size()
            #expect(size.deadBytes >= 63 << 20 && size.deadBytes < 64 << 20)
            #expect(size.uncountedBytes > 60 << 20)
            try store.close()
            store = try RocksDBStore(path: path, configuration: configuration)
            #expect(try store.size().deadBytes >= 63 << 20)
            try store.settleDeletions()
            size = try store.size()
            #expect(size.uncountedBytes == 0)
            #expect(size.bytes < 8 << 20, "files without a live byte are gone")
            #expect(try store.blob(ids[0]) == bytes && store.blob(BlobID([99])) == [1, 2, 3])
            try store.reclaimSpace()
            size = try store.size()
            #expect(size.deadBytes == 0 && size.bytes < 2 << 20)
            #expect(try store.blob(ids[0]) == bytes)
            try store.close()
        }
    }

    @Test func replacedValuesDoNotAccumulate() throws {
        try withStore(.rocksDB) { store in
            let partition = try PartitionName("signals")
            var noise = Noise(seed: 5)
            for _ in 0..<400 { try store.put(partition, "key", noise.bytes(60_000)) }
            try store.reclaimSpace()
            #expect(try store.size().bytes < 1 << 20, "60 KB are live")
        }
    }
}
