// The session in docs/protocol.md, byte by byte, against a real daemon.

import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import Testing

@Suite(.serialized)
struct ProtocolDocumentTests {
    private var document: String {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            return try String(
                contentsOf: root.appending(path: "docs/protocol.md"), encoding: .utf8)
        }
    }

    /// Sends the documented session; the blocks as the document shows them.
    private func session() throws -> String {
        let server = try TestServer()
        let channel = try server.channel()
        var text = ""
        func send(_ title: String, _ id: UInt32, _ request: WireRequest, _ body: [UInt8] = [])
            throws
        {
            let frame = try RawChannel.frame(id, request, body: body)
            text += Self.block("C", title, frame, bodyBytes: body.count)
            channel.send(frame)
        }
        func receive(_ title: String) throws {
            let answer = try #require(try channel.receive())
            let metadata: [UInt8] = try answer.reply.serializedBytes()
            let frame =
                FrameHeader(
                    requestID: answer.id, metadataBytes: metadata.count,
                    bodyBytes: answer.body.count
                ).serialized() + metadata + answer.body
            text += Self.block("S", title, frame, bodyBytes: answer.body.count)
        }
        var hello = WireHello()
        hello.client = "doc"
        hello.protocolMax = 1
        try send("Hello", 1, request("", .hello(hello)))
        try receive("HelloResult")
        let signal = TestSignal([2, 3])
        var begin = WirePutBegin()
        begin.samples = signal.description
        try send("PutBegin", 2, request("a", .putBegin(begin)))
        try send("PutData", 2, request("", .putData(.init())), [10, 11, 12, 20, 21, 22])
        try send("PutCommit", 2, request("", .putCommit(.init())))
        let put = try #require(try channel.receive())
        #expect(put.id == 2 && put.reply.status == 0 && put.reply.last)
        #expect(put.reply.put.stat.key == "a" && put.reply.put.stat.rawBytes == 6)
        var read = WireRead()
        read.region = [(1, 2), (0, 3)].map { start, stop in
            var interval = WireInterval()
            interval.start = Int64(start)
            interval.stop = Int64(stop)
            return interval
        }
        try send("Read, region 1:2,0:3", 3, request("a", .read(read)))
        try receive("SamplesResult: 20 21 22 and their hash")
        try send("Delete", 4, request("a", .delete(.init())))
        try receive("deleted")
        try send("Stat", 5, request("a", .stat(.init())))
        try receive("status 2, not found")
        return text
    }

    private static func block(
        _ side: String, _ title: String, _ frame: [UInt8], bodyBytes: Int
    ) -> String {
        let body = frame.count - bodyBytes
        let parts = [Array(frame[..<24]), Array(frame[24..<body]), Array(frame[body...])]
        var lines = ["\(side)  \(title)"]
        for (name, part) in zip(["header  ", "metadata", "body    "], parts) where !part.isEmpty {
            for (index, start) in stride(from: 0, to: part.count, by: 24).enumerated() {
                let bytes = part[start..<min(part.count, start + 24)]
                let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                let label = index == 0 ? name : String(repeating: " ", count: 8)
                lines.append("   \(label)  \(hex.joined(separator: " "))")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    @Test func documentedSessionIsWhatTheDaemonSays() throws {
        let expected = "```\n" + (try session()) + "```\n"
        #expect(
            try document.contains(expected),
            "docs/protocol.md does not show the session as it is:\n\(expected)")
    }

    @Test func documentListsEveryStatusWithItsExitCode() throws {
        let text = try document
        for status in Status.allCases {
            let row = text.split(separator: "\n").first {
                $0.hasPrefix("| \(status.rawValue) | \(status) |")
            }
            #expect(row?.hasSuffix("| \(status.exitCode.rawValue) |") == true, "\(status)")
        }
    }

    @Test func documentTellsTheDefaultsOfTheLimits() throws {
        let text = try document
        let defaults = ServerConfiguration()
        for part in [
            "metadata: \(defaults.timeouts.headerSeconds) s",
            "under way: \(defaults.timeouts.bodySeconds) s",
            "Without a request: \(defaults.timeouts.idleSeconds) s",
            "\(defaults.limits.connectionsMax) connections",
            "\(defaults.limits.requestsPerConnectionMax) unanswered requests per connection",
            "of which \(defaults.limits.activePerConnectionMax) run at once",
            "running requests have \(defaults.timeouts.shutdownSeconds) s",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }
}
