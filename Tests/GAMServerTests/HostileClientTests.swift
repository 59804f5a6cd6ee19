// Clients that break rules, stall, or vanish: each gets a clear end, the others notice nothing.

import CLinux
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import Glibc
import Testing

@Suite(.serialized)
struct HostileClientTests {
    private let signal = TestSignal([20, 20])

    /// The server still serves others.
    private func expectAlive(_ server: TestServer) throws {
        let client = try server.client()
        try client.put("alive", signal)
        #expect(try client.samples("alive") == signal.bytes)
        try client.delete("alive")
    }

    @Test func garbageGetsOneErrorAndTheEnd() throws {
        let server = try TestServer()
        for bytes in [
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            [UInt8](repeating: 0, count: 100), [UInt8](repeating: 0xFF, count: 100),
            Array("GAM1".utf8) + [9] + [UInt8](repeating: 0, count: 40),
            Array("GAM1".utf8) + [1, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 40),
        ] {
            let channel = try server.channel()
            channel.send(bytes)
            let answer = try #require(try channel.receive())
            #expect(answer.id == 0 && answer.reply.last)
            #expect(answer.reply.status == Status.protocolError.rawValue)
            #expect(!answer.reply.text.isEmpty)
            #expect(try channel.receive() == nil)
        }
        try expectAlive(server)
    }

    @Test func unreadableMetadataGetsAnErrorAndTheEnd() throws {
        let server = try TestServer()
        let channel = try server.channel()
        let metadata: [UInt8] = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        let header = FrameHeader(requestID: 3, metadataBytes: metadata.count, bodyBytes: 0)
        channel.send(header.serialized() + metadata)
        let answer = try #require(try channel.receive())
        #expect(answer.id == 3 && answer.reply.status == Status.protocolError.rawValue)
        #expect(try channel.receive() == nil)
    }

    @Test func randomBytesNeverHarm() throws {
        let server = try TestServer { $0.timeouts.headerSeconds = 1 }
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(state: seed)
        for round in 0..<100 {
            let channel = try server.channel()
            let good = try RawChannel.frame(1, beginRequest("k", signal))
            var bytes = good + (try RawChannel.frame(1, request("", .putData(.init())), body: [1]))
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            channel.send(bytes)
            shutdown(channel.descriptor, Int32(SHUT_WR))
            #expect(channel.isClosed(within: 5), "seed \(seed), round \(round)")
        }
        try expectAlive(server)
    }

    @Test func unknownOperationIsAnsweredAndTheSessionGoesOn() throws {
        let server = try TestServer()
        let channel = try server.channel()
        // Field 900 of Request: an operation of some later version.
        let metadata: [UInt8] = [0xA2, 0x38, 0x00]
        let header = FrameHeader(requestID: 1, metadataBytes: metadata.count, bodyBytes: 0)
        channel.send(header.serialized() + metadata)
        #expect(try channel.receive()?.reply.status == Status.unsupported.rawValue)
        try channel.send(1, request("", .hello(.init())))
        #expect(try channel.receive()?.reply.hello.protocol == 1)
    }

    @Test func pipelinedRequestsAreAllAnswered() throws {
        let server = try TestServer()
        let channel = try server.channel()
        var bytes: [UInt8] = []
        for id in [1, 2] as [UInt32] {
            bytes += try RawChannel.frame(id, beginRequest("k\(id)", signal))
        }
        for id in [2, 1] as [UInt32] {
            bytes += try RawChannel.frame(
                id, request("", .putData(.init())), body: signal.bytes)
            bytes += try RawChannel.frame(id, request("", .putCommit(.init())))
        }
        for id in 10..<14 as Range<UInt32> {
            bytes += try RawChannel.frame(id, request("", .list(.init())))
        }
        channel.send(bytes)
        var answered: Set<UInt32> = []
        for _ in 0..<6 {
            let answer = try #require(try channel.receive())
            #expect(answer.reply.status == 0 && answer.reply.last)
            answered.insert(answer.id)
        }
        #expect(answered == [1, 2, 10, 11, 12, 13])
    }

    @Test func bytesChangedOnTheWayAreNoticed() throws {
        let server = try TestServer()
        let channel = try server.channel()
        try channel.send(1, beginRequest("k", signal))
        try channel.send(1, request("", .putData(.init())), body: signal.bytes)
        var commit = WirePutCommit()
        commit.hasHash_p = true
        commit.bodyHashLow = 1
        try channel.send(1, request("", .putCommit(commit)))
        #expect(try channel.receive()?.reply.status == Status.integrity.rawValue)
        #expect(try server.client().keys() == [])
    }

