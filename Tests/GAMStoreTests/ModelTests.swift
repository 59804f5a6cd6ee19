// Random histories: every backend must agree with a plain dictionary after every step.

import GAMStore
import Testing

@Suite struct ModelTests {
    @Test(arguments: StoreKind.allCases)
    func randomHistoryMatchesTheModel(_ kind: StoreKind) throws {
        let seed = testSeed()
        var noise = Noise(seed: seed)
        try withStore(kind) { store in
            var model = Model()
            for step in 0..<300 {
                try model.change(store, &noise)
                let difference = try model.difference(from: store, &noise)
                #expect(difference == nil, "step \(step), GAM_TEST_SEED=\(seed)")
            }
        }
    }
}

private struct Model {
    var partitions: [PartitionName: [[UInt8]: [UInt8]]] = [:]
    var generations: [PartitionName: UInt64] = [:]
    var blobs: [BlobID: [UInt8]] = [:]
    var blobsMade: UInt32 = 0

    mutating func change(_ store: any ShardStore, _ noise: inout Noise) throws {
        switch Int.random(in: 0..<10, using: &noise) {
        case 0..<6: try commit(store, &noise)
        case 6..<9: try putBlob(store, &noise)
        default: try deleteBlob(store, &noise)
        }
    }

    private func key(_ noise: inout Noise) -> [UInt8] {
        let alphabet: [UInt8] = [0, 1, 0x61, 0xFE, 0xFF]
        let count = Int.random(in: 1...3, using: &noise)
        return (0..<count).map { _ in alphabet.randomElement(using: &noise) ?? 0 }
    }

    private func partition(_ noise: inout Noise) throws -> PartitionName {
        try PartitionName(["a", "ab", "b"].randomElement(using: &noise) ?? "a")
    }

    private mutating func commit(_ store: any ShardStore, _ noise: inout Noise) throws {
        let partition = try partition(&noise)
        var transaction = Transaction(partition: partition)
        var after = partitions[partition] ?? [:]
        for _ in 0..<Int.random(in: 0...5, using: &noise) {
            let key = key(&noise)
            if Bool.random(using: &noise) {
                let value = noise.bytes(Int.random(in: 0...6000, using: &noise))
                try transaction.put(key, value)
                after[key] = value
            } else {
                try transaction.delete(key)
                after[key] = nil
            }
        }
        let condition = key(&noise)
        let holds = partitions[partition]?[condition] == nil
        try transaction.require(condition, .absent)
        do throws(StoreError) {
            let receipt = try store.commit(transaction)
            #expect(holds)
            partitions[partition] = after
            generations[partition, default: 0] += 1
            #expect(receipt.generation == generations[partition])
        } catch {
            guard case .conflict = error else { throw error }
            #expect(!holds)
        }
    }

    private mutating func putBlob(_ store: any ShardStore, _ noise: inout Noise) throws {
        blobsMade += 1
        let id = try BlobID(withUnsafeBytes(of: blobsMade.bigEndian) { Array($0) })
        let bytes = noise.bytes(Int.random(in: 0...9000, using: &noise))
        try store.putBlob(id, bytes)
        blobs[id] = bytes
    }

    private mutating func deleteBlob(_ store: any ShardStore, _ noise: inout Noise) throws {
        guard let id = blobs.keys.sorted().randomElement(using: &noise) else { return }
        try store.deleteBlobs([id])
        blobs[id] = nil
    }

    /// The first thing in which store and model differ, nil if they agree.
    func difference(from store: any ShardStore, _ noise: inout Noise) throws -> String? {
        let partition = try partition(&noise)
        let prefix = Bool.random(using: &noise) ? [] : key(&noise)
        let after = Bool.random(using: &noise) ? nil : key(&noise)
        let limit = Int.random(in: 1...30, using: &noise)
        let page = try store.scan(partition, prefix: prefix, after: after, limit: limit)
        let matching = (partitions[partition] ?? [:]).filter { entry in
            entry.key.starts(with: prefix)
                && after.map { $0.lexicographicallyPrecedes(entry.key) } ?? true
        }
        let expected = matching.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        let found = page.entries.map { [$0.key, $0.value.bytes] }
        if found != expected.prefix(limit).map({ [$0.key, $0.value] }) { return "scan" }
        if page.isLast != (expected.count <= limit) { return "end of scan" }
        if try store.generation(partition) != generations[partition] ?? 0 { return "generation" }
        let ids = try store.blobIDs(prefix: [], after: nil, limit: 1000)
        if ids != blobs.keys.sorted() { return "blob ids" }
        guard let id = ids.randomElement(using: &noise) else { return nil }
        return try store.blob(id) == blobs[id] ? nil : "bytes of \(id)"
    }
}
