// A server on a temporary folder and socket, and clients that speak frames by hand.

import CLinux
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Glibc
import Logging
import Testing

enum Backend: String, CaseIterable, CustomTestStringConvertible {
    case memory, rocksDB
    var testDescription: String { rawValue }
}

/// Removed with everything in it when it goes.
final class TemporaryFolder {
    let path: String

    init() throws {
        // Socket paths are short: the name has to be, too.
        path = NSTemporaryDirectory() + "gam-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

final class TestServer {
    let folder: TemporaryFolder
    let server: Server
    var socketPath: String { folder.path + "/s" }
    var statePath: String { folder.path + "/state" }

    init(
        _ backend: Backend = .memory, in folder: TemporaryFolder? = nil,
        adapters: any SignalAdapters = NoAdapters(), store: (any ShardStore)? = nil,
        _ configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        self.folder = try folder ?? TemporaryFolder()
        var settings = ServerConfiguration()
        settings.store.path = self.folder.path + "/state"
        settings.socket.path = self.folder.path + "/s"
        settings.refit.enabled = false
        settings.limits.freeBytesMin = 0
        configure(&settings)
        var options = Server.Options(settings)
        options.isInMemory = backend == .memory
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        if let store {
            server = try Server(options, adapters: adapters, log: log) { _ in store }
        } else {
            server = try Server(options, adapters: adapters, log: log)
        }
        try server.start()
    }

    deinit { server.stop() }

    func client() throws -> Client { try Client(path: socketPath) }
    func channel() throws -> RawChannel { try RawChannel(path: socketPath) }
}

/// A client that sends any bytes it likes.
final class RawChannel {
    let descriptor: Int32
    private var decoder = FrameDecoder()
    private var unread: [UInt8] = []

    init(path: String) throws {
        descriptor = clinux_connect(path)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: -descriptor) ?? .EIO) }
    }

    deinit { Glibc.close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                clinux_send(descriptor, $0.baseAddress, $0.count, nil, 0)
            }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ id: UInt32, _ request: WireRequest, body: [UInt8] = []) throws {
        send(try Self.frame(id, request, body: body))
    }

    static func frame(_ id: UInt32, _ request: WireRequest, body: [UInt8] = []) throws -> [UInt8] {
        let metadata: [UInt8] = try request.serializedBytes()
        return FrameHeader(
            requestID: id, metadataBytes: metadata.count, bodyBytes: body.count
        ).serialized() + metadata + body
    }

    /// The next reply; nil when the server has closed the connection or says nothing for 10 s.
    func receive() throws -> (id: UInt32, reply: WireReply, body: [UInt8])? {
        var result: (id: UInt32, reply: WireReply, body: [UInt8])?
        while true {
            if unread.isEmpty, !fill() { return nil }
            let input = unread
            let (taken, event) = try input.withUnsafeBytes { try decoder.consume($0) }
            unread.removeFirst(taken)
            switch event {
            case .none: continue
            case .frame(let header, let metadata):
                let reply = try WireReply(serializedBytes: metadata)
                result = (header.requestID, reply, [])
                if header.bodyBytes == 0 { return result }
            case .body(let count, let isEnd):
                result?.body += input[(taken - count)..<taken]
                if isEnd { return result }
            }
        }
    }

    /// Whether the server closes the connection within `seconds`, whatever it still sends.
    func isClosed(within seconds: Int) -> Bool {
        let end = clinux_milliseconds() + Int64(seconds) * 1000
        while clinux_milliseconds() < end {
            if clinux_wait(descriptor, Int16(POLLIN), 100) == 0 { continue }
            var byte = [UInt8](repeating: 0, count: 1 << 16)
            if recv(descriptor, &byte, byte.count, 0) <= 0 { return true }
        }
        return false
    }

    private func fill() -> Bool {
        guard clinux_wait(descriptor, Int16(POLLIN), 10_000) > 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        unread += bytes[..<count]
        return true
    }
}

/// A small picture-like signal.
struct TestSignal {
    let extents: [Int]
    let channels: Int
    let bytes: [UInt8]

    /// - Parameter seed: other seeds, other samples.
    init(_ extents: [Int], channels: Int = 1, seed: Int = 0) {
        self.extents = extents
        self.channels = channels
        let count = extents.reduce(channels, *)
        bytes = (0..<count).map { index in
            UInt8(truncatingIfNeeded: index / 3 &+ seed &* 17 &+ (index &* index >> 7))
        }
    }

    /// Samples that do not shrink.
    init(noise extents: [Int], seed: UInt64) {
        self.extents = extents
        channels = 1
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        bytes = (0..<extents.reduce(1, *)).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }

    var description: WireDescription {
        var description = WireDescription()
        description.axes = extents.map { extent in
            var axis = WireAxis()
            axis.extent = UInt64(extent)
            return axis
        }
        description.channels = [UInt32](repeating: 0, count: channels)
        description.bits = 8
        return description
    }

    /// What a region at a level must be, the slow way.
    func samples(region: [Range<Int>], level: Int) -> [UInt8] {
        let step = 1 << level
        var result: [UInt8] = []
        func walk(_ axis: Int, _ offset: Int) {
            if axis == extents.count {
                result += bytes[(offset * channels)..<((offset + 1) * channels)]
                return
            }
            for position in region[axis] where position % step == 0 {
                walk(axis + 1, offset * extents[axis] + position)
            }
        }
        walk(0, 0)
        return result
    }
}

extension Client {
    @discardableResult
    func put(
        _ key: String, _ signal: TestSignal, mustNotExist: Bool = false,
        pieceBytes: Int = 100_000, shard: [Int] = []
    ) throws -> WirePutResult {
        var options = PutOptions()
        options.shardExtents = shard
        options.samples = signal.description
        options.mustNotExist = mustNotExist
        return try put(key, options, bytes: signal.bytes, pieceBytes: pieceBytes)
    }

    func put(
        _ key: String, _ options: PutOptions, bytes: [UInt8], pieceBytes: Int = 100_000
    ) throws -> WirePutResult {
        var offset = 0
        return try put(key, options) {
            guard offset < bytes.count else { return nil }
            let piece = Array(bytes[offset..<min(bytes.count, offset + pieceBytes)])
            offset += piece.count
            return piece
        }
    }

    func samples(
        _ key: String, region: [Range<Int>] = [], level: Int = 0, format: String = "raw"
    ) throws -> [UInt8] {
        try samples(key) {
            $0.region = region.map { WireInterval($0.lowerBound, $0.upperBound) }
            $0.level = Int32(level)
            $0.format = format
        }
    }

    func samples(_ key: String, _ ask: (inout WireRead) -> Void) throws -> [UInt8] {
        var wanted = WireRead()
        ask(&wanted)
        var bytes: [UInt8] = []
        _ = try read(key, wanted) { bytes += $0 }
        return bytes
    }

    func keys(_ prefix: String = "") throws -> [String] {
        var keys: [String] = []
        try list(prefix: prefix) { keys.append($0.key) }
        return keys
    }
}

func request(_ key: String = "", _ operation: WireRequest.OneOf_Operation) -> WireRequest {
    var request = WireRequest()
    request.key = key
    request.operation = operation
    return request
}

/// A PutBegin for samples.
func beginRequest(_ key: String, _ signal: TestSignal) -> WireRequest {
    var begin = WirePutBegin()
    begin.samples = signal.description
    return request(key, .putBegin(begin))
}

/// The status a call fails with, nil when it succeeds.
func status(_ body: () throws -> Void) -> Status? {
    do {
        try body()
        return nil
    } catch {
        return (error as? ClientError)?.status ?? .failed
    }
}
