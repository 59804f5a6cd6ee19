// The sending half of a connection.
//
// What always holds:
// - Frames go out whole, in the order of `send`; after the first failure nothing more is sent, and
//   every later send throws at once.
// - No thread of the pool waits for a client longer than `patienceMilliseconds` per frame: what a
//   slow client has not taken by then goes to a queue with a thread of its own.
// - The queue holds at most `queueBytesMax` and one frame in memory; the rest lies in an unlinked
//   file of the request.

import CLinux
import GAMProtocol
import Glibc
import SwiftProtobuf

final class FrameWriter: Sendable {
    private enum Body {
        case memory([UInt8])
        case spooled(SpoolFile, Range<Int>)
    }

    private struct Item {
        var head: [UInt8]
        var body: Body
        /// Bytes of head and body that have gone out.
        var sent = 0
        let whenDone: (@Sendable () -> Void)?
    }

    private struct State {
        /// The client is gone or too slow.
        var isBroken = false
        /// A thread is in the middle of a frame.
        var isWriting = false
        var hasSender = false
        var queue: [Item] = []
        var queuedBytes = 0
    }

    /// A client that takes less than about 4 MiB/s is slow; a read of the pool can wait this long.
    static let patienceMilliseconds = 250
    private static let spooledPieceBytes = 64 << 10

    private let descriptor: Int32
    private let stallMilliseconds: Int32
    private let queueBytesMax: Int
    private let metrics: ServerMetrics?
    private let checkRoom: @Sendable (Int) throws -> Void
    private let state = Monitor(State())

    /// - Parameter checkRoom: throws when the disk has no room for so many bytes more.
    init(
        descriptor: Int32, stallMilliseconds: Int32, queueBytesMax: Int, metrics: ServerMetrics?,
        checkRoom: @escaping @Sendable (Int) throws -> Void
    ) {
        self.checkRoom = checkRoom
        self.descriptor = descriptor
        self.stallMilliseconds = stallMilliseconds
        self.queueBytesMax = queueBytesMax
        self.metrics = metrics
    }

    /// Sends one frame, or queues it for a slow client. `whenDone` is called once, when the frame
    /// has gone out or can no longer go out.
    /// - Parameter spool: makes the file for what the queue cannot hold.
    func send(
        _ id: UInt32, _ reply: WireReply, body: UnsafeRawBufferPointer,
        spool: () throws -> SpoolFile, whenDone: (@Sendable () -> Void)? = nil
    ) throws {
        var isHandedOn = false
        defer { if !isHandedOn { whenDone?() } }
        let metadata: [UInt8] = try reply.serializedBytes()
        guard metadata.count <= WireLimits.metadataBytesMax else {
            throw Failure(.tooLarge, "the answer has \(metadata.count) bytes of metadata")
        }
        let header = FrameHeader(
            requestID: id, metadataBytes: metadata.count, bodyBytes: body.count)
        let head = header.serialized() + metadata
        var sent = 0
        let hasTurn = try takesTurn()
        if hasTurn {
            sent = try sendWithPatience(head, body)
            if sent == head.count + body.count {
                metrics?.sentBytes.increment(by: Int64(body.count))
                return endTurn()
            }
        }
        metrics?.slowReplies.increment()
        let kept = try keep(body, spool, endsTurn: hasTurn)
        let item = Item(head: head, body: kept, sent: sent, whenDone: whenDone)
        isHandedOn = true
        enqueue(item, isOwnTurn: hasTurn)
    }

    /// Waits until nothing is queued and no thread sends; the descriptor may be closed then.
    func drain() {
        _ = state.wait { state in
            state.hasSender || state.isWriting || !(state.isBroken || state.queue.isEmpty)
                ? nil : true
        }
    }

    // MARK: Turns

    /// True: this thread writes now. False: the client is slow, its frames are queued.
    private func takesTurn() throws -> Bool {
        enum Turn { case write, queue, gone }
        let turn = state.wait(milliseconds: Self.patienceMilliseconds) { state -> Turn? in
            if state.isBroken { return .gone }
            if state.hasSender { return .queue }
            if state.isWriting || !state.queue.isEmpty { return nil }
            state.isWriting = true
            return .write
        }
        if turn == .gone { throw Self.gone }
        return turn == .write
    }

    /// Ends a turn; frames that other threads have queued meanwhile get a sender.
    private func endTurn() {
        let needsSender = state.withLock { state in
            state.isWriting = false
            guard !state.queue.isEmpty, !state.hasSender, !state.isBroken else { return false }
            state.hasSender = true
            return true
        }
        if needsSender { startSender() }
    }

    /// Bytes that went out before the client's time was over; throws when it is gone.
    private func sendWithPatience(
        _ head: [UInt8], _ body: UnsafeRawBufferPointer
    ) throws -> Int {
        do {
            return try head.withUnsafeBytes { head in
                let end = clinux_milliseconds() + Int64(Self.patienceMilliseconds)
                var done = 0
                while done < head.count + body.count {
                    if let count = try sendSome(head, body, from: done) {
                        done += count
                        continue
                    }
                    let left = end - clinux_milliseconds()
                    guard left > 0, clinux_wait(descriptor, Int16(POLLOUT), Int32(left)) > 0 else {
                        break
                    }
                }
                return done
            }
        } catch {
            breakOff(endsTurn: true)
            throw error
        }
    }

