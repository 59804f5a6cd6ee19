// Names of things in a store. A name that exists is within the limits; `init` throws otherwise.

/// The id of an immutable blob: 1...64 bytes, chosen by the caller, never used twice.
public struct BlobID: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) throws(StoreError) {
        try checkLimit(bytes.count, 1...StoreLimits.blobIDBytesMax, "bytes of a blob id")
        self.bytes = bytes
    }

    public var description: String { "blob \(hexadecimal(bytes))" }
}

extension BlobID: Comparable {
    public static func < (left: BlobID, right: BlobID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// A partition: an ordered set of keys with a generation of its own. 1...64 bytes of UTF-8.
public struct PartitionName: Hashable, Sendable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) throws(StoreError) {
        let limit = 1...StoreLimits.partitionNameBytesMax
        try checkLimit(name.utf8.count, limit, "bytes of a partition name")
        self.name = name
    }

    public var description: String { "partition \"\(name)\"" }
}

/// Names one attempt to commit; 16 random bytes, so that ids of different clients never meet.
public struct TransactionID: Hashable, Sendable, CustomStringConvertible {
    public static let byteCount = 16
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) throws(StoreError) {
        try checkLimit(bytes.count, Self.byteCount...Self.byteCount, "bytes of a transaction id")
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    public static func random() -> TransactionID {
        var generator = SystemRandomNumberGenerator()
        return TransactionID(
            unchecked: (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    public var description: String { "transaction \(hexadecimal(bytes))" }
}

func checkLimit(_ actual: Int, _ allowed: ClosedRange<Int>, _ what: String) throws(StoreError) {
    guard allowed.contains(actual) else {
        throw .limitExceeded(what: what, actual: actual, allowed: allowed)
    }
}

func checkKey(_ key: [UInt8]) throws(StoreError) {
    try checkLimit(key.count, 1...StoreLimits.keyBytesMax, "bytes of a key")
}

/// Bytes as text for messages: readable ASCII as it is, anything else in hexadecimal.
func readable(_ bytes: [UInt8]) -> String {
    guard bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return hexadecimal(bytes) }
    return "\"" + String(decoding: bytes, as: UTF8.self) + "\""
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: text, as: UTF8.self)
}
