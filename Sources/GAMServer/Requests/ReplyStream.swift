// A long body on its way to the client, in frames of about 1 MiB.
// What always holds:
// - The first frame tells what and how much follows, the last one the hash of all body bytes.
// - Exactly the announced number of bytes is sent, or the request fails.
// - A body for a client's pool is written there; one frame tells of it.

import GAMProtocol

final class ReplyStream {
    private let sink: any ReplySink
    private let context: RequestContext
    private let totalBytes: Int
    private var first: WireSamplesResult?
    private var sent = 0
    private var held: [UInt8] = []
    private var hasher = BodyHasher()
    private let target: PoolRange?

    /// - Parameter first: what the bodies hold; `totalBytes` is filled in.
    init(
        _ sink: any ReplySink, _ context: RequestContext, first: WireSamplesResult, totalBytes: Int,
        target: PoolRange? = nil
    ) {
        self.target = target
        self.sink = sink
        self.context = context
        self.totalBytes = totalBytes
        var first = first
        first.totalBytes = UInt64(totalBytes)
        self.first = first
        if target == nil { held.reserveCapacity(min(totalBytes, WireLimits.chunkBytes)) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try context.check()
        guard bytes.count <= totalBytes - sent - held.count else {
            throw Failure(.failed, "more than the announced \(totalBytes) bytes came out")
        }
        hasher.update(bytes)
        if let target {
            target.pool.write(bytes, at: target.range.lowerBound + sent)
            sent += bytes.count
            return
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            // A full buffer goes out only when more follows: the last frame carries the rest.
            if held.count == WireLimits.chunkBytes { try flush() }
            let part = rest.prefix(WireLimits.chunkBytes - held.count)
            held.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
        }
    }

    /// The last frame with what is left of the body.
    func finish() throws -> (WireReply, [UInt8]) {
        guard sent + held.count == totalBytes else {
            let text = "only \(sent + held.count) of the announced \(totalBytes) bytes came out"
            throw Failure(.failed, text)
        }
        var result = first ?? WireSamplesResult()
        result.hashLow = hasher.value().low
        result.hashHigh = hasher.value().high
        var reply = WireReply()
        reply.samples = result
        return (reply, held)
    }

    private func flush() throws {
        var reply = WireReply()
        reply.samples = first ?? WireSamplesResult()
        first = nil
        try held.withUnsafeBytes { try sink.send(reply, body: $0) }
        sent += held.count
        held.removeAll(keepingCapacity: true)
    }
}
