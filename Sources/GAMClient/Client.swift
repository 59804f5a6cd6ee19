// A client of the daemon: one call at a time, blocking. Errors are ClientError.
//
// What always holds: every long body is checked against its hash, and its length against what was
// announced, before a call returns.

import GAMProtocol

public final class Client {
    /// How a put is made.
    public struct PutOptions {
        public var fileName = ""
        /// Empty: found by content and name.
        public var adapter = ""
        public var effort = 0
        /// "", "S", "M" or "L".
        public var networkSize = ""
        public var shardExtents: [Int] = []
        /// How many lower bits of every sample are stored apart; 0 for none.
        public var lowerBits = 0
        /// Whether figures of small cells are kept.
        public var cells = false
        public var settings: [String: String] = [:]
        public var mustNotExist = false
        /// Set: the bytes are canonical samples of this description.
        public var samples: WireDescription?

        public init() {}
    }

    /// Called with what is going on, how far it is (0...1), and the bytes it moves, 0 if unknown.
    public typealias Progress = (_ phase: String, _ fraction: Double, _ bytes: UInt64) -> Void

    private let channel: FrameChannel
    private var lastID: UInt32 = 0

    public init(path: String) throws(ClientError) {
        channel = try FrameChannel(path: path)
    }

    public func hello(_ name: String) throws -> WireHelloResult {
        var request = WireRequest()
        request.hello.client = name
        request.hello.protocolMax = UInt32(WireLimits.protocolVersion)
        return try call(request).hello
    }

    /// Stores a signal. `next` gives the bytes of the file piece by piece, nil at the end.
    public func put(
        _ key: String, _ options: PutOptions, progress: Progress? = nil,
        next: () throws -> [UInt8]?
    ) throws -> WirePutResult {
        var request = WireRequest()
        request.key = key
        request.progress = progress != nil
        request.putBegin = try Self.begin(options)
        let id = newID()
        try channel.send(id, request)
        var hasher = BodyHasher()
        var data = WireRequest()
        data.putData = WirePutData()
        while let piece = try next() {
            if piece.isEmpty { continue }
            // The daemon refuses early, for example a file that is too large.
            if channel.hasInput, let early = try receiveOne(id, progress) { return early.put }
            try piece.withUnsafeBytes { bytes in
                hasher.update(bytes)
                try channel.send(id, data, body: bytes)
            }
        }
        var commit = WireRequest()
        commit.putCommit.hasHash_p = true
        commit.putCommit.bodyHashLow = hasher.value().low
        commit.putCommit.bodyHashHigh = hasher.value().high
        try channel.send(id, commit)
        return try answer(id, progress).put
    }

    private static func begin(_ options: PutOptions) throws -> WirePutBegin {
        var begin = WirePutBegin()
        begin.fileName = options.fileName
        begin.adapter = options.adapter
        begin.effort = UInt32(clamping: options.effort)
        begin.networkSize = options.networkSize
        begin.shardExtents = options.shardExtents.map { UInt32(clamping: $0) }
        begin.lowerBits = UInt32(clamping: options.lowerBits)
        begin.cells = options.cells
        begin.options = options.settings
        begin.mustNotExist = options.mustNotExist
        if let samples = options.samples { begin.samples = samples }
        return begin
    }