    @Test func clientThatVanishesLeavesNothing() throws {
        let server = try TestServer(.rocksDB)
        for stage in 0..<3 {
            let channel = try server.channel()
            try channel.send(1, beginRequest("k", signal))
            if stage > 0 {
                try channel.send(1, request("", .putData(.init())), body: [1, 2, 3])
            }
            if stage > 1 {
                let whole = try RawChannel.frame(
                    1, request("", .putData(.init())), body: signal.bytes)
                channel.send(Array(whole.dropLast(100)))
            }
        }
        try expectAlive(server)
        #expect(try server.client().keys() == [])
        let spool = server.statePath + "/spool"
        #expect(try FileManager.default.contentsOfDirectory(atPath: spool) == [])
    }

    @Test func stalledHeaderIsTimedOut() throws {
        let server = try TestServer { $0.timeouts.headerSeconds = 1 }
        let channel = try server.channel()
        channel.send(Array("GAM1".utf8))
        #expect(try channel.receive()?.reply.status == Status.timedOut.rawValue)
        #expect(channel.isClosed(within: 1))
    }

    @Test func headerDripFedByteByByteIsTimedOut() throws {
        let server = try TestServer { $0.timeouts.headerSeconds = 1 }
        let channel = try server.channel()
        let frame = try RawChannel.frame(1, beginRequest(String(repeating: "k", count: 99), signal))
        let start = clinux_milliseconds()
        for byte in frame.prefix(40) where clinux_milliseconds() - start < 3_000 {
            channel.send([byte])
            usleep(100_000)
        }
        #expect(channel.isClosed(within: 2))
    }

    @Test func stalledBodyIsTimedOut() throws {
        let server = try TestServer { $0.timeouts.bodySeconds = 1 }
        let channel = try server.channel()
        try channel.send(1, beginRequest("k", signal))
        let frame = try RawChannel.frame(1, request("", .putData(.init())), body: signal.bytes)
        channel.send(Array(frame.dropLast(5)))
        #expect(try channel.receive()?.reply.status == Status.timedOut.rawValue)
        #expect(channel.isClosed(within: 1))
    }

    @Test func idleConnectionIsClosed() throws {
        let server = try TestServer { $0.timeouts.idleSeconds = 1 }
        let channel = try server.channel()
        try channel.send(1, request("", .hello(.init())))
        #expect(try channel.receive()?.reply.status == 0)
        #expect(channel.isClosed(within: 4))
    }

    @Test func clientThatReadsNothingIsDroppedAndOthersAreServed() throws {
        let server = try TestServer {
            $0.timeouts.writeSeconds = 1
            $0.threads.reads = 1
        }
        let big = TestSignal([2_000, 2_000])
        try server.client().put("big", big)
        let channel = try server.channel()
        try channel.send(1, request("big", .read(.init())))
        usleep(100_000)
        // The only reading thread is held by the stalled client until its time is over.
        #expect(try server.client().samples("big") == big.bytes)
        #expect(channel.isClosed(within: 5))
    }

    @Test func connectionsAreBounded() throws {
        let server = try TestServer { $0.limits.connectionsMax = 2 }
        var held: [RawChannel]? = [try server.channel(), try server.channel()]
        for channel in held ?? [] {
            try channel.send(1, request("", .hello(.init())))
            #expect(try channel.receive()?.reply.status == 0)
        }
        let third = try server.channel()
        #expect(try third.receive()?.reply.status == Status.busy.rawValue)
        #expect(third.isClosed(within: 1))
        held = nil
        usleep(300_000)
        try expectAlive(server)
    }

    @Test func deadlineOfAPutIsKept() throws {
        let server = try TestServer()
        let channel = try server.channel()
        var begin = beginRequest("k", signal)
        begin.deadlineMs = 50
        try channel.send(1, begin)
        usleep(120_000)
        try channel.send(1, request("", .putData(.init())), body: signal.bytes)
        #expect(try channel.receive()?.reply.status == Status.timedOut.rawValue)
        #expect(try server.client().keys() == [])
    }

    @Test func cancelledPutIsForgottenAndItsRestDropped() throws {
        let server = try TestServer()
        let channel = try server.channel()
        try channel.send(1, beginRequest("k", signal))
        try channel.send(1, request("", .cancel(.init())))
        #expect(try channel.receive()?.reply.status == Status.cancelled.rawValue)
        try channel.send(1, request("", .putData(.init())), body: signal.bytes)
        try channel.send(1, request("", .putCommit(.init())))
        try channel.send(2, request("", .list(.init())))
        let answer = try #require(try channel.receive())
        #expect(answer.id == 2 && answer.reply.list.signals.isEmpty)
    }

    @Test func progressIsSentOnlyWhenAskedFor() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.put("k", TestSignal([400, 400]))
        var phases: Set<String> = []
        _ = try client.verify("k") { phase, fraction, _ in
            phases.insert(phase)
            #expect((0...1).contains(fraction))
        }
        #expect(phases.isSubset(of: ["verify"]))
        let channel = try server.channel()
        try channel.send(1, request("k", .verify(.init())))
        let answer = try #require(try channel.receive())
        #expect(answer.reply.last && answer.reply.verify.samples == 160_000)
    }
}
