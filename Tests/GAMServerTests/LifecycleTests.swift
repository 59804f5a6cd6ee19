// Starting, stopping, and who may own a folder or a socket.

import CLinux
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Glibc
import Testing

@Suite(.serialized)
struct LifecycleTests {
    private func failure(_ body: () throws -> Void) -> Failure? {
        do {
            try body()
            return nil
        } catch {
            return Failure(error)
        }
    }

    @Test func secondServerOnAFolderIsRefused() throws {
        let first = try TestServer(.rocksDB)
        let failure = failure { _ = try TestServer(.rocksDB, in: first.folder) }
        #expect(failure?.status == .busy)
        #expect(failure?.text.contains("another gamd") == true)
        try first.client().put("k", TestSignal([3]))
    }

    @Test func folderCanBeOpenedAgainAfterStop() throws {
        let folder = try TemporaryFolder()
        for _ in 0..<3 {
            let server = try TestServer(.rocksDB, in: folder)
            #expect(server.server.stop())
        }
    }

    @Test func socketOfADeadServerIsReplaced() throws {
        let folder = try TemporaryFolder()
        let stale = clinux_listen(folder.path + "/s", 1, 0o600)
        #expect(stale >= 0)
        close(stale)
        let server = try TestServer(in: folder)
        #expect(try server.client().keys() == [])
    }

    @Test func socketOfALivingServerIsKept() throws {
        let server = try TestServer()
        let other = try TemporaryFolder()
        var settings = ServerConfiguration()
        settings.store.path = other.path + "/state"
        settings.socket.path = server.socketPath
        var options = Server.Options(settings)
        options.isInMemory = true
        let failure = failure {
            _ = try Server(options, adapters: NoAdapters(), log: .init(label: "test"))
        }
        #expect(failure?.status == .busy)
        #expect(try server.client().keys() == [])
    }

    @Test func fileInPlaceOfTheSocketIsKept() throws {
        let folder = try TemporaryFolder()
        try "precious".write(toFile: folder.path + "/s", atomically: true, encoding: .utf8)
        let failure = failure { _ = try TestServer(in: folder) }
        #expect(failure?.status == .configuration)
        #expect(try String(contentsOfFile: folder.path + "/s", encoding: .utf8) == "precious")
    }

    @Test func socketHasItsMode() throws {
        let server = try TestServer()
        var status = stat()
        #expect(stat(server.socketPath, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
    }

    @Test func stopEndsIdleConnectionsAndRemovesTheSocket() throws {
        let server = try TestServer()
        let channel = try server.channel()
        try channel.send(1, request("", .hello(.init())))
        _ = try channel.receive()
        let start = clinux_milliseconds()
        #expect(server.server.stop())
        #expect(clinux_milliseconds() - start < 3_000)
        #expect(channel.isClosed(within: 1))
        #expect(access(server.socketPath, F_OK) != 0)
        #expect(throws: ClientError.self) { try server.client() }
    }

