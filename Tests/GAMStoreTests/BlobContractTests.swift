// What every backend must do with blobs.

import GAMStore
import Testing

@Suite struct BlobContractTests {
    @Test(arguments: StoreKind.allCases, [0, 1, 4095, 4096, 100_003, 8 << 20])
    func blobComesBackAsStored(_ kind: StoreKind, _ count: Int) throws {
        try withStore(kind) { store in
            var noise = Noise(seed: UInt64(count))
            let id = try BlobID(Array("blob".utf8))
            let bytes = noise.bytes(count)
            try store.putBlob(id, bytes)
            #expect(try store.blob(id) == bytes)
            #expect(try store.blobByteCount(id) == count)
            #expect(try store.withBlob(id) { $0.elementsEqual(bytes) })
        }
    }

    @Test(arguments: StoreKind.allCases)
    func absentBlobIsNotFound(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let id = try BlobID([1, 2, 3])
            #expect(throws: StoreError.notFound(what: "blob 010203")) { try store.blob(id) }
            #expect(try store.blobByteCount(id) == nil)
            #expect(try !store.blobExists(id))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func blobBeyondLimitIsRefused(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let id = try BlobID([7])
            let tooLarge = [UInt8](repeating: 0, count: StoreLimits.blobBytesMax + 1)
            let expected = StoreError.limitExceeded(
                what: "bytes of blob 07", actual: tooLarge.count,
                allowed: 0...StoreLimits.blobBytesMax)
            #expect(throws: expected) { try store.putBlob(id, tooLarge) }
            #expect(try !store.blobExists(id))
        }
    }

    @Test func namesOutsideLimitsAreRefused() throws {
        #expect(throws: StoreError.self) { try BlobID([]) }
        #expect(throws: StoreError.self) { try BlobID([UInt8](repeating: 1, count: 65)) }
        #expect(throws: StoreError.self) { try PartitionName("") }
        #expect(throws: StoreError.self) { try PartitionName(String(repeating: "é", count: 33)) }
        #expect(throws: StoreError.self) { try TransactionID([1]) }
        #expect(try BlobID([UInt8](repeating: 1, count: 64)).bytes.count == 64)
        #expect(try PartitionName(String(repeating: "é", count: 32)).name.utf8.count == 64)
    }

    @Test(arguments: StoreKind.allCases)
    func deletedBlobsAreGoneAndOthersStay(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let ids = try (0..<10).map { try BlobID([$0]) }
            for id in ids { try store.putBlob(id, id.bytes + [9]) }
            let absent = try BlobID([200])
            try store.deleteBlobs(Array(ids[3..<6]) + [absent])
            for id in ids[3..<6] {
                #expect(throws: StoreError.self) { try store.blob(id) }
            }
            for id in ids[..<3] + ids[6...] {
                #expect(try store.blob(id) == id.bytes + [9])
            }
            #expect(try store.blobIDs(prefix: [], after: nil, limit: 100).count == 7)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func blobIDsAreOrderedPrefixedAndPaged(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let names: [[UInt8]] = [[1], [1, 0], [1, 255], [1, 255, 3], [2], [255], [255, 255]]
            for name in names.reversed() { try store.putBlob(try BlobID(name), [0]) }
            func list(_ prefix: [UInt8], _ after: [UInt8]?, _ limit: Int) throws -> [[UInt8]] {
                let start = try after.map { try BlobID($0) }
                return try store.blobIDs(prefix: prefix, after: start, limit: limit).map(\.bytes)
            }
            #expect(try list([], nil, 100) == names)
            #expect(try list([1], nil, 100) == Array(names[..<4]))
            #expect(try list([255], nil, 100) == Array(names[5...]))
            #expect(try list([], [1, 200], 2) == [[1, 255], [1, 255, 3]])
            #expect(try list([1], [0], 1) == [[1]])
            #expect(try list([1], [2], 9) == [])
            #expect(try list([], nil, 0) == [])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func bodyOfWithBlobMayThrowAndUseTheStore(_ kind: StoreKind) throws {
        struct Own: Error {}
        try withStore(kind) { store in
            let id = try BlobID([1])
            try store.putBlob(id, [UInt8](repeating: 5, count: 10_000))
            #expect(throws: Own.self) { try store.withBlob(id) { _ in throw Own() } }
            let inner = try store.withBlob(id) { outer in
                try store.deleteBlobs([id])
                return outer.allSatisfy { $0 == 5 }
            }
            #expect(inner)
        }
    }
}
