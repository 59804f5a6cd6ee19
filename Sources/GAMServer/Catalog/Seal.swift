// The check value behind everything the catalog keeps: records, attachments, entries.
//
//   bytes ... | XXH3 of (name, bytes), low 64 bits, little endian
//
// What always holds: bytes are lent only if they are those that were written under this very name.
// A record says which shard it is, not of which signal; its seal, made over the blob's id, does.
// So a record that comes from another signal, or from an older write of the same one, is damage.

import GAMProtocol

enum Seal {
    static let byteCount = 8

    static func closed(_ bytes: [UInt8], for name: [UInt8]) -> [UInt8] {
        let value = bytes.withUnsafeBytes { check($0, name) }
        return bytes + withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// The bytes without their seal; nil when the seal is not theirs.
    static func opened(_ sealed: UnsafeRawBufferPointer, for name: [UInt8]) -> [UInt8]? {
        guard sealed.count >= byteCount else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: sealed.dropLast(byteCount))
        let seal = sealed.loadUnaligned(fromByteOffset: bytes.count, as: UInt64.self)
        return check(bytes, name) == UInt64(littleEndian: seal) ? [UInt8](bytes) : nil
    }

    static func opened(_ sealed: [UInt8], for name: [UInt8]) -> [UInt8]? {
        sealed.withUnsafeBytes { opened($0, for: name) }
    }

    private static func check(_ bytes: UnsafeRawBufferPointer, _ name: [UInt8]) -> UInt64 {
        var hasher = BodyHasher()
        name.withUnsafeBytes { hasher.update($0) }
        hasher.update(bytes)
        return hasher.value().low
    }
}