    /// Sends what the socket takes now; nil when it takes nothing.
    private func sendSome(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, from done: Int
    ) throws(Failure) -> Int? {
        let first = UnsafeRawBufferPointer(rebasing: head[min(done, head.count)...])
        let second = UnsafeRawBufferPointer(rebasing: body[max(0, done - head.count)...])
        let sent = clinux_send(
            descriptor, first.baseAddress, first.count, second.baseAddress, second.count)
        if sent >= 0 { return sent }
        guard sent == -Int(EAGAIN) else { throw Self.gone }
        return nil
    }

    /// After this nothing is sent any more; what is queued is given up.
    private func breakOff(endsTurn: Bool = false) {
        let lost = state.withLock { state in
            state.isBroken = true
            if endsTurn { state.isWriting = false }
            defer {
                state.queue = []
                state.queuedBytes = 0
            }
            return state.queue
        }
        shutdown(descriptor, Int32(SHUT_RDWR))
        for item in lost { item.whenDone?() }
    }

    // MARK: Queue

    /// The body where it can wait: in memory while there is room, else in the request's file.
    private func keep(
        _ body: UnsafeRawBufferPointer, _ spool: () throws -> SpoolFile, endsTurn: Bool
    ) throws -> Body {
        let fits = state.withLock { state in
            guard state.queuedBytes + body.count <= queueBytesMax else { return false }
            state.queuedBytes += body.count
            return true
        }
        if fits { return .memory([UInt8](body)) }
        do {
            let file = try spool()
            try checkRoom(body.count)
            let start = file.byteCount
            try file.append(body)
            return .spooled(file, start..<file.byteCount)
        } catch {
            // Half a frame cannot be taken back: the connection ends with this answer.
            breakOff(endsTurn: endsTurn)
            throw error
        }
    }

    private func enqueue(_ item: Item, isOwnTurn: Bool) {
        let (isLost, needsSender) = state.withLock { state in
            if isOwnTurn { state.isWriting = false }
            if state.isBroken { return (true, false) }
            // A frame that has begun goes first.
            state.queue.insert(item, at: isOwnTurn ? 0 : state.queue.count)
            let isFirst = !state.hasSender && !state.isWriting
            if isFirst { state.hasSender = true }
            return (false, isFirst)
        }
        if isLost { item.whenDone?() }
        if needsSender { startSender() }
    }

    private func startSender() {
        guard startThread(named: "gamd-send", sendQueue) else {
            state.withLock { $0.hasSender = false }
            return breakOff()
        }
    }

    private func sendQueue() {
        while let item = next() {
            do {
                try send(item)
            } catch {
                breakOff()
            }
            item.whenDone?()
        }
    }

    /// The next frame of the queue; nil when it is empty, and the sender ends.
    private func next() -> Item? {
        state.withLock { state in
            guard !state.queue.isEmpty else {
                state.hasSender = false
                state.isWriting = false
                return nil
            }
            state.isWriting = true
            let item = state.queue.removeFirst()
            if case .memory(let bytes) = item.body { state.queuedBytes -= bytes.count }
            return item
        }
    }

    private func send(_ item: Item) throws {
        var sent = item.sent
        switch item.body {
        case .memory(let bytes):
            try bytes.withUnsafeBytes { try sendPatiently(item.head, $0, from: &sent) }
            metrics?.sentBytes.increment(by: Int64(bytes.count))
        case .spooled(let file, let range):
            try sendPatiently(item.head, .init(start: nil, count: 0), from: &sent)
            try sendSpooled(file, range, from: sent - item.head.count)
            metrics?.sentBytes.increment(by: Int64(range.count))
        }
    }

    private func sendSpooled(_ file: SpoolFile, _ range: Range<Int>, from offset: Int) throws {
        var piece = [UInt8](repeating: 0, count: min(Self.spooledPieceBytes, range.count))
        var at = range.lowerBound + offset
        while at < range.upperBound {
            let count = min(piece.count, range.upperBound - at)
            try piece.withUnsafeMutableBytes { buffer in
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                try file.read(at: at, into: part)
                var sent = 0
                try sendPatiently([], UnsafeRawBufferPointer(part), from: &sent)
            }
            at += count
        }
    }

    /// Sends head and body from byte `sent`; waits for a client that takes something now and then.
    private func sendPatiently(
        _ head: [UInt8], _ body: UnsafeRawBufferPointer, from sent: inout Int
    ) throws {
        try head.withUnsafeBytes { head in
            while sent < head.count + body.count {
                if let count = try sendSome(head, body, from: sent) {
                    sent += count
                } else if !isTakingBytes(descriptor, within: stallMilliseconds) {
                    throw Failure(.cancelled, "the client took no bytes for too long")
                }
            }
        }
    }

    private static let gone = Failure(.cancelled, "the client is gone")
}
