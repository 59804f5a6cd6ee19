// Canonical sample bytes <-> planes of ordered 32-bit integers.
//
// What always holds here:
// - The mapping is one to one on every container value, so recall is exact for NaN payloads, -0
//   and infinities too.
// - Order is kept: a larger sample is a larger integer (floats by IEEE 754 totalOrder).

/// Channel planes of a shard, each in C order: [channel][point].
package enum SampleMapping {
    /// IEEE 754 bits as an ordered signed integer: negative numbers run backwards.
    @inline(__always)
    static func ordered(_ bits: Int32) -> Int32 { bits ^ ((bits >> 31) & 0x7fff_ffff) }
    @inline(__always)
    static func ordered(_ bits: Int16) -> Int16 { bits ^ ((bits >> 15) & 0x7fff) }

    @inline(__always)
    private static func spread<T>(
        _ bytes: UnsafeRawPointer, _ channels: Int, _ points: Int,
        _ planes: UnsafeMutablePointer<Int32>, as: T.Type, _ map: (T) -> Int32
    ) {
        let size = MemoryLayout<T>.size
        for c in 0..<channels {
            var from = bytes + c * size
            let to = planes + c * points
            for i in 0..<points {
                to[i] = map(from.loadUnaligned(as: T.self))
                from += channels * size
            }
        }
    }

    /// Canonical bytes of `points` points into planes.
    package static func load(
        _ bytes: UnsafeRawPointer, _ type: SampleType, channels: Int, points: Int,
        into p: UnsafeMutablePointer<Int32>
    ) {
        switch (type.containerBytes, type.family) {
        case (1, .unsigned): spread(bytes, channels, points, p, as: UInt8.self) { Int32($0) }
        case (1, _): spread(bytes, channels, points, p, as: Int8.self) { Int32($0) }
        case (2, .unsigned): spread(bytes, channels, points, p, as: UInt16.self) { Int32($0) }
        case (2, .signed): spread(bytes, channels, points, p, as: Int16.self) { Int32($0) }
        case (2, .float):
            spread(bytes, channels, points, p, as: Int16.self) { Int32(ordered($0)) }
        case (_, .unsigned):
            spread(bytes, channels, points, p, as: UInt32.self) {
                Int32(bitPattern: $0 ^ 0x8000_0000)
            }
        case (_, .signed): spread(bytes, channels, points, p, as: Int32.self) { $0 }
        case (_, .float): spread(bytes, channels, points, p, as: Int32.self) { ordered($0) }
        }
    }

    @inline(__always)
    private static func gather<T>(
        _ planes: UnsafePointer<Int32>, _ channels: Int, _ points: Int,
        _ bytes: UnsafeMutableRawPointer, as: T.Type, _ map: (Int32) -> T
    ) {
        let size = MemoryLayout<T>.size
        for c in 0..<channels {
            let from = planes + c * points
            var to = bytes + c * size
            for i in 0..<points {
                to.storeBytes(of: map(from[i]), as: T.self)
                to += channels * size
            }
        }
    }

    /// The opposite of `load`. Values outside the container lose their high bits; the hash of the
    /// shard tells.
    package static func store(
        _ p: UnsafePointer<Int32>, _ type: SampleType, channels: Int, points: Int,
        into bytes: UnsafeMutableRawPointer
    ) {
        switch (type.containerBytes, type.family) {
        case (1, _):
            gather(p, channels, points, bytes, as: UInt8.self) { UInt8(truncatingIfNeeded: $0) }
        case (2, .float):
            gather(p, channels, points, bytes, as: Int16.self) {
                ordered(Int16(truncatingIfNeeded: $0))
            }
        case (2, _):
            gather(p, channels, points, bytes, as: UInt16.self) { UInt16(truncatingIfNeeded: $0) }
        case (_, .unsigned):
            gather(p, channels, points, bytes, as: UInt32.self) {
                UInt32(bitPattern: $0) ^ 0x8000_0000
            }
        case (_, .signed): gather(p, channels, points, bytes, as: Int32.self) { $0 }
        case (_, .float): gather(p, channels, points, bytes, as: Int32.self) { ordered($0) }
        }
    }
}
