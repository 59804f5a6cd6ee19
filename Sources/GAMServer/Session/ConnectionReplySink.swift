// The answers of one request of one connection; used by one thread at a time.
// What always holds: what waits for a slow client beyond the queue lies in one file per request.

import GAMProtocol

// @unchecked Sendable: `file` is touched by the thread that runs the request, and by none after it.
final class ConnectionReplySink: ReplySink, @unchecked Sendable {
    private let id: UInt32
    private let writer: FrameWriter
    private let spools: SpoolFolder
    private var file: SpoolFile?

    init(id: UInt32, writer: FrameWriter, spools: SpoolFolder) {
        self.id = id
        self.writer = writer
        self.spools = spools
    }

    func send(_ reply: WireReply, body: UnsafeRawBufferPointer) throws {
        try writer.send(id, reply, body: body, spool: spool)
    }

    /// The last frame; `whenDone` is called once, when it has gone out or cannot go out any more.
    func finish(
        _ reply: WireReply, body: UnsafeRawBufferPointer, whenDone: @escaping @Sendable () -> Void
    ) throws {
        try writer.send(id, reply, body: body, spool: spool, whenDone: whenDone)
    }

    private func spool() throws -> SpoolFile {
        if let file { return file }
        let made = try spools.file("an answer that waits for a slow client", bytesMax: .max)
        file = made
        return made
    }
}
