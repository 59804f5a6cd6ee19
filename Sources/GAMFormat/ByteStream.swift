// Reading and writing bytes of records. The only place that touches raw bytes of the format.
//
// What always holds here:
// - A reader never reads past its end and never trusts a length: it throws FormatError instead.
// - Integers are little endian; counts are LEB128 varints of at most 10 bytes.

/// Why bytes are not what they should be.
public enum FormatError: Error, Equatable, CustomStringConvertible {
    case truncated(String)
    case malformed(String)
    case version(String, found: Int)
    case checksum(String)

    public var description: String {
        switch self {
        case .truncated(let what): "\(what) ends too early"
        case .malformed(let what): "\(what) is malformed"
        case .version(let what, let found):
            "\(what) has format version \(found), this program reads version 1: update gamd"
        case .checksum(let what): "\(what) does not match its checksum"
        }
    }
}

/// Grows a byte array field by field.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func u8(_ v: UInt8) { bytes.append(v) }

    package mutating func fixed<T: FixedWidthInteger>(_ v: T) {
        withUnsafeBytes(of: v.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func varint(_ v: UInt64) {
        var rest = v
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func count(_ v: Int) { varint(UInt64(v)) }

    package mutating func zigzag(_ v: Int64) { varint(UInt64(bitPattern: (v << 1) ^ (v >> 63))) }

    package mutating func raw(_ v: some Sequence<UInt8>) { bytes.append(contentsOf: v) }

    package mutating func text(_ v: String) {
        count(v.utf8.count)
        raw(v.utf8)
    }

    package mutating func double(_ v: Double) { fixed(v.bitPattern) }
}

/// Reads fields of a byte array, checking every one.
package struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var at: Int
    /// What the bytes are, for error texts.
    package let what: String

    package init(_ bytes: [UInt8], what: String) {
        self.bytes = bytes[...]
        self.what = what
        at = 0
    }

    package var remaining: Int { bytes.count - at }

    package mutating func raw(_ count: Int) throws(FormatError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw .truncated(what) }
        defer { at += count }
        return bytes[at..<at + count]
    }

    package mutating func u8() throws(FormatError) -> UInt8 { try raw(1).first! }

    package mutating func fixed<T: FixedWidthInteger>(_ type: T.Type) throws(FormatError) -> T {
        let slice = try raw(MemoryLayout<T>.size)
        return slice.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(as: T.self)) }
    }

    package mutating func varint() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try u8()
            if shift == 63 && byte > 1 { throw .malformed(what) }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw .malformed(what)
    }

    /// A count of at most `most`.
    package mutating func count(max most: Int) throws(FormatError) -> Int {
        let value = try varint()
        guard value <= UInt64(most) else { throw .malformed(what) }
        return Int(value)
    }

    package mutating func zigzag() throws(FormatError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    package mutating func text(max most: Int) throws(FormatError) -> String {
        let length = try count(max: most)
        guard let text = String(validating: try raw(length), as: UTF8.self) else {
            throw .malformed(what)
        }
        return text
    }

    package mutating func double() throws(FormatError) -> Double {
        Double(bitPattern: try fixed(UInt64.self))
    }

    package mutating func rest() -> ArraySlice<UInt8> {
        defer { at = bytes.count }
        return bytes[at...]
    }

    package func end() throws(FormatError) {
        guard remaining == 0 else { throw .malformed(what) }
    }
}

/// Bits, most significant first, for small tables of numbers.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var used = 0

    mutating func bit(_ v: Bool) {
        if used % 8 == 0 { bytes.append(0) }
        if v { bytes[bytes.count - 1] |= 0x80 >> UInt8(used % 8) }
        used += 1
    }

    mutating func bits(_ v: UInt64, _ count: Int) {
        for i in stride(from: count - 1, through: 0, by: -1) { bit(v >> UInt64(i) & 1 == 1) }
    }

    /// Rice code: quotient in unary (at most 40 ones, then 36 plain bits), remainder in `k` bits.
    mutating func rice(_ v: Int64, _ k: Int) {
        let z = UInt64(bitPattern: (v << 1) ^ (v >> 63))
        let quotient = z >> UInt64(k)
        guard quotient < 40 else {
            for _ in 0..<40 { bit(true) }
            bits(z, 36)
            return
        }
        for _ in 0..<quotient { bit(true) }
        bit(false)
        bits(z & ((1 << UInt64(k)) - 1), k)
    }

    /// Bits `values` would take with parameter `k`.
    static func riceCost(_ values: [Int64], _ k: Int) -> Int {
        values.reduce(0) { sum, v in
            let quotient = UInt64(bitPattern: (v << 1) ^ (v >> 63)) >> UInt64(k)
            return sum + (quotient < 40 ? Int(quotient) + 1 + k : 76)
        }
    }
}

struct BitReader {
    private let bytes: ArraySlice<UInt8>
    private var at = 0
    private let what: String

    init(_ bytes: ArraySlice<UInt8>, what: String) {
        self.bytes = bytes
        self.what = what
    }

    mutating func bit() throws(FormatError) -> Bool {
        guard at / 8 < bytes.count else { throw .truncated(what) }
        defer { at += 1 }
        return bytes[bytes.startIndex + at / 8] & (0x80 >> UInt8(at % 8)) != 0
    }

    mutating func bits(_ count: Int) throws(FormatError) -> UInt64 {
        var v: UInt64 = 0
        for _ in 0..<count { v = v << 1 | (try bit() ? 1 : 0) }
        return v
    }

    mutating func rice(_ k: Int) throws(FormatError) -> Int64 {
        var quotient: UInt64 = 0
        while quotient < 40, try bit() { quotient += 1 }
        let z = quotient == 40 ? try bits(36) : quotient << UInt64(k) | (try bits(k))
        return Int64(bitPattern: z >> 1) ^ -Int64(bitPattern: z & 1)
    }
}

/// A list of numbers in Rice code with its own parameter.
enum NumberTable {
    static func write(_ values: [Int64], to bits: inout BitWriter) {
        let k = (0..<28).min { BitWriter.riceCost(values, $0) < BitWriter.riceCost(values, $1) }!
        bits.bits(UInt64(k), 5)
        for v in values { bits.rice(v, k) }
    }

    static func read(_ count: Int, from bits: inout BitReader) throws(FormatError) -> [Int64] {
        let k = Int(try bits.bits(5))
        var values: [Int64] = []
        for _ in 0..<count { values.append(try bits.rice(k)) }
        return values
    }
}
