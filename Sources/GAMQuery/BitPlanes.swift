// The most significant planes of samples: lower ones become zero.
//
// What always holds: an answer is never above its sample, and at most `errorMax` below it - for
// floats counted in representable values, because planes are those of the ordered integers.

import GAMCore

public struct BitPlanes: Sendable {
    private let type: SampleType
    private let dropped: Int
    /// Planes that stay.
    public var kept: Int { type.bits - dropped }

    /// - Parameter kept: 1 to the bits of the type; all of them leaves samples as they are.
    public init(kept: Int, of type: SampleType) throws(QueryError) {
        guard (1...type.bits).contains(kept) else {
            throw QueryError(
                "\(kept) bits of samples that have \(type.bits); ask for 1 to \(type.bits)")
        }
        self.type = type
        dropped = type.bits - kept
    }

    public var errorMax: Double { Double((UInt64(1) << UInt64(dropped)) - 1) }

    /// Clears the lower planes of canonical bytes.
    public func clear(_ bytes: UnsafeMutableRawBufferPointer) {
        guard dropped > 0 else { return }
        switch (type.containerBytes, type.family == .float) {
        case (1, _): mask(bytes.bindMemory(to: UInt8.self), ~((1 << UInt8(dropped)) &- 1))
        case (2, false): mask(bytes.bindMemory(to: UInt16.self), ~((1 << UInt16(dropped)) &- 1))
        case (_, false): mask(bytes.bindMemory(to: UInt32.self), ~((1 << UInt32(dropped)) &- 1))
        case (2, true): maskOrdered(bytes.bindMemory(to: Int16.self))
        case (_, true): maskOrdered(bytes.bindMemory(to: Int32.self))
        }
    }

    private func mask<T: FixedWidthInteger>(_ samples: UnsafeMutableBufferPointer<T>, _ kept: T) {
        for i in samples.indices { samples[i] &= kept }
    }

    /// Negative floats run backwards: their bits are inverted, but for the sign, around the mask.
    private func maskOrdered<T: FixedWidthInteger & SignedInteger>(
        _ samples: UnsafeMutableBufferPointer<T>
    ) {
        let kept = ~((T(1) << T(dropped)) &- 1)
        for i in samples.indices {
            let flip = (samples[i] >> T(T.bitWidth - 1)) & T.max
            let ordered = (samples[i] ^ flip) & kept
            samples[i] = ordered ^ ((ordered >> T(T.bitWidth - 1)) & T.max)
        }
    }
}
