// What always holds here:
// - Types that fill their container hold any bytes; the others are checked sample by sample.

import GAMCore

/// Whether canonical bytes fit the declared bits of their type.
enum SampleRange {
    static func holds(_ bytes: UnsafeRawBufferPointer, _ type: SampleType) -> Bool {
        guard type.family != .float, type.bits != type.containerBytes * 8 else { return true }
        let bits = type.bits
        switch (type.containerBytes, type.family) {
        case (1, .unsigned): return unsigned(bytes, UInt8.self, bits)
        case (2, .unsigned): return unsigned(bytes, UInt16.self, bits)
        case (_, .unsigned): return unsigned(bytes, UInt32.self, bits)
        case (1, _): return signed(bytes, Int8.self, bits)
        case (2, _): return signed(bytes, Int16.self, bits)
        default: return signed(bytes, Int32.self, bits)
        }
    }

    private static func unsigned<Value: FixedWidthInteger & UnsignedInteger>(
        _ bytes: UnsafeRawBufferPointer, _ type: Value.Type, _ bits: Int
    ) -> Bool {
        var seen: Value = 0
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.size) {
            seen |= Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        return seen >> Value(bits) == 0
    }

    private static func signed<Value: FixedWidthInteger & SignedInteger>(
        _ bytes: UnsafeRawBufferPointer, _ type: Value.Type, _ bits: Int
    ) -> Bool {
        // A value fits when all bits from the sign bit of the declared width upward are equal:
        // x ^ (x >> all) clears them.
        var seen: Value = 0
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.size) {
            let value = Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
            seen |= value ^ (value >> Value(Value.bitWidth - 1))
        }
        return seen >> Value(bits - 1) == 0
    }
}
