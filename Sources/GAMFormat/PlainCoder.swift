// The floor under the network: a general-purpose coder for what no network should touch.
//
// What always holds here: `unpack` gives exactly `count` bytes or throws; its memory is bounded by
// the count the caller already knows.
//
// Text, palettes and repeated patterns are strings, not surfaces: zstd finds the repetition that a
// network with a neighbourhood of three cannot see.

import CZstd
import GAMCore

/// How packed bytes were prepared for zstd.
package enum PlainMethod: UInt8, Sendable, CaseIterable {
    /// Canonical bytes as they are.
    case bytes = 0
    /// Differences to the point before, container by container, low bytes of all first.
    case shuffledDifferences = 1
}

package enum PlainCoder {
    /// The smallest packing of canonical bytes, or nil if none is smaller than `limit` bytes.
    package static func pack(
        _ bytes: UnsafeRawBufferPointer, channels: Int, container: Int, level: Int, limit: Int
    ) -> (PlainMethod, [UInt8])? {
        var best: (PlainMethod, [UInt8])?
        for method in PlainMethod.allCases {
            let packed: [UInt8]
            switch method {
            case .bytes: packed = compress(bytes, level)
            case .shuffledDifferences:
                packed = differences(bytes, channels, container).withUnsafeBytes {
                    compress($0, level)
                }
            }
            if packed.count < best?.1.count ?? limit { best = (method, packed) }
        }
        return best
    }

    package static func unpack(
        _ packed: [UInt8], _ method: PlainMethod, channels: Int, container: Int, count: Int
    ) throws(FormatError) -> [UInt8] {
        let plain = [UInt8](unsafeUninitializedCapacity: count) { out, used in
            let result = ZSTD_decompress(out.baseAddress, count, packed, packed.count)
            used = ZSTD_isError(result) != 0 ? 0 : result
        }
        guard plain.count == count else { throw .malformed("packed record") }
        switch method {
        case .bytes: return plain
        case .shuffledDifferences: return integrate(plain, channels, container)
        }
    }

    /// `count` bytes out of a zstd frame that holds just these.
    package static func inflated(_ packed: [UInt8], count: Int) throws(FormatError) -> [UInt8] {
        try unpack(packed, .bytes, channels: 1, container: 1, count: count)
    }

    package static func compress(_ bytes: UnsafeRawBufferPointer, _ level: Int) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { out, used in
            let result = ZSTD_compress(
                out.baseAddress, bound, bytes.baseAddress, bytes.count, Int32(level))
            precondition(ZSTD_isError(result) == 0, "zstd refused to compress")
            used = result
        }
    }

    private static func value(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ container: Int)
        -> UInt32
    {
        switch container {
        case 1: UInt32(bytes[at])
        case 2: UInt32(bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
        default: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
        }
    }

    private static func differences(
        _ bytes: UnsafeRawBufferPointer, _ channels: Int, _ container: Int
    ) -> [UInt8] {
        let samples = bytes.count / container
        var out = [UInt8](repeating: 0, count: bytes.count)
        for i in 0..<samples {
            let before = i < channels ? 0 : value(bytes, (i - channels) * container, container)
            let d = value(bytes, i * container, container) &- before
            for k in 0..<container {
                out[k * samples + i] = UInt8(truncatingIfNeeded: d >> UInt32(8 * k))
            }
        }
        return out
    }

    private static func integrate(_ shuffled: [UInt8], _ channels: Int, _ container: Int)
        -> [UInt8]
    {
        let samples = shuffled.count / container
        var out = [UInt8](repeating: 0, count: shuffled.count)
        out.withUnsafeMutableBytes { to in
            for i in 0..<samples {
                var d: UInt32 = 0
                for k in 0..<container {
                    d |= UInt32(shuffled[k * samples + i]) << UInt32(8 * k)
                }
                if i >= channels {
                    d &+= value(UnsafeRawBufferPointer(to), (i - channels) * container, container)
                }
                for k in 0..<container {
                    to[i * container + k] = UInt8(truncatingIfNeeded: d >> UInt32(8 * k))
                }
            }
        }
        return out
    }
}
