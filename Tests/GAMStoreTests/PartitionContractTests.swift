// What every backend must do with partitions and transactions.

import GAMStore
import Testing

@Suite struct PartitionContractTests {
    let partition: PartitionName
    let key = Array("key".utf8)

    init() throws { partition = try PartitionName("signals") }

    @Test(arguments: StoreKind.allCases)
    func putReplaceAndDeleteShowInValues(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            #expect(try store.value(partition, key) == nil)
            let first = try store.put(partition, "key", [1])
            #expect(
                try store.value(partition, key)
                    == VersionedValue(bytes: [1], version: first.sequence))
            let second = try store.put(partition, "key", [])
            #expect(
                try store.value(partition, key)
                    == VersionedValue(bytes: [], version: second.sequence))
            #expect(second.sequence > first.sequence)
            var removal = Transaction(partition: partition)
            try removal.delete(key)
            _ = try store.commit(removal)
            #expect(try store.value(partition, key) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func laterOperationOnOneKeyWins(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            var transaction = Transaction(partition: partition)
            try transaction.put(key, [1])
            try transaction.delete(key)
            try transaction.put(key, [3])
            try transaction.put([9], [3])
            try transaction.delete([9])
            _ = try store.commit(transaction)
            #expect(try store.bytes(partition, "key") == [3])
            #expect(try store.value(partition, [9]) == nil)
        }
    }

    @Test func transactionBeyondLimitsIsRefused() throws {
        var transaction = Transaction(partition: partition)
        let value = [UInt8](repeating: 0, count: StoreLimits.valueBytesMax)
        #expect(throws: StoreError.self) { try transaction.put([], [1]) }
        let longKey = [UInt8](repeating: 1, count: StoreLimits.keyBytesMax + 1)
        #expect(throws: StoreError.self) { try transaction.put(longKey, [1]) }
        #expect(throws: StoreError.self) { try transaction.delete(longKey) }
        #expect(throws: StoreError.self) { try transaction.require(longKey, .absent) }
        #expect(throws: StoreError.self) { try transaction.put([1], value + [0]) }
        for index in UInt8(0)..<15 { try transaction.put([index], value) }
        #expect(throws: StoreError.self) { try transaction.put([15], value) }
        #expect(transaction.operations.count == 15)
        var many = Transaction(partition: partition)
        for _ in 0..<StoreLimits.operationsMax { try many.delete([1]) }
        #expect(throws: StoreError.self) { try many.delete([1]) }
    }

    @Test(arguments: StoreKind.allCases)
    func largestTransactionCommits(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            var transaction = Transaction(partition: partition)
            for index in 0..<StoreLimits.operationsMax {
                var key = [UInt8](repeating: 0xFF, count: StoreLimits.keyBytesMax)
                key[0] = UInt8(index >> 8)
                key[1] = UInt8(index & 255)
                try transaction.put(key, [UInt8](repeating: 1, count: 400))
            }
            _ = try store.commit(transaction)
            let page = try store.scan(partition, prefix: [], after: nil, limit: 2_000)
            #expect(page.entries.count == StoreLimits.operationsMax)
            #expect(page.isLast)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func scanIsOrderedByBytesAndKeepsToItsPartition(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let keys: [[UInt8]] = [
                [0], [1], [1, 0], [1, 255], [1, 255, 255], [2], [255], [255, 0], [255, 255],
            ]
            for name in ["signals", "signal", "signalsx", "s"] {
                var transaction = Transaction(partition: try PartitionName(name))
                for key in keys.reversed() { try transaction.put(key, Array(name.utf8)) }
                _ = try store.commit(transaction)
            }
            func list(_ prefix: [UInt8], _ after: [UInt8]?) throws -> [[UInt8]] {
                let page = try store.scan(partition, prefix: prefix, after: after, limit: 100)
                #expect(page.entries.allSatisfy { $0.value.bytes == Array("signals".utf8) })
                return page.entries.map(\.key)
            }
            #expect(try list([], nil) == keys)
            #expect(try list([1], nil) == Array(keys[1..<5]))
            #expect(try list([255], nil) == Array(keys[6...]))
            #expect(try list([], [1, 100]) == Array(keys[3...]))
            #expect(try list([1], [1, 255]) == [[1, 255, 255]])
            #expect(try list([1], [9]) == [])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func pagesOfAScanJoinToTheWhole(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            var transaction = Transaction(partition: partition)
            for index in UInt8(0)..<10 { try transaction.put([index], [index]) }
            _ = try store.commit(transaction)
            var seen: [[UInt8]] = []
            var pages = 0
            while true {
                let page = try store.scan(partition, prefix: [], after: seen.last, limit: 5)
                seen += page.entries.map(\.key)
                pages += 1
                if page.isLast { break }
            }
            #expect(seen == (UInt8(0)..<10).map { [$0] })
            #expect(pages == 2)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func pageOfAScanIsBoundedInBytes(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            for index in 0..<80 {
                let value = [UInt8](repeating: 1, count: StoreLimits.valueBytesMax)
                try store.put(partition, "\(100 + index)", value)
            }
            let page = try store.scan(partition, prefix: [], after: nil, limit: 1_000)
            #expect(!page.isLast)
            let bytes = page.entries.reduce(0) { $0 + $1.value.bytes.count }
            #expect(bytes <= StoreLimits.scanBytesMax + StoreLimits.valueBytesMax)
            let last = try #require(page.entries.last)
            let rest = try store.scan(partition, prefix: [], after: last.key, limit: 1_000)
            #expect(rest.isLast)
            #expect(page.entries.count + rest.entries.count == 80)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func generationCountsCommitsOfItsPartition(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            let other = try PartitionName("other")
            #expect(try store.generation(partition) == 0)
            #expect(try store.put(partition, "a", [1]).generation == 1)
            #expect(try store.put(partition, "a", [1]).generation == 2)
            #expect(try store.put(other, "a", [1]) == CommitReceipt(sequence: 3, generation: 1))
            #expect(try store.generation(partition) == 2)
            #expect(try store.generation(other) == 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func closedStoreRefusesEveryCall(_ kind: StoreKind) throws {
        try withStore(kind) { store in
            try store.put(partition, "a", [1])
            try store.close()
            try store.close()
            let id = try BlobID([1])
            #expect(throws: StoreError.closed) { try store.putBlob(id, [1]) }
            #expect(throws: StoreError.closed) { try store.blob(id) }
            #expect(throws: StoreError.closed) { try store.deleteBlobs([id]) }
            #expect(throws: StoreError.closed) { try store.blobByteCount(id) }
            #expect(throws: StoreError.closed) { try store.put(partition, "a", [1]) }
            #expect(throws: StoreError.closed) { try store.bytes(partition, "a") }
            #expect(throws: StoreError.closed) { try store.generation(partition) }
            #expect(throws: StoreError.closed) { try store.outcome(of: .random()) }
            #expect(throws: StoreError.closed) { try store.size() }
            #expect(throws: StoreError.closed) { try store.reclaimSpace() }
            #expect(throws: StoreError.closed) { try store.verify() }
            #expect(throws: StoreError.closed) {
                try store.scan(partition, prefix: [], after: nil, limit: 1)
            }
            #expect(throws: StoreError.closed) {
                try store.blobIDs(prefix: [], after: nil, limit: 1)
            }
        }
    }
}
