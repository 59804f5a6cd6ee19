// The packets between host and worker: one kind byte, then fields in the order of the writer.
// What always holds:
// - A reader takes nothing on trust: lengths are checked against what is left of the packet.
// - Both ends are of one version: the first packet carries `workerProtocol`, another one is refused.

import CGAMPlugin
import CLinux

/// Changes with every change of a packet.
package let workerProtocol: UInt32 = 3

package enum PacketKind: UInt8 {
    // Host to worker.
    case load = 1
    case probe, decode, encode
    /// The host has read a slot.
    case slotFree
    /// The host has filled a slot.
    case slotFilled
    // Worker to host.
    case ready = 65
    case probed, opened
    /// The worker has filled a slot.
    case filled
    /// The worker has taken a slot.
    case taken
    case done, failed, log
}

/// A packet that is not what its kind promises.
package struct MalformedPacket: Error {}

package struct PacketWriter {
    package private(set) var bytes: [UInt8]

    package init(_ kind: PacketKind) {
        bytes = [kind.rawValue]
        bytes.reserveCapacity(1024)
    }

    package mutating func number<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func blob(_ value: some Collection<UInt8>) {
        number(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func text(_ value: String) { blob(value.utf8) }

    /// At most `limit` bytes of a text, whole characters.
    package mutating func text(_ value: String, limit: Int) {
        var short = value
        while short.utf8.count > limit { short.removeLast() }
        text(short)
    }

    package mutating func table(_ values: [String: String]) {
        number(UInt32(values.count))
        for (key, value) in values {
            text(key)
            text(value)
        }
    }

    package mutating func description(_ value: gam_description) {
        withUnsafeBytes(of: value) { blob($0) }
    }

    var fits: Bool { bytes.count <= Int(CLINUX_PACKET_BYTES_MAX) }
}

package struct PacketReader {
    package let kind: PacketKind
    private let bytes: [UInt8]
    private var at = 1

    package init(_ bytes: [UInt8]) throws(MalformedPacket) {
        guard let first = bytes.first, let kind = PacketKind(rawValue: first) else {
            throw MalformedPacket()
        }
        self.kind = kind
        self.bytes = bytes
    }

    package mutating func number<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(MalformedPacket) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count - at >= size else { throw MalformedPacket() }
        let value = bytes.withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: Value.self))
        }
        at += size
        return value
    }

    package mutating func blob() throws(MalformedPacket) -> ArraySlice<UInt8> {
        let count = Int(try number(UInt32.self))
        guard count <= bytes.count - at else { throw MalformedPacket() }
        at += count
        return bytes[at - count..<at]
    }

    package mutating func text() throws(MalformedPacket) -> String {
        String(decoding: try blob(), as: UTF8.self)
    }

    package mutating func table() throws(MalformedPacket) -> [String: String] {
        var values: [String: String] = [:]
        for _ in 0..<(try number(UInt32.self)) {
            let key = try text()
            values[key] = try text()
        }
        return values
    }

    package mutating func description() throws(MalformedPacket) -> gam_description {
        let blob = try blob()
        guard blob.count == MemoryLayout<gam_description>.size else { throw MalformedPacket() }
        return blob.withUnsafeBytes { $0.loadUnaligned(as: gam_description.self) }
    }
}
