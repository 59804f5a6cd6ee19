// Whether the peer of a socket takes anything at all.

import CLinux
import Glibc

/// Waits for room on a socket; false when the peer took no byte in that time. A Unix socket tells of
/// room only once most of its buffer is free, which takes a peer of 4 KiB/s longer than a stall may.
func isTakingBytes(_ socket: Int32, within milliseconds: Int32) -> Bool {
    let before = clinux_unsent(socket)
    if clinux_wait(socket, Int16(POLLOUT), milliseconds) > 0 { return true }
    return clinux_unsent(socket) < before
}
