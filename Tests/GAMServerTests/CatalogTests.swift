// What the store holds after puts that fail, replaces, deletes and restarts: never an orphan,
// never a blob too few.

import CLinux
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Glibc
import Logging
import Testing

@Suite(.serialized)
struct CatalogTests {
    private let store = FaultyStore()
    private let signal = TestSignal([40, 50])

    private func server() throws -> TestServer { try TestServer(store: store) }

    /// Waits until the reclaimer has nothing left to do; beside other tests that may take seconds.
    private func expectBlobs(_ count: Int) throws {
        for _ in 0..<600 {
            let blobs = try store.blobCount
            let marks = try store.keyCount("r") + store.keyCount("p")
            if blobs == count && marks == 0 { return }
            usleep(50_000)
        }
        let blobs = try store.blobCount
        let marks = try (store.keyCount("p"), store.keyCount("r"))
        Issue.record("\(blobs) blobs instead of \(count), marks \(marks)")
    }

    @Test func replaceAndDeleteReclaimEveryBlob() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", signal)
        let count = try store.blobCount
        #expect(count > 0)
        for _ in 0..<5 { try client.put("k", signal) }
        try expectBlobs(count)
        try client.delete("k")
        try expectBlobs(0)
    }

    @Test func putThatRunsOutOfSpaceKeepsTheOldSignal() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", signal)
        let count = try store.blobCount
        let large = TestSignal([600, 600], seed: 9)
        for allowed in 0..<3 {
            store.set { $0.putsLeft = allowed }
            #expect(status { try client.put("k", large) } == .noSpace)
            store.set { $0.putsLeft = nil }
            try expectBlobs(count)
            #expect(try client.samples("k") == signal.bytes)
        }
        try client.put("k", large)
        #expect(try client.samples("k") == large.bytes)
    }

    @Test func writeThatACrashCutOffIsReclaimedAtTheNextStart() throws {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let catalog = try SignalCatalog(
            store: store, reclaimer: Reclaimer(store: store, log: log))
        let reservation = try catalog.reserve(for: "k")
        try store.putBlob(reservation.records.blob(.shard, 0), [1, 2, 3])
        try store.putBlob(reservation.attachments.blob(.metadata, 0), [4])
        #expect(try store.blobCount == 2)
        #expect(try store.keyCount("p") == 2)
        let server = try server()
        try expectBlobs(0)
        #expect(try server.client().keys() == [])
    }

    @Test func readerOfAReplacedSignalCanFinish() throws {
        let server = try server()
        let client = try server.client()
        let big = TestSignal([3_000, 3_000], seed: 2)
        try client.put("k", big)
        // The reader stalls in the middle of its answer while the signal is replaced.
        let channel = try server.channel()
        try channel.send(1, request("k", .read(.init())))
        let first = try #require(try channel.receive())
        try client.put("k", signal)
        usleep(600_000)
        var bytes = first.body
        var isLast = first.reply.last
        while !isLast {
            let next = try #require(try channel.receive())
            #expect(next.reply.status == 0)
            bytes += next.body
            isLast = next.reply.last
        }
        #expect(bytes == big.bytes)
        #expect(try client.samples("k") == signal.bytes)
        try client.delete("k")
        try expectBlobs(0)
    }

    @Test func recordsStayWhileASignalIsOpen() throws {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let catalog = try SignalCatalog(
            store: store, reclaimer: Reclaimer(store: store, log: log))
        catalog.reclaimer.start()
        defer { catalog.reclaimer.stop() }
        do {
            let server = try server()
            try server.client().put("k", signal)
            server.server.stop()
        }
        let blobs = try store.blobCount
        var open: OpenSignal? = try catalog.open("k")
        try catalog.delete("k")
        usleep(300_000)
        #expect(try store.blobCount == blobs, "the records went while the signal was open")
        #expect(open != nil)
        open = nil
        // Unpinning wakes the reclaimer.
        try expectBlobs(0)
    }

    @Test(arguments: [UInt8(3), 2])
    func damagedRecordIsAnIntegrityErrorNamingKeyAndShard(kind: UInt8) throws {
        let server = try server()
        let client = try server.client()
        let signal = TestSignal([300, 300])
        try client.put("some/key", signal)
        guard try hasBlobs(of: kind) else { return }
        store.set { $0.damagedKind = kind }
        // Level 3 reads the overviews alone, level 0 the shards (and what they need).
        let level = kind == 2 ? 3 : 0
        for call in [
            { _ = try client.samples("some/key", level: level) },
            { _ = try client.verify("some/key") },
        ] as [() throws -> Void] {
            do {
                try call()
                Issue.record("damage of records of kind \(kind) was not noticed")
            } catch let error as ClientError {
                #expect(error.status == .integrity)
                #expect(error.text.contains("some/key") && error.text.contains("shard"))
            }
        }
        if let bytes = try? client.samples("some/key") { #expect(bytes == signal.bytes) }
        store.set { $0.damagedKind = nil }
        #expect(try client.verify("some/key").samples == 90_000)
    }

    @Test func recordTheStoreFindsCorruptIsAnIntegrityError() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", signal)
        store.set { $0.corruptKind = 3 }
        #expect(status { _ = try client.samples("k") } == .integrity)
    }

    @Test func missingRecordIsAnIntegrityError() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", signal)
        let ids = try store.inner.blobIDs(prefix: [], after: nil, limit: 100)
        try store.inner.deleteBlobs(ids)
        #expect(status { _ = try client.samples("k") } == .integrity)
    }

    /// Both records are whole, and each says that it is shard 0: only their seals tell them apart.
    @Test func recordOfAnotherSignalIsDamage() throws {
        let server = try server()
        let client = try server.client()
        let other = TestSignal([40, 50], seed: 4)
        try client.put("a", signal)
        let first = try store.inner.blobIDs(prefix: [], after: nil, limit: 100)
        try client.put("b", other)
        let all = try store.inner.blobIDs(prefix: [], after: nil, limit: 100)
        let second = all.filter { !first.contains($0) }
        #expect(!first.isEmpty && first.count == second.count)
        for (blob, foreign) in zip(first, second) {
            try store.inner.putBlob(blob, store.inner.blob(foreign))
        }
        let call = { _ = try client.samples("a", region: [1..<3, 0..<50]) }
        #expect(status(call) == .integrity)
        #expect(try client.samples("b") == other.bytes)
    }

    @Test func entryOfAnotherSignalIsDamage() throws {
        let server = try server()
        let client = try server.client()
        try client.put("a", signal)
        try client.put("b", TestSignal([7, 7]))
        let partition = try PartitionName("signals")
        let foreign = try #require(try store.inner.value(partition, Array("kb".utf8)))
        var transaction = Transaction(partition: partition)
        try transaction.put(Array("ka".utf8), foreign.bytes)
        _ = try store.inner.commit(transaction)
        #expect(status { _ = try client.stat("a") } == .integrity)
        #expect(try client.samples("b") == TestSignal([7, 7]).bytes)
    }

    @Test func damagedEntryIsListedAndCanBeReplacedOrRemoved() throws {
        let server = try server()
        let client = try server.client()
        try client.put("a", signal)
        try client.put("b", signal)
        try client.put("c", signal)
        let count = try store.blobCount
        #expect(count > 0 && count.isMultiple(of: 3))
        var transaction = Transaction(partition: try PartitionName("signals"))
        try transaction.put(Array("kb".utf8), [0xFF, 0xFF])
        try transaction.put(Array("kc".utf8), [0xFF, 0xFF])
        _ = try store.inner.commit(transaction)
        var warnings: [String] = []
        var keys: [String] = []
        try client.list(prefix: "", warning: { warnings.append($0) }, { keys.append($0.key) })
        #expect(keys == ["a", "b", "c"] && warnings.count == 1)
        #expect(status { _ = try client.samples("b") } == .integrity)
        try client.put("b", signal)
        #expect(try client.samples("b") == signal.bytes)
        // The blobs of "b" cannot be told from those of "c" while that is unreadable.
        usleep(200_000)
        #expect(try store.keyCount("o") == 1)
        #expect(try store.blobCount == count + count / 3)
        try client.delete("c")
        #expect(try client.keys() == ["a", "b"])
        try expectBlobs(count / 3 * 2)
        #expect(try store.keyCount("o") == 0)
        #expect(try client.samples("a") == signal.bytes && client.samples("b") == signal.bytes)
    }

    @Test func sweepThatACrashCutOffIsDoneAtTheNextStart() throws {
        var server = try server()
        try server.client().put("a", signal)
        let count = try store.blobCount
        let stray = BlobSpace.random()
        try store.putBlob(stray.blob(.shard, 0), [1, 2, 3])
        try store.putBlob(stray.blob(.shard, 1), [4])
        server.server.stop()
        var transaction = Transaction(partition: try PartitionName("signals"))
        try transaction.put(Array("o".utf8), [])
        _ = try store.inner.commit(transaction)
        server = try self.server()
        try expectBlobs(count)
        #expect(try store.keyCount("o") == 0)
        #expect(try server.client().samples("a") == signal.bytes)
    }

    @Test func unclearCommitIsResolvedNotRepeated() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", signal)
        store.set { $0.unknownOutcomes = 1 }
        let result = try client.put("k", TestSignal([7, 7]))
        #expect(result.replaced && result.stat.generation == 2)
        #expect(try client.samples("k") == TestSignal([7, 7]).bytes)
    }

    @Test func concurrentPutsOfOneKeyAllSucceedAndOneStays() throws {
        let server = try server()
        let path = server.socketPath
        DispatchQueue.concurrentPerform(iterations: 6) { number in
            do {
                let client = try Client(path: path)
                for round in 0..<3 {
                    try client.put("k", TestSignal([30, 30], seed: number * 3 + round))
                }
            } catch {
                Issue.record("client \(number): \(error)")
            }
        }
        let client = try server.client()
        let bytes = try client.samples("k")
        #expect((0..<18).contains { TestSignal([30, 30], seed: $0).bytes == bytes })
        #expect(try client.stat("k").generation == 18)
        try client.delete("k")
        try expectBlobs(0)
    }

    private func hasBlobs(of kind: UInt8) throws -> Bool {
        try store.inner.blobIDs(prefix: [], after: nil, limit: 1_000).contains {
            $0.bytes[12] == kind
        }
    }
}
