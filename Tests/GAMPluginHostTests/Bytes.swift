// Building blocks of the files that tests write by hand.

/// A sequence of bytes being written.
struct Bytes {
    var array: [UInt8] = []

    mutating func text(_ text: String) { array += Array(text.utf8) }

    mutating func little(_ value: Int, _ count: Int) {
        for byte in 0..<count { array.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }

    mutating func big(_ value: Int, _ count: Int) {
        for byte in (0..<count).reversed() {
            array.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
        }
    }

    /// A RIFF chunk, padded to an even length.
    mutating func riffChunk(_ name: String, _ body: [UInt8]) {
        text(name)
        little(body.count, 4)
        array += body + (body.count % 2 == 1 ? [0] : [])
    }

    /// An IFF chunk (AIFF), padded to an even length.
    mutating func iffChunk(_ name: String, _ body: [UInt8]) {
        text(name)
        big(body.count, 4)
        array += body + (body.count % 2 == 1 ? [0] : [])
    }

    /// A PNG chunk with its CRC.
    mutating func pngChunk(_ name: String, _ body: [UInt8]) {
        big(body.count, 4)
        let checked = Array(name.utf8) + body
        array += checked
        big(Int(Self.crc32(checked)), 4)
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~crc
    }
}

/// Bytes that reverse every element of `size` bytes.
func swapped(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
    stride(from: 0, to: bytes.count, by: size).flatMap { bytes[$0..<$0 + size].reversed() }
}
