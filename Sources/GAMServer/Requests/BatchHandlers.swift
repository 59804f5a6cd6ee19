// ReadMany: many regions of many keys in one request.
//
// What always holds:
// - An item fails alone; frames of items never interleave; the last frame of all counts.
// - Items of at most `smallBytesMax` are read side by side, at most `windowBytesMax` at once; larger
//   ones are streamed one after the other, each with all threads.

import GAMCodec
import GAMProtocol
import Synchronization

extension RequestHandlers {
    private static let itemsMax = 4096
    private static let smallBytesMax = 4 << 20
    private static let windowBytesMax = 64 << 20

    func readMany(
        _ many: WireReadMany, _ job: RequestJob, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        guard (1...Self.itemsMax).contains(many.items.count) else {
            throw Failure(
                .badRequest,
                "\(many.items.count) items; ask for 1 to \(Self.itemsMax) in one request")
        }
        let batch = ReadBatch(self, job, sink, many)
        var failed = 0
        for window in windows(batch) {
            try job.context.check()
            failed += try batch.run(window, threads: codecThreads)
        }
        var reply = WireReply()
        reply.readMany.succeeded = UInt32(many.items.count - failed)
        reply.readMany.failed = UInt32(failed)
        if failed > 0 {
            reply.status = Status.partial.rawValue
            reply.text = "\(failed) of \(many.items.count) items could not be read"
        }
        return (reply, [])
    }

    /// Runs of items that are read side by side.
    private func windows(_ batch: ReadBatch) -> [Range<Int>] {
        var windows: [Range<Int>] = []
        var start = 0
        var bytes = 0
        for item in 0..<batch.count {
            let size = batch.byteCount(item)
            let isFull = bytes + size > Self.windowBytesMax || item - start >= 16 * codecThreads
            if item > start, isFull || size > Self.smallBytesMax {
                windows.append(start..<item)
                (start, bytes) = (item, 0)
            }
            bytes += size
            if size > Self.smallBytesMax {
                windows.append(start..<item + 1)
                (start, bytes) = (item + 1, 0)
            }
        }
        if start < batch.count { windows.append(start..<batch.count) }
        return windows
    }
}

/// The items of one request.
private final class ReadBatch: Sendable {
    private enum Item: Sendable {
        case readable(OpenSignal, WireRead, bytes: Int)
        case failed(Failure)
    }

    private let handlers: RequestHandlers
    private let job: RequestJob
    private let sink: any ReplySink
    private let items: [Item]
    private let isAsReady: Bool

    init(
        _ handlers: RequestHandlers, _ job: RequestJob, _ sink: any ReplySink, _ many: WireReadMany
    ) {
        self.handlers = handlers
        self.job = job
        self.sink = sink
        isAsReady = many.asReady
        // A key that comes again is opened once: a batch of crops names few pictures often.
        var opened: [String: OpenSignal] = [:]
        items = many.items.map { item in
            do {
                let key = try SignalKey(item.key).text
                let signal = try opened[key] ?? handlers.catalog.open(key)
                opened[key] = signal
                let plan = try ReadPlan(
                    item.read, of: signal.record.manifest.description, pools: job.pools)
                return .readable(signal, item.read, bytes: plan.byteCount)
            } catch {
                return .failed(Failure(error).about(item.key))
            }
        }
    }

    var count: Int { items.count }

    func byteCount(_ item: Int) -> Int {
        if case .readable(_, _, let bytes) = items[item] { return bytes }
        return 0
    }

    /// Reads and sends a window; returns how many items failed.
    func run(_ window: Range<Int>, threads: Int) throws -> Int {
        if window.count == 1 { return try stream(window.lowerBound, threads) }
        let failed = Mutex(0)
        let sending = Mutex(())
        let done = Mutex<[Int: HeldItem]>([:])
        try parallel(window.count, threads: threads) { i in
            try job.context.check()
            let index = window.lowerBound + i
            let held = HeldItem(self.answer(index, threads: 1))
            if held.isFailure { failed.withLock { $0 += 1 } }
            if isAsReady {
                try sending.withLock { _ in try send(held, index) }
            } else {
                done.withLock { $0[index] = held }
            }
        }
        if !isAsReady {
            let all = done.withLock { $0 }
            for index in window { try send(all[index]!, index) }
        }
        return failed.withLock { $0 }
    }

