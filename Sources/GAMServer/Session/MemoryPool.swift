// Memory of a client that answers are written to instead of being sent.
//
// What always holds:
// - The memory cannot shrink while it is mapped (F_SEAL_SHRINK), so writing to it never faults; its
//   pages are there already, so writing to it takes no memory of the daemon's.
// - Nothing in it is ever read: a client may change it at any time.

import CLinux
import Glibc
import Synchronization

// @unchecked Sendable: the mapping is only written to, each request within its own range.
final class MemoryPool: @unchecked Sendable {
    let byteCount: Int
    private let base: UnsafeMutableRawPointer

    /// Takes the descriptor over, and closes it.
    init(descriptor: Int32, byteCount: Int) throws(Failure) {
        defer { close(descriptor) }
        var mapped: UnsafeMutableRawPointer?
        let status = clinux_map_pool(descriptor, byteCount, &mapped)
        guard status == 0, let mapped else {
            switch -status {
            case EPERM:
                throw Failure(.badRequest, "seal the pool with F_SEAL_SHRINK before attaching it")
            case ENODATA:
                throw Failure(
                    .badRequest,
                    "fill the pool's \(byteCount) bytes (fallocate) before attaching it")
            default:
                throw Failure(
                    .badRequest, "the descriptor is no memory of \(byteCount) bytes (memfd)")
            }
        }
        self.byteCount = byteCount
        base = mapped
    }

    deinit { munmap(base, byteCount) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset >= 0 && bytes.count <= byteCount - offset, "inside the pool")
        guard let from = bytes.baseAddress else { return }
        (base + offset).copyMemory(from: from, byteCount: bytes.count)
    }
}

/// Where the body of one answer goes.
struct PoolRange {
    let pool: MemoryPool
    let range: Range<Int>
}

/// The pools of one connection.
final class MemoryPools: Sendable {
    private static let countMax = 4
    static let bytesMax = 4 << 30
    private let pools = Mutex<[MemoryPool]>([])

    func pool(_ number: UInt32) -> MemoryPool? {
        pools.withLock { $0.indices.contains(Int(number) - 1) ? $0[Int(number) - 1] : nil }
    }

    /// The number of the new pool. Takes the descriptor over.
    func attach(descriptor: Int32, bytes: UInt64) throws(Failure) -> UInt32 {
        guard let count = Int(exactly: bytes), count > 0, count <= Self.bytesMax else {
            close(descriptor)
            throw Failure(.badRequest, "a pool has 1 to \(Self.bytesMax) bytes, not \(bytes)")
        }
        let isFull = pools.withLock { pools in
            pools.count >= Self.countMax
                || pools.reduce(count) { $0 + $1.byteCount } > Self.bytesMax
        }
        guard !isFull else {
            close(descriptor)
            throw Failure(
                .tooLarge,
                "a connection has at most \(Self.countMax) pools of \(Self.bytesMax) bytes together"
            )
        }
        let pool = try MemoryPool(descriptor: descriptor, byteCount: count)
        return pools.withLock { pools in
            pools.append(pool)
            return UInt32(pools.count)
        }
    }
}
