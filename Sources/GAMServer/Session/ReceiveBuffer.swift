// The bytes a connection has received and not yet looked at.
// What always holds: a connection that rests holds one page of it at most.

import CLinux
import Glibc

final class ReceiveBuffer {
    /// What a resting connection may keep: requests without a body fit in.
    private static let restingBytes = 4 << 10
    let bytes: UnsafeMutableRawBufferPointer
    private var touched = 0

    init(byteCount: Int) {
        bytes = .allocate(byteCount: byteCount, alignment: 4096)
    }

    deinit { bytes.deallocate() }

    /// So many bytes of it have been written to.
    func used(_ count: Int) { touched = max(touched, count) }

    /// Whether it holds more than a resting connection may keep.
    var isFull: Bool { touched > Self.restingBytes }

    /// Gives back what a long body has filled.
    func rest() {
        guard isFull, let base = bytes.baseAddress else { return }
        clinux_release_pages(base + Self.restingBytes, touched - Self.restingBytes)
        touched = Self.restingBytes
    }
}
