// The sending half of a connection.
// What always holds: frames go out whole and one after the other; after the first failure nothing
// more is sent, and every later send throws at once.

import CLinux
import GAMProtocol
import Glibc
import SwiftProtobuf

final class FrameWriter: Sendable {
    private let descriptor: Int32
    private let stallMilliseconds: Int32
    /// true: the client is gone or too slow.
    private let isBroken = Monitor(false)

    init(descriptor: Int32, stallMilliseconds: Int32) {
        self.descriptor = descriptor
        self.stallMilliseconds = stallMilliseconds
    }

    /// Sends one frame; waits for the client at most `stallMilliseconds` without progress.
    func send(_ id: UInt32, _ reply: WireReply, body: UnsafeRawBufferPointer) throws {
        let metadata: [UInt8] = try reply.serializedBytes()
        guard metadata.count <= WireLimits.metadataBytesMax else {
            throw Failure(.tooLarge, "the answer has \(metadata.count) bytes of metadata")
        }
        let header = FrameHeader(
            requestID: id, metadataBytes: metadata.count, bodyBytes: body.count)
        let head = header.serialized() + metadata
        try isBroken.withLock { isBroken in
            guard !isBroken else { throw Self.gone }
            do {
                try head.withUnsafeBytes { try write($0, body) }
            } catch {
                isBroken = true
                shutdown(descriptor, Int32(SHUT_RDWR))
                throw error
            }
        }
    }

    private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < head.count + body.count {
            let first = UnsafeRawBufferPointer(rebasing: head[min(done, head.count)...])
            let second = UnsafeRawBufferPointer(rebasing: body[max(0, done - head.count)...])
            let sent = clinux_send(
                descriptor, first.baseAddress, first.count, second.baseAddress, second.count)
            if sent >= 0 {
                done += sent
                continue
            }
            guard sent == -Int(EAGAIN) else { throw Self.gone }
            guard clinux_wait(descriptor, Int16(POLLOUT), stallMilliseconds) > 0 else {
                throw Failure(.cancelled, "the client took no bytes of the answer for too long")
            }
        }
    }

    private static let gone = Failure(.cancelled, "the client is gone")
}

/// The answers of one request of one connection.
struct ConnectionReplySink: ReplySink {
    let id: UInt32
    let writer: FrameWriter

    func send(_ reply: WireReply, body: UnsafeRawBufferPointer) throws {
        try writer.send(id, reply, body: body)
    }
}
