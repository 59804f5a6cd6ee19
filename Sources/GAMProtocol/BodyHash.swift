// XXH3-128 over body bytes as they pass, the check value of every long transfer.

import CXXHash

/// A hash value as the wire carries it: two 64-bit halves.
public struct BodyHash: Hashable, Sendable {
    public let low: UInt64
    public let high: UInt64

    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// Hashes a stream of bytes piece by piece.
public struct BodyHasher: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = XXH3_createState() else { fatalError("out of memory for a hash state") }
        XXH3_128bits_reset(state)
        self.state = state
    }

    deinit { XXH3_freeState(state) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        XXH3_128bits_update(state, base, bytes.count)
    }

    /// The hash of everything so far; more may follow.
    public func value() -> BodyHash {
        let hash = XXH3_128bits_digest(state)
        return BodyHash(low: hash.low64, high: hash.high64)
    }
}
