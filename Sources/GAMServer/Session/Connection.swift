// One client: a thread that reads frames, and the requests it has started.
//
// What always holds:
// - The descriptor is closed only after the reader has ended and every request has its answer.
// - Bodies go to their spool in pieces as large as the receive buffer; nothing else is buffered.
// - A client that breaks the protocol gets one answer and is disconnected.

import CLinux
import GAMProtocol
import Glibc
import Logging
import SwiftProtobuf

final class Connection: Sendable {
    struct State {
        var session: SessionState
        var contexts: [UInt32: RequestContext] = [:]
        /// Started requests waiting for one of this connection's slots.
        var waiting: [RequestJob] = []
        var active = 0
        var lastActivity = clinux_milliseconds()
    }

    static let receiveBytes = 256 << 10

    let peer: Peer
    let access: AccessLevel
    let descriptor: Int32
    let settings: ServerConfiguration
    let spools: SpoolFolder
    let executor: RequestExecutor
    private let metrics: ServerMetrics
    let writer: FrameWriter
    private let log: Logger
    let state: Monitor<State>
    let pools = MemoryPools()

    init(
        descriptor: Int32, peer: Peer, access: AccessLevel, settings: ServerConfiguration,
        spools: SpoolFolder, executor: RequestExecutor, metrics: ServerMetrics, log: Logger
    ) {
        self.descriptor = descriptor
        self.peer = peer
        self.access = access
        self.settings = settings
        self.spools = spools
        self.executor = executor
        self.metrics = metrics
        self.log = log
        writer = FrameWriter(
            descriptor: descriptor,
            stallMilliseconds: Int32(settings.timeouts.writeSeconds * 1000),
            queueBytesMax: settings.limits.replyBytesPerConnection, metrics: metrics
        ) { try spools.checkFreeSpace(before: $0) }
        let session = SessionState(
            requestsMax: settings.limits.requestsPerConnectionMax,
            queryBytesMax: settings.limits.queryBytesMax, access: access)
        state = Monitor(State(session: session))
    }

    /// Reads until the client or the daemon ends the connection; then waits for what still runs.
    func run() {
        let uploads = UploadTable(folder: spools, bytesMax: settings.limits.putBytesMax)
        readFrames(uploads)
        uploads.dropAll()
        waitForRunning()
        writer.drain()
        close(descriptor)
    }

    /// Turned away before the first frame: one answer, and the end.
    func refuse(_ failure: Failure) {
        fail(0, failure)
        writer.drain()
        close(descriptor)
    }

    /// Takes no further requests; running ones go on.
    func stopReading() {
        state.withLock { $0.session.stop() }
        shutdown(descriptor, Int32(SHUT_RD))
    }

    /// Makes running requests stop; they still answer.
    func cancelRunning() { cancelAll(.stopping) }

    /// Ends the connection at once.
    func abort() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    // MARK: Reading

    private func readFrames(_ uploads: UploadTable) {
        let buffer = ReceiveBuffer(byteCount: Self.receiveBytes)
        let descriptors = ReceivedDescriptors()
        var decoder = FrameDecoder()
        var sink = BodySink.none
        var frameStart = clinux_milliseconds()
        while true {
            if decoder.isBetweenFrames { frameStart = clinux_milliseconds() }
            if decoder.isBetweenFrames, buffer.isFull,
                clinux_wait(descriptor, Int16(POLLIN), 0) == 0
            {
                buffer.rest()
            }
            guard waitForBytes(decoder, frameStart) else { return }
            let count = descriptors.receive(from: descriptor, into: buffer.bytes)
            if count == -Int(EAGAIN) || count == -Int(EINTR) { continue }
            guard count > 0 else { return }
            buffer.used(count)
            var input = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
            while !input.isEmpty {
                guard let taken = step(&decoder, input, &sink, uploads, descriptors) else {
                    return
                }
                input = UnsafeRawBufferPointer(rebasing: input[taken...])
            }
        }
    }

    /// Where the body of the current frame goes.
    enum BodySink {
        case none
        case spool(UInt32)
        case query(QueryUpload)
    }

    /// Waits for the next bytes; false when the client took too long.
    private func waitForBytes(_ decoder: FrameDecoder, _ frameStart: Int64) -> Bool {
        let limits = settings.timeouts
        while true {
            let now = clinux_milliseconds()
            let left: Int64
            if decoder.isInBody {
                left = Int64(limits.bodySeconds) * 1000
            } else if decoder.isBetweenFrames {
                left = idleEnd() - now
            } else {
                left = frameStart + Int64(limits.headerSeconds) * 1000 - now
            }
            if left > 0, clinux_wait(descriptor, Int16(POLLIN), Int32(clamping: left)) != 0 {
                return true
            }
            if decoder.isBetweenFrames {
                if idleEnd() > clinux_milliseconds() { continue }
                log.debug("closing an idle connection")
            } else {
                fail(0, Failure(.timedOut, "the frame did not arrive in time; send it at once"))
            }
            return false
        }
    }

