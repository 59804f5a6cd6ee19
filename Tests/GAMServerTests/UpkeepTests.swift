// Upkeep: scrub and quarantine, collection of orphans, quotas, backups, figures.

import CLinux
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Glibc
import Testing

@Suite(.serialized)
struct UpkeepTests {
    private let store = FaultyStore()

    private func server(
        _ configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(store: store) {
            $0.scrub.bytesPerSecond = 0
            configure(&$0)
        }
    }

    private func scrub(_ client: Client) throws -> WireScrubResult {
        var result = try client.scrub("start")
        for _ in 0..<600 where result.state == "running" {
            usleep(50_000)
            result = try client.scrub("status")
        }
        return result
    }

    /// Changes one bit of one blob, behind everybody's back.
    private func damage(_ id: BlobID, seed: Int) throws {
        var bytes = try store.inner.blob(id)
        let bit = seed &* 7919 % (bytes.count * 8)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try store.inner.putBlob(id, bytes)
    }

    // MARK: Scrub

    @Test func scrubFindsEveryPlantedDamageAndNothingElse() throws {
        let server = try server()
        let client = try server.client()
        let count = 1_200
        let damagedCount = 1_000
        for number in 0..<count {
            try client.put("s/\(number)", TestSignal([9, 11], seed: number))
        }
        let before = try scrub(client)
        #expect(before.state == "done" && before.damaged == 0 && before.signals == count)
        var planted: Set<String> = []
        for number in 0..<damagedCount {
            let key = "s/\(number)"
            let value = try #require(
                try store.inner.value(PartitionName("signals"), Array("k\(key)".utf8)))
            let entry = try #require(CatalogRecord(sealed: value.bytes, key: key))
            let space = Array(entry.recordSpace)
            let ids = try store.inner.blobIDs(prefix: space, after: nil, limit: 100)
            try damage(try #require(ids.randomElement()), seed: number)
            planted.insert(key)
        }
        let after = try scrub(client)
        #expect(after.state == "done" && after.damaged == damagedCount)
        let isExact = Set(after.damages.map(\.key)) == planted
        #expect(isExact)
        // What is damaged is not given out, and what is sound still is.
        #expect(status { _ = try client.samples("s/0") } == .integrity)
        #expect(!(try client.stat("s/0").quarantine.isEmpty))
        #expect(try client.samples("s/\(count - 1)") == TestSignal([9, 11], seed: count - 1).bytes)
        // Replacing and removing end the quarantine.
        try client.put("s/0", TestSignal([5, 5]))
        try client.delete("s/1")
        #expect(try client.samples("s/0") == TestSignal([5, 5]).bytes)
        #expect(try client.scrub("status").damaged == UInt64(damagedCount - 2))
    }

    @Test func quarantineOutlivesARestartAndEndsWithASoundVerify() throws {
        var ids: [BlobID] = []
        do {
            let server = try server()
            let client = try server.client()
            try client.put("k", TestSignal([40, 40]))
            ids = try store.inner.blobIDs(prefix: [], after: nil, limit: 10)
            for id in ids { try damage(id, seed: 1) }
            #expect(try scrub(client).damaged == 1)
            server.server.stop()
        }
        let server = try server()
        let client = try server.client()
        #expect(status { _ = try client.samples("k") } == .integrity)
        #expect(status { _ = try client.verify("k") } == .integrity)
        for id in ids { try damage(id, seed: 1) }
        _ = try client.verify("k")
        #expect(try client.samples("k") == TestSignal([40, 40]).bytes)
        #expect(try client.scrub("status").damaged == 0)
    }

    @Test func stoppedScrubGoesOnWhereItWas() throws {
        let server = try server { $0.scrub.bytesPerSecond = 200_000 }
        let client = try server.client()
        for number in 0..<20 { try client.put("k\(number)", TestSignal([200, 200], seed: number)) }
        _ = try client.scrub("start")
        usleep(1_500_000)
        let stopped = try client.scrub("stop")
        #expect(stopped.state == "stopped" && stopped.signals < 20)
        usleep(300_000)
        #expect(try client.scrub("status").signals == stopped.signals)
        let again = try client.scrub("start")
        #expect(again.state == "running" && again.signals >= stopped.signals)
        #expect(again.startedUnixMs == stopped.startedUnixMs)
    }