    /// A small item's answer in memory, or why there is none.
    private func answer(_ index: Int, threads: Int) -> Result<(WireReply, [UInt8]), Failure> {
        let collector = CollectingSink()
        do {
            let last = try perform(index, collector, threads)
            guard collector.frames.withLock({ $0.isEmpty }) else {
                return .success(collector.joined(last))
            }
            return .success(last)
        } catch {
            return .failure(error)
        }
    }

    private func perform(
        _ index: Int, _ sink: any ReplySink, _ threads: Int
    ) throws(Failure) -> (WireReply, [UInt8]) {
        switch items[index] {
        case .failed(let failure): throw failure
        case .readable(let signal, let read, _):
            do {
                return try handlers.answer(signal, read, job, sink, threads: threads)
            } catch {
                throw Failure(error)
            }
        }
    }

    /// A large item, frame by frame.
    private func stream(_ index: Int, _ threads: Int) throws -> Int {
        do {
            let last = try perform(index, ItemSink(sink, index), threads)
            try send(HeldItem(.success(last)), index)
            return 0
        } catch let failure as Failure {
            try job.context.check()
            try send(HeldItem(.failure(failure)), index)
            return 1
        }
    }

    private func send(_ held: HeldItem, _ index: Int) throws {
        try held.body.withUnsafeBytes { body in
            var rest = body[...]
            // Frames of about 1 MiB, as everywhere; the description travels in the first.
            var reply = held.reply
            reply.samples.item = UInt32(index)
            reply.samples.itemLast = false
            while rest.count > WireLimits.chunkBytes {
                let part = rest.prefix(WireLimits.chunkBytes)
                try sink.send(reply, body: UnsafeRawBufferPointer(rebasing: part))
                rest = rest.dropFirst(part.count)
                reply.samples.clearDescription_p()
            }
            reply.samples.itemLast = true
            try sink.send(reply, body: UnsafeRawBufferPointer(rebasing: rest))
        }
    }
}

/// One item's answer, as it will be sent.
private struct HeldItem: Sendable {
    var reply = WireReply()
    var body: [UInt8] = []
    var isFailure = false

    init(_ result: Result<(WireReply, [UInt8]), Failure>) {
        switch result {
        case .success(let answer): (reply, body) = answer
        case .failure(let failure):
            isFailure = true
            reply.samples.itemStatus = failure.status.rawValue
            reply.samples.itemText = failure.text
        }
    }
}

/// Frames of one item on their way to the client.
private struct ItemSink: ReplySink {
    private let sink: any ReplySink
    private let item: UInt32

    init(_ sink: any ReplySink, _ index: Int) {
        self.sink = sink
        item = UInt32(index)
    }

    func send(_ reply: WireReply, body: UnsafeRawBufferPointer) throws {
        var reply = reply
        reply.samples.item = item
        try sink.send(reply, body: body)
    }
}

/// Keeps the frames of a small item until its turn.
private final class CollectingSink: ReplySink {
    let frames = Mutex<[(WireReply, [UInt8])]>([])

    func send(_ reply: WireReply, body: UnsafeRawBufferPointer) throws {
        frames.withLock { $0.append((reply, [UInt8](body))) }
    }

    /// All bodies in one, with the description of the first frame and the hash of the last.
    func joined(_ last: (WireReply, [UInt8])) -> (WireReply, [UInt8]) {
        let held = frames.withLock { $0 }
        var reply = held.first?.0 ?? last.0
        reply.samples.hashLow = last.0.samples.hashLow
        reply.samples.hashHigh = last.0.samples.hashHigh
        return (reply, held.flatMap { $0.1 } + last.1)
    }
}
