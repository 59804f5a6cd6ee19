// XXH3-128 of canonical bytes as they stream by.

import CXXHash
import GAMFormat

/// Hashes bytes piece by piece.
public struct ContentHasher: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = XXH3_createState() else { preconditionFailure("out of memory") }
        XXH3_128bits_reset(state)
        self.state = state
    }

    deinit { XXH3_freeState(state) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    public func finish() -> ContentHash {
        let hash = XXH3_128bits_digest(state)
        return ContentHash(low: hash.low64, high: hash.high64)
    }
}
