// Canonical sample bytes as numbers.
//
// What always holds: every sample of every type is a Double exactly; NaN stays NaN.

package enum SampleValues {
    @inline(__always)
    private static func spread<T>(
        _ bytes: UnsafeRawPointer, _ count: Int, _ out: UnsafeMutablePointer<Double>, as: T.Type,
        _ value: (T) -> Double
    ) {
        for i in 0..<count {
            out[i] = value((bytes + i * MemoryLayout<T>.size).loadUnaligned(as: T.self))
        }
    }

    /// Samples in their order, channels innermost.
    package static func load(
        _ bytes: UnsafeRawPointer, _ type: SampleType, count: Int,
        into out: UnsafeMutablePointer<Double>
    ) {
        switch (type.containerBytes, type.family) {
        case (1, .unsigned): spread(bytes, count, out, as: UInt8.self) { Double($0) }
        case (1, _): spread(bytes, count, out, as: Int8.self) { Double($0) }
        case (2, .unsigned): spread(bytes, count, out, as: UInt16.self) { Double($0) }
        case (2, .signed): spread(bytes, count, out, as: Int16.self) { Double($0) }
        case (2, .float): spread(bytes, count, out, as: Float16.self) { Double($0) }
        case (_, .unsigned): spread(bytes, count, out, as: UInt32.self) { Double($0) }
        case (_, .signed): spread(bytes, count, out, as: Int32.self) { Double($0) }
        case (_, .float): spread(bytes, count, out, as: Float.self) { Double($0) }
        }
    }

    package static func load(_ bytes: UnsafeRawBufferPointer, _ type: SampleType) -> [Double] {
        let count = bytes.count / type.containerBytes
        return [Double](unsafeUninitializedCapacity: count) { out, used in
            if let from = bytes.baseAddress, let to = out.baseAddress {
                load(from, type, count: count, into: to)
            }
            used = count
        }
    }
}