    @Test func stopLetsRunningRequestsEnd() throws {
        let server = try TestServer(.rocksDB)
        let signal = TestSignal([900, 900])
        let channel = try server.channel()
        try channel.send(1, beginRequest("k", signal))
        try channel.send(1, request("", .putData(.init())), body: signal.bytes)
        try channel.send(1, request("", .putCommit(.init())))
        usleep(50_000)
        #expect(server.server.stop())
        let answer = try channel.receive()
        if let answer {
            // Acknowledged or refused, but never without a word or half.
            #expect(
                [0, Status.busy.rawValue, Status.cancelled.rawValue].contains(
                    answer.reply.status))
        }
        let again = try TestServer(.rocksDB, in: server.folder)
        let keys = try again.client().keys()
        if answer?.reply.status == 0 { #expect(keys == ["k"]) }
        if keys == ["k"] { #expect(try again.client().samples("k") == signal.bytes) }
    }

    /// A child that was forked and has not executed yet has every descriptor of its parent.
    @Test func stopFreesTheFolderThoughAChildHasItsLock() throws {
        let server = try TestServer(.rocksDB)
        let lock = server.statePath + "/gamd.lock"
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let held = try #require(
            names.first {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
                    == lock
            })
        let copy = dup(try #require(Int32(held)))
        defer { close(copy) }
        #expect(server.server.stop())
        let again = try TestServer(.rocksDB, in: server.folder)
        #expect(try again.client().keys() == [])
    }

    @Test func stopIsPromptWithAStalledClient() throws {
        let server = try TestServer { $0.timeouts.shutdownSeconds = 1 }
        try server.client().put("big", TestSignal([2_000, 2_000]))
        let channel = try server.channel()
        try channel.send(1, request("big", .read(.init())))
        usleep(100_000)
        let start = clinux_milliseconds()
        #expect(server.server.stop())
        #expect(clinux_milliseconds() - start < 5_000)
        #expect(channel.isClosed(within: 1))
    }

    @Test func signalIsFittedAgainInIdleTimeAndStaysExact() throws {
        let server = try TestServer(.rocksDB) {
            $0.refit.enabled = true
            $0.refit.idleSeconds = 1
        }
        let client = try server.client()
        let signal = TestSignal([120, 130], channels: 3)
        let before = try client.put("k", signal).stat
        var jobs: [WireJob] = []
        for _ in 0..<60 where jobs.first.map({ $0.state == "running" }) ?? true {
            usleep(1_500_000)
            jobs = try client.jobs()
        }
        #expect(["done", "nothing gained"].contains(try #require(jobs.first).state))
        let after = try client.stat("k")
        #expect(after.contentHash == before.contentHash)
        #expect(after.storedBytes <= before.storedBytes + 64)
        #expect(try client.samples("k") == signal.bytes)
        // Nothing is left to do: no second job appears.
        usleep(2_500_000)
        #expect(try client.jobs().count == jobs.count)
    }

    @Test func plannerTakesTheLowestEffortThenTheFirstKey() {
        var planner = RefitPlanner(targetEffort: 3)
        planner.consider(key: "a", effort: 2, effortTried: 0)
        planner.consider(key: "b", effort: 0, effortTried: 3)
        planner.consider(key: "c", effort: 1, effortTried: 0)
        planner.consider(key: "d", effort: 1, effortTried: 0)
        planner.consider(key: "e", effort: 3, effortTried: 0)
        #expect(planner.best?.key == "c" && planner.best?.effort == 1)
    }

    @Test func plannerFindsNothingWhenAllWereTried() {
        var planner = RefitPlanner(targetEffort: 2)
        planner.consider(key: "a", effort: 2, effortTried: 0)
        planner.consider(key: "b", effort: 0, effortTried: 2)
        #expect(planner.best == nil)
    }

    @Test func spaceIsGivenBackWhenItIsMuchAndQuick() {
        func step(_ bytesMiB: UInt64, _ deadMiB: UInt64, uncounted: UInt64 = 0)
            -> SpacePlanner.Step
        {
            SpacePlanner.step(
                for: StoreSize(
                    bytes: bytesMiB << 20, deadBytes: deadMiB << 20,
                    uncountedBytes: uncounted << 20))
        }
        #expect(step(0, 0) == .none)
        #expect(step(100, 20, uncounted: 20) == .none, "little")
        #expect(step(100, 40) == .rewrite)
        #expect(step(100, 40, uncounted: 40) == .rewrite)
        #expect(step(400, 50) == .none, "a small part")
        #expect(step(600, 580) == .rewrite)
        #expect(step(100_000, 50_000) == .none, "too long to rewrite")
        #expect(step(100_000, 50_000, uncounted: 100) == .settle)
        #expect(step(100_000, 50_000, uncounted: 20) == .none)
        #expect(step(1, 100) == .rewrite, "more dead than all is all")
    }
}
