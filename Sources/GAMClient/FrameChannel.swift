// A connected socket that sends and receives frames; blocking, for one thread.
//
// What always holds: bodies pass through in pieces; nothing a daemon sends makes memory grow
// beyond one frame's metadata and the receive buffer.

import CLinux
import GAMProtocol
import Glibc
import SwiftProtobuf

public final class FrameChannel {
    private static let receiveBytes = 256 << 10
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    private var unread: Range<Int> = 0..<0
    private var decoder = FrameDecoder()

    public init(path: String) throws(ClientError) {
        descriptor = clinux_connect(path)
        guard descriptor >= 0 else {
            throw Self.connectError(path, -descriptor)
        }
        buffer = .allocate(byteCount: Self.receiveBytes, alignment: 16)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    private static func connectError(_ path: String, _ code: Int32) -> ClientError {
        let reason = String(cString: strerror(code))
        switch code {
        case EACCES, EPERM:
            return ClientError(
                .permission, "no permission for the socket \(path); are you in its group?")
        case ENAMETOOLONG:
            return ClientError(.badRequest, "the socket path \(path) is too long")
        case EAGAIN:
            return ClientError(.busy, "the daemon at \(path) is busy; try again later")
        default:
            return ClientError(
                .unreachable,
                "no daemon answers at \(path): \(reason); start gamd or give --socket")
        }
    }

    /// Sends one frame. When the daemon has hung up, throws what it said last, if anything.
    public func send(
        _ id: UInt32, _ request: WireRequest, body: UnsafeRawBufferPointer
    ) throws {
        let metadata: [UInt8] = try request.serializedBytes()
        guard metadata.count <= WireLimits.metadataBytesMax else {
            throw ClientError(.badRequest, "the request has more than 1 MiB of options")
        }
        let header = FrameHeader(
            requestID: id, metadataBytes: metadata.count, bodyBytes: body.count)
        let head = header.serialized() + metadata
        try head.withUnsafeBytes { try write($0, body) }
    }

    private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < head.count + body.count {
            let first = UnsafeRawBufferPointer(rebasing: head[min(done, head.count)...])
            let second = UnsafeRawBufferPointer(rebasing: body[max(0, done - head.count)...])
            let sent = clinux_send(
                descriptor, first.baseAddress, first.count, second.baseAddress, second.count)
            guard sent >= 0 else { throw lastWords() }
            done += sent
        }
    }

    /// What a daemon that closed the connection had to say.
    private func lastWords() -> ClientError {
        var said: ClientError?
        while said == nil {
            do {
                try receive { _, reply in
                    if reply.status != 0 { said = ClientError(reply) }
                } body: { _ in
                }
            } catch {
                break
            }
        }
        return said
            ?? ClientError(.unreachable, "the daemon closed the connection; see its log")
    }

    /// Whether bytes wait to be received.
    public var hasInput: Bool {
        !unread.isEmpty || clinux_wait(descriptor, Int16(POLLIN), 0) != 0
    }

    /// Receives one whole frame: `frame` once, then `body` with each piece.
    public func receive(
        frame: (UInt32, WireReply) throws -> Void, body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        while true {
            if unread.isEmpty { try fill() }
            let input = UnsafeRawBufferPointer(rebasing: buffer[unread])
            let (taken, event): (Int, FrameDecoder.Event)
            do {
                (taken, event) = try decoder.consume(input)
            } catch {
                throw ClientError(.protocolError, "the daemon broke the protocol: \(error)")
            }
            unread = unread.lowerBound + taken..<unread.upperBound
            switch event {
            case .none:
                continue
            case .frame(let header, let metadata):
                guard let reply = try? WireReply(serializedBytes: metadata) else {
                    throw ClientError(.protocolError, "the daemon sent an unreadable answer")
                }
                try frame(header.requestID, reply)
                if header.bodyBytes == 0 { return }
            case .body(let count, let isEnd):
                try body(UnsafeRawBufferPointer(rebasing: input[(taken - count)..<taken]))
                if isEnd { return }
            }
        }
    }

    private func fill() throws(ClientError) {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                unread = 0..<count
                return
            }
            if count < 0 && clinux_errno() == EINTR { continue }
            throw ClientError(
                .unreachable, "the daemon closed the connection before it answered; see its log")
        }
    }
}

extension ClientError {
    /// The error a reply carries.
    init(_ reply: WireReply) {
        self.init(Status(rawValue: reply.status) ?? .failed, reply.text)
    }
}
