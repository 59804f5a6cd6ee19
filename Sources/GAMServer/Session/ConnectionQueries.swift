// Frames of one connection that bring more than metadata: coordinates of a query, a memory pool.
//
// What always holds:
// - Coordinates take memory as they arrive, within a loan from the budget of all queries.
// - A descriptor that no frame claims is closed with the connection at the latest.

import CLinux
import GAMProtocol
import Glibc

/// The coordinates of one query while they arrive. Used by the reader thread alone.
final class QueryUpload {
    let id: UInt32
    let request: WireRequest
    let context: RequestContext
    let loan: ByteBudget.Loan
    var bytes: [UInt8] = []

    init(_ id: UInt32, _ request: WireRequest, loan: ByteBudget.Loan) {
        self.id = id
        self.request = request
        self.loan = loan
        context = RequestContext(deadlineMilliseconds: request.deadlineMs)
    }
}

/// Descriptors that came over the socket and belong to a frame still to come.
final class ReceivedDescriptors {
    private static let waitingMax = 4
    private var waiting: [Int32] = []

    deinit { for descriptor in waiting { close(descriptor) } }

    /// Bytes received, 0 at the end of the stream, or a negated errno.
    func receive(from socket: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var found = [Int32](repeating: -1, count: Self.waitingMax)
        var count: Int32 = 0
        let room = Int32(Self.waitingMax - waiting.count)
        let received = clinux_receive(
            socket, buffer.baseAddress, buffer.count, &found, room, &count)
        waiting += found[..<Int(count)]
        return received
    }

    /// The oldest one, which is the caller's from now on.
    func take() -> Int32? { waiting.isEmpty ? nil : waiting.removeFirst() }
}

extension Connection {
    /// Coordinates are held as bytes, as numbers, as places on the grid and in the order of shards. What
    /// their answer takes depends on the signal: `RequestHandlers.lendAnswer`.
    private static let copies = 4

    /// Makes room for a query's coordinates; without room its body is dropped.
    func collect(
        _ id: UInt32, _ header: FrameHeader, _ request: WireRequest, _ sink: inout BodySink
    ) -> Bool {
        let bytes = header.bodyBytes * Self.copies
        guard let loan = executor.queryMemory.take(bytes) else {
            state.withLock { $0.session.finished(id) }
            let text = "other queries hold the memory for queries; try again later"
            fail(id, Failure(.busy, text), key: request.key)
            return true
        }
        sink = .query(QueryUpload(id, request, loan: loan))
        return true
    }

    func startQuery(_ upload: QueryUpload) {
        start(
            RequestJob(
                id: upload.id, request: upload.request, context: upload.context, peer: peer,
                coordinates: upload.bytes, loan: upload.loan))
    }

    /// Maps a pool; a frame without its descriptor ends the connection.
    func attach(
        _ id: UInt32, _ request: WireRequest, _ descriptors: ReceivedDescriptors
    ) -> Bool {
        state.withLock { $0.session.finished(id) }
        guard let descriptor = descriptors.take() else {
            fail(id, Failure(.protocolError, "no descriptor came with the Attach (SCM_RIGHTS)"))
            return false
        }
        do {
            var reply = WireReply()
            reply.attach.pool = try pools.attach(
                descriptor: descriptor, bytes: request.attach.bytes)
            reply.last = true
            try? ConnectionReplySink(id: id, writer: writer, spools: spools).send(reply)
        } catch {
            fail(id, error)
        }
        return true
    }
}