    /// Gets a whole signal. `format`: empty for its own file format, "npy" or "raw".
    public func get(
        _ key: String, format: String = "", progress: Progress? = nil,
        into write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> WireSamplesResult {
        var request = WireRequest()
        request.key = key
        request.get.format = format
        return try receiveBody(request, progress, write)
    }

    /// Reads samples as `read` describes: region, level, filter, bits.
    public func read(
        _ key: String, _ read: WireRead, progress: Progress? = nil,
        into write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> WireSamplesResult {
        var request = WireRequest()
        request.key = key
        request.read = read
        return try receiveBody(request, progress, write)
    }

    public func stat(_ key: String, energy: Bool = false) throws -> WireStatResult {
        var request = WireRequest()
        request.key = key
        request.stat.energy = energy
        return try call(request).stat
    }

    /// Calls `body` with every signal whose key starts with `prefix`, in order. A page with damaged
    /// entries is reported through `warning` and the listing goes on.
    public func list(
        prefix: String, warning: (String) -> Void = { _ in },
        _ body: (WireStatResult) throws -> Void
    ) throws {
        var cursor = ""
        repeat {
            var request = WireRequest()
            request.list.prefix = prefix
            request.list.cursor = cursor
            let reply = try call(request, acceptsPartial: true)
            if reply.status != 0 { warning(reply.text) }
            for signal in reply.list.signals { try body(signal) }
            cursor = reply.list.cursor
        } while !cursor.isEmpty
    }

    public func delete(_ key: String) throws {
        var request = WireRequest()
        request.key = key
        request.delete = WireDelete()
        _ = try call(request)
    }

    /// Recalls every sample and compares the content hash.
    public func verify(_ key: String, progress: Progress? = nil) throws -> WireVerifyResult {
        var request = WireRequest()
        request.key = key
        request.progress = progress != nil
        request.verify = WireVerify()
        return try call(request, progress: progress).verify
    }

    public func jobs() throws -> [WireJob] { try jobReport().jobs }

    public func plugins() throws -> [WirePlugin] {
        var request = WireRequest()
        request.plugins = WirePlugins()
        return try call(request).plugins.plugins
    }

    // MARK: Frames

    private func newID() -> UInt32 {
        lastID = lastID == .max ? 1 : lastID + 1
        return lastID
    }

    func call(
        _ request: WireRequest, progress: Progress? = nil, acceptsPartial: Bool = false
    ) throws -> WireReply {
        let id = newID()
        try channel.send(id, request)
        return try answer(id, progress, acceptsPartial: acceptsPartial)
    }

    private func answer(
        _ id: UInt32, _ progress: Progress?, acceptsPartial: Bool = false
    ) throws -> WireReply {
        while true {
            if let last = try receiveOne(id, progress, acceptsPartial: acceptsPartial) {
                return last
            }
        }
    }

    /// Receives one frame; the reply if it is the last one of the request.
    private func receiveOne(
        _ id: UInt32, _ progress: Progress?, acceptsPartial: Bool = false
    ) throws -> WireReply? {
        var last: WireReply?
        try channel.receive { replyID, reply in
            try Self.check(replyID, id, reply, acceptsPartial: acceptsPartial)
            if case .progress(let value) = reply.result {
                progress?(value.phase, value.fraction, 0)
            }
            if reply.last { last = reply }
        } body: { _ in
            throw ClientError(.protocolError, "the daemon sent a body where none belongs")
        }
        return last
    }

    private static func check(
        _ replyID: UInt32, _ id: UInt32, _ reply: WireReply, acceptsPartial: Bool
    ) throws(ClientError) {
        let isPartial = reply.status == Status.partial.rawValue && acceptsPartial
        guard reply.status == 0 || isPartial else { throw ClientError(reply) }
        guard replyID == id else {
            throw ClientError(.protocolError, "the daemon answered request \(replyID), not \(id)")
        }
    }

    func receiveBody(
        _ request: WireRequest, body: [UInt8] = [], _ progress: Progress?,
        _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> WireSamplesResult {
        let id = newID()
        try body.withUnsafeBytes { try channel.send(id, request, body: $0) }
        var first: WireSamplesResult?
        var last: WireSamplesResult?
        var received: UInt64 = 0
        var hasher = BodyHasher()
        while last == nil {
            try channel.receive { replyID, reply in
                try Self.check(replyID, id, reply, acceptsPartial: false)
                if first == nil { first = reply.samples }
                if reply.last { last = reply.samples }
            } body: { bytes in
                received += UInt64(bytes.count)
                hasher.update(bytes)
                try write(bytes)
                let total = first?.totalBytes ?? 0
                if total > 0 { progress?("receive", Double(received) / Double(total), total) }
            }
        }
        guard let first, let last, received == first.totalBytes,
            hasher.value() == BodyHash(low: last.hashLow, high: last.hashHigh)
        else {
            throw ClientError(.integrity, "the bytes that came are not those the daemon sent")
        }
        return first
    }
}

extension FrameChannel {
    func send(_ id: UInt32, _ request: WireRequest) throws {
        try send(id, request, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
