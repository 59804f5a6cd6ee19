// The frame: 24 bytes of header, then metadata (a protobuf message), then a raw body.
//
//   0  4  magic "GAM1"          12  4  request id
//   4  1  version, 1            16  8  bytes of the body
//   5  1  flags, 0              24     metadata, then body
//   6  2  descriptors, 0 or 1
//   8  4  bytes of metadata, at most 1 MiB          (little endian)
//
// What always holds: a FrameHeader that exists is within WireLimits.

/// Bounds of the wire that both sides keep; the daemon states its own in Hello.
public enum WireLimits {
    public static let protocolVersion: UInt8 = 1
    public static let headerBytes = 24
    public static let metadataBytesMax = 1 << 20
    /// Body of one frame. Bodies are streamed on both sides, never held whole.
    public static let bodyBytesMax = 64 << 20
    /// Body bytes of one frame that peers of this package send.
    public static let chunkBytes = 1 << 20
    /// Signals in one List reply: 128 of the largest StatResult (about 2 KiB) stay far below 1 MiB.
    public static let listCountMax = 128
    public static let keyBytesMax = 512
}

/// Why bytes are not a frame. After any of these the stream has no known frame boundary any more.
public enum FrameError: Error, Equatable, CustomStringConvertible {
    case magic([UInt8])
    case version(UInt8)
    case flags(UInt8)
    case descriptors(UInt16)
    case metadataTooLarge(UInt32)
    case bodyTooLarge(UInt64)

    public var description: String {
        switch self {
        case .magic(let bytes):
            "a frame begins with \"GAM1\", not with bytes \(bytes); is this the socket of gamd?"
        case .version(let version):
            "frame version \(version) is not supported; use version \(WireLimits.protocolVersion)"
        case .flags(let flags):
            "frame flags \(flags) are not known; send 0"
        case .descriptors(let count):
            "a frame carries at most one descriptor, not \(count)"
        case .metadataTooLarge(let count):
            "frame metadata of \(count) bytes; at most \(WireLimits.metadataBytesMax) are allowed"
        case .bodyTooLarge(let count):
            "frame body of \(count) bytes; send at most \(WireLimits.bodyBytesMax) in one frame"
        }
    }
}

public struct FrameHeader: Equatable, Sendable {
    public let requestID: UInt32
    public let metadataBytes: Int
    public let bodyBytes: Int
    /// Descriptors that travel with the frame's first byte.
    public let descriptors: Int

    /// Traps outside WireLimits: what we send is ours to keep small.
    public init(requestID: UInt32, metadataBytes: Int, bodyBytes: Int, descriptors: Int = 0) {
        precondition((0...WireLimits.metadataBytesMax).contains(metadataBytes), "metadata size")
        precondition((0...WireLimits.bodyBytesMax).contains(bodyBytes), "body size")
        self.requestID = requestID
        self.metadataBytes = metadataBytes
        self.bodyBytes = bodyBytes
        self.descriptors = descriptors
    }

    /// Reads the 24 bytes of a peer.
    public init(parsing bytes: [UInt8]) throws(FrameError) {
        precondition(bytes.count == WireLimits.headerBytes, "a header has 24 bytes")
        guard bytes.starts(with: Self.magic) else { throw .magic(Array(bytes[..<4])) }
        guard bytes[4] == WireLimits.protocolVersion else { throw .version(bytes[4]) }
        guard bytes[5] == 0 else { throw .flags(bytes[5]) }
        let descriptors = UInt16(Self.integer(bytes[6..<8]))
        guard descriptors <= 1 else { throw .descriptors(descriptors) }
        let metadata = UInt32(Self.integer(bytes[8..<12]))
        guard metadata <= WireLimits.metadataBytesMax else { throw .metadataTooLarge(metadata) }
        let body = Self.integer(bytes[16..<24])
        guard body <= UInt64(WireLimits.bodyBytesMax) else { throw .bodyTooLarge(body) }
        requestID = UInt32(Self.integer(bytes[12..<16]))
        metadataBytes = Int(metadata)
        bodyBytes = Int(body)
        self.descriptors = Int(descriptors)
    }

    public func serialized() -> [UInt8] {
        var bytes = Self.magic
        bytes += [WireLimits.protocolVersion, 0, UInt8(descriptors), 0]
        bytes += Self.bytes(UInt64(metadataBytes), count: 4)
        bytes += Self.bytes(UInt64(requestID), count: 4)
        bytes += Self.bytes(UInt64(bodyBytes), count: 8)
        return bytes
    }

    static let magic = Array("GAM1".utf8)

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