    /// When a connection between frames counts as idle: never while requests run.
    private func idleEnd() -> Int64 {
        let idle = Int64(settings.timeouts.idleSeconds) * 1000
        return state.withLock { state in
            if state.session.running > 0 { state.lastActivity = clinux_milliseconds() }
            return state.lastActivity + idle
        }
    }

    /// Handles the next event in `input`; returns the bytes taken, nil to end the connection.
    private func step(
        _ decoder: inout FrameDecoder, _ input: UnsafeRawBufferPointer, _ sink: inout BodySink,
        _ uploads: UploadTable, _ descriptors: ReceivedDescriptors
    ) -> Int? {
        do {
            let (taken, event) = try decoder.consume(input)
            switch event {
            case .none:
                return taken
            case .body(let count, let isEnd):
                let piece = UnsafeRawBufferPointer(rebasing: input[(taken - count)..<taken])
                switch sink {
                case .none: break
                case .spool(let id): spool(id, piece, uploads)
                case .query(let upload):
                    upload.bytes.append(contentsOf: piece)
                    if isEnd { startQuery(upload) }
                }
                return taken
            case .frame(let header, let metadata):
                sink = .none
                return receive(header, metadata, &sink, uploads, descriptors) ? taken : nil
            }
        } catch {
            fail(0, Failure(.protocolError, "\(error)"))
            return nil
        }
    }

    private func receive(
        _ header: FrameHeader, _ metadata: [UInt8], _ sink: inout BodySink,
        _ uploads: UploadTable, _ descriptors: ReceivedDescriptors
    ) -> Bool {
        let request: WireRequest
        do {
            request = try WireRequest(serializedBytes: metadata)
        } catch {
            let text = "the metadata of the frame is not a Request message; see docs/protocol.md"
            fail(header.requestID, Failure(.protocolError, text))
            return false
        }
        let action = state.withLock { state in
            state.lastActivity = clinux_milliseconds()
            return state.session.receive(header, request)
        }
        switch action {
        case .collect(let id): return collect(id, header, request, &sink)
        case .attach(let id): return attach(id, request, descriptors)
        default: return act(action, request, &sink, uploads)
        }
    }

    private func act(
        _ action: SessionState.Action, _ request: WireRequest, _ sink: inout BodySink,
        _ uploads: UploadTable
    ) -> Bool {
        switch action {
        case .start(let id):
            let context = RequestContext(deadlineMilliseconds: request.deadlineMs)
            start(
                RequestJob(id: id, request: request, context: context, peer: peer, pools: pools))
        case .beginPut(let id):
            do {
                try executor.checkRoomForPut(request.key)
                try uploads.begin(id, request)
            } catch {
                failPut(id, error, request.key, uploads)
            }
        case .spool(let id):
            sink = .spool(id)
        case .finishPut(let id):
            guard let (upload, context) = uploads.finish(id) else { break }
            start(
                RequestJob(
                    id: id, request: request, context: context, peer: peer, upload: upload))
        case .dropPut(let id):
            uploads.drop(id)
            fail(id, Failure(.cancelled, "the put was cancelled; nothing was stored"))
        case .cancel(let id):
            state.withLock { $0.contexts[id]?.cancel() }
        case .refuse(let id, let status, let text):
            fail(id, Failure(status, text), key: request.key)
        case .close(let id, let status, let text):
            fail(id, Failure(status, text), key: request.key)
            return false
        case .ignore, .collect, .attach:
            break
        }
        return true
    }

    private func spool(_ id: UInt32, _ bytes: UnsafeRawBufferPointer, _ uploads: UploadTable) {
        metrics.receivedBytes.increment(by: Int64(bytes.count))
        do {
            try uploads.append(id, bytes)
        } catch {
            failPut(id, error, "", uploads)
        }
    }

    private func failPut(_ id: UInt32, _ error: any Error, _ key: String, _ uploads: UploadTable) {
        uploads.drop(id)
        state.withLock { $0.session.putFailed(id) }
        fail(id, Failure(error), key: key)
    }

    func fail(_ id: UInt32, _ failure: Failure, key: String = "") {
        let sink = ConnectionReplySink(id: id, writer: writer, spools: spools)
        try? sink.send(WireReply(failure, key: key))
    }
}