    // MARK: Collection

    @Test func collectionDeletesOrphansAndOnlyThem() throws {
        let server = try server()
        let client = try server.client()
        for number in 0..<5 { try client.put("k\(number)", TestSignal([50, 50], seed: number)) }
        let sound = try store.blobCount
        let orphan = BlobSpace.random()
        for index in 0..<7 { try store.inner.putBlob(orphan.blob(.shard, index), [1, 2, 3]) }
        #expect(try client.collect().orphans == 7)
        #expect(try store.blobCount == sound)
        #expect(try client.collect().orphans == 0)
        for number in 0..<5 {
            #expect(try client.samples("k\(number)") == TestSignal([50, 50], seed: number).bytes)
        }
    }

    @Test func collectionKeepsOrphansWhileAnEntryIsDamaged() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", TestSignal([50, 50]))
        let count = try store.blobCount
        var transaction = Transaction(partition: try PartitionName("signals"))
        try transaction.put(Array("kk".utf8), [0xFF, 0xFF])
        _ = try store.inner.commit(transaction)
        let result = try client.collect()
        #expect(result.orphans == 0 && result.damaged == 1)
        #expect(try store.blobCount == count)
        // Without the entry its records are orphans; the reclaimer may be quicker than the collection.
        try client.delete("k")
        #expect(try client.collect().damaged == 0)
        for _ in 0..<100 where try store.blobCount > 0 { usleep(50_000) }
        #expect(try store.blobCount == 0)
    }

    // MARK: Quotas

    @Test func quotasRefuseGrowthAndLetReplacementsShrink() throws {
        let server = try server { $0.quota.signalsMax = 2 }
        let client = try server.client()
        try client.put("a", TestSignal([9]))
        try client.put("b", TestSignal([9]))
        #expect(status { try client.put("c", TestSignal([9])) } == .noSpace)
        try client.put("b", TestSignal([10]))
        try client.delete("a")
        try client.put("c", TestSignal([9]))
    }

    @Test func bytesOfAllSignalsStayBelowTheQuota() throws {
        let server = try server { $0.quota.storedBytesMax = 20_000 }
        let client = try server.client()
        var refused = 0
        for number in 0..<40 {
            let refusal = status {
                try client.put("k\(number)", TestSignal([100, 100], seed: number))
            }
            if refusal == .noSpace { refused += 1 }
        }
        let figures = try client.metrics()
        let stored = try #require(Self.figure("gamd_signals_stored_bytes", in: figures))
        #expect(refused > 0 && stored <= 20_000 && stored > 10_000)
        var sum = 0.0
        try client.list(prefix: "") { sum += Double($0.storedBytes) }
        #expect(sum == stored)
    }

    @Test func replacingBySomethingSmallerWorksAboveAQuota() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", TestSignal([100, 100]))
        var settings = ServerConfiguration()
        settings.quota.storedBytesMax = 100
        _ = server.server.reload(ResolvedConfiguration(settings))
        #expect(status { try client.put("other", TestSignal([9])) } == .noSpace)
        #expect(status { try client.put("k", TestSignal([120, 120])) } == .noSpace)
        #expect(try client.samples("k") == TestSignal([100, 100]).bytes)
        try client.put("k", TestSignal([9]))
        #expect(try client.samples("k") == TestSignal([9]).bytes)
    }

    @Test func prefixesHaveQuotasOfTheirOwn() throws {
        let folder = try TemporaryFolder()
        let quota: (inout ServerConfiguration) -> Void = {
            $0.quota.prefixSignalsMax = [
                .init(prefix: "a/", limit: 2), .init(prefix: "a/b/", limit: 1),
            ]
            $0.quota.prefixStoredBytesMax = [.init(prefix: "c", limit: 20_000)]
        }
        var server = try TestServer(.rocksDB, in: folder, quota)
        var client = try server.client()
        try client.put("a/b/1", TestSignal([9]))
        #expect(status { try client.put("a/b/2", TestSignal([9])) } == .noSpace)
        try client.put("a/1", TestSignal([9]))
        #expect(status { try client.put("a/2", TestSignal([9])) } == .noSpace)
        for key in ["a", "b/a/b", "A/b/1"] { try client.put(key, TestSignal([9])) }
        try client.put("a/1", TestSignal([10]))
        var refused = 0
        for number in 0..<12 {
            let refusal = status {
                try client.put("c\(number)", TestSignal([60, 60], seed: number))
            }
            if refusal == .noSpace { refused += 1 }
        }
        #expect(refused > 0)
        // What is counted at the start is what was counted before.
        let figures = [
            "signals{prefix=\"a/\"}", "signals{prefix=\"a/b/\"}", "stored_bytes{prefix=\"c\"}",
        ]
        func counted() throws -> [Double?] {
            let text = try client.metrics()
            return figures.map { Self.figure("gamd_prefix_\($0)", in: text) }
        }
        let before = try counted()
        server.server.stop()
        server = try TestServer(.rocksDB, in: folder, quota)
        client = try server.client()
        let after = try counted()
        #expect(before == after && after[0] == 2 && after[1] == 1)
        var sum = 0.0
        try client.list(prefix: "c") { sum += Double($0.storedBytes) }
        #expect(after[2] == sum && sum > 10_000 && sum <= 20_000)
        try client.delete("a/b/1")
        try client.put("a/b/2", TestSignal([9]))
    }

    // MARK: Figures

    static func figure(_ name: String, in text: String) -> Double? {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.split(separator: " ")[1]) }
    }

    @Test func figuresCountWhatHappened() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", TestSignal([256, 256]))
        for _ in 0..<3 { _ = try client.samples("k") }
        #expect(status { _ = try client.stat("absent") } == .notFound)
        let text = try client.metrics()
        func count(_ operation: String, _ status: String) -> Double? {
            Self.figure(
                "gamd_requests_total{operation=\"\(operation)\",status=\"\(status)\"}", in: text)
        }
        #expect(count("put", "ok") == 1 && count("read", "ok") == 3)
        #expect(count("stat", "notFound") == 1)
        #expect(Self.figure("gamd_signals", in: text) == 1)
        #expect(Self.figure("gamd_signals_raw_bytes", in: text) == 65_536)
        // The first read recalls, the others find it recalled.
        #expect(Self.figure("gamd_cache_hits_total{cache=\"shards\"}", in: text) == 2)
        #expect(Self.figure("gamd_cache_misses_total{cache=\"shards\"}", in: text) == 1)
        #expect(text.hasSuffix("# EOF\n"))
        #expect(
            Self.figure("gamd_request_seconds_bucket{operation=\"read\",le=\"+Inf\"}", in: text)
                == 3)
    }

    @Test func cachesStayWithinTheirBudget() throws {
        let server = try server {
            $0.cache.shardBytes = 300_000
            $0.cache.networkBytes = 0
        }
        let client = try server.client()
        let signals = (0..<8).map { TestSignal([256, 256], seed: $0) }
        for (number, signal) in signals.enumerated() { try client.put("k\(number)", signal) }
        for _ in 0..<2 {
            for (number, signal) in signals.enumerated() {
                #expect(try client.samples("k\(number)") == signal.bytes)
            }
        }
        let text = try client.metrics()
        let bytes = try #require(Self.figure("gamd_cache_bytes{cache=\"shards\"}", in: text))
        #expect(bytes > 0 && bytes <= 300_000)
        #expect(Self.figure("gamd_cache_bytes{cache=\"networks\"}", in: text) == 0)
    }

    @Test func readsAfterAReplaceNeverComeFromTheCache() throws {
        let server = try server()
        let client = try server.client()
        for seed in 0..<10 {
            let signal = TestSignal([256, 256], seed: seed)
            try client.put("k", signal)
            for _ in 0..<2 { #expect(try client.samples("k") == signal.bytes) }
        }
    }
}
