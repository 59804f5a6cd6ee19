// Turns a stream of bytes, cut anywhere, into frames. Pure: no socket, no clock.
//
// What always holds:
// - Memory grows only with bytes that have arrived: a header that lies about sizes costs nothing.
// - Bodies pass through in pieces; the decoder keeps none of them.
// - After an error the decoder accepts nothing more: the stream has lost its frame boundaries.

public struct FrameDecoder: Sendable {
    public enum Event: Equatable, Sendable {
        /// The bytes were taken; no event is complete yet.
        case none
        /// Header and metadata are complete. `bodyBytes` of the header follow as `.body` events.
        case frame(FrameHeader, metadata: [UInt8])
        /// The last `count` consumed bytes belong to the body; `isEnd` when the body is complete.
        case body(count: Int, isEnd: Bool)
    }

    private enum Phase: Sendable {
        case header
        case metadata(FrameHeader)
        case body(remaining: Int)
        case failed(FrameError)
    }

    private var phase = Phase.header
    private var held: [UInt8] = []

    public init() {}

    /// Nothing of a frame has arrived yet.
    public var isBetweenFrames: Bool {
        if case .header = phase { return held.isEmpty }
        return false
    }

    /// A body is arriving (as opposed to a header or metadata).
    public var isInBody: Bool {
        if case .body = phase { return true }
        return false
    }

    /// Takes bytes from the front of `input` up to the next event.
    /// - Returns: how many bytes were taken (0 only for empty input), and the event they made.
    public mutating func consume(
        _ input: UnsafeRawBufferPointer
    ) throws(FrameError) -> (consumed: Int, event: Event) {
        switch phase {
        case .failed(let error):
            throw error
        case .header:
            return try consumeHeader(input)
        case .metadata(let header):
            return consumeMetadata(header, input)
        case .body(let remaining):
            let count = min(remaining, input.count)
            let isEnd = count == remaining
            phase = isEnd ? .header : .body(remaining: remaining - count)
            return (count, count == 0 ? .none : .body(count: count, isEnd: isEnd))
        }
    }

    private mutating func consumeHeader(
        _ input: UnsafeRawBufferPointer
    ) throws(FrameError) -> (consumed: Int, event: Event) {
        let count = min(WireLimits.headerBytes - held.count, input.count)
        held.append(contentsOf: input[..<count])
        guard held.count == WireLimits.headerBytes else { return (count, .none) }
        do {
            let header = try FrameHeader(parsing: held)
            held.removeAll(keepingCapacity: true)
            phase = .metadata(header)
            guard header.metadataBytes == 0 else { return (count, .none) }
            return (count, complete(header))
        } catch {
            phase = .failed(error)
            throw error
        }
    }

    private mutating func consumeMetadata(
        _ header: FrameHeader, _ input: UnsafeRawBufferPointer
    ) -> (consumed: Int, event: Event) {
        let count = min(header.metadataBytes - held.count, input.count)
        held.append(contentsOf: input[..<count])
        guard held.count == header.metadataBytes else { return (count, .none) }
        return (count, complete(header))
    }

    private mutating func complete(_ header: FrameHeader) -> Event {
        let metadata = held
        held = []
        phase = header.bodyBytes == 0 ? .header : .body(remaining: header.bodyBytes)
        return .frame(header, metadata: metadata)
    }
}
