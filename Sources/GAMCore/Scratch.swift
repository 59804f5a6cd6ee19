// Working memory of recall, allocated once and used for many shards.
//
// What always holds here: buffers are zeroed when made, so vector reads past the end of a run see
// initialised memory; each belongs to one thread at a time.

import CGAMKernels

/// A zeroed array of 32-bit integers that frees itself.
final class Buffer {
    private(set) var count = 0
    private(set) var pointer: UnsafeMutablePointer<Int32>

    init() { pointer = .allocate(capacity: 1) }
    deinit { pointer.deallocate() }

    /// Room for `wanted` elements; contents are lost when it grows.
    func reserve(_ wanted: Int) -> UnsafeMutablePointer<Int32> {
        if wanted > count {
            pointer.deallocate()
            pointer = .allocate(capacity: wanted)
            pointer.initialize(repeating: 0, count: wanted)
            count = wanted
        }
        return pointer
    }
}

/// Everything the coders need besides planes.
final class BatchScratch {
    static let batchMax = GAM_BATCH_MAX
    private static let stride = GAM_BATCH_STRIDE

    let batch: UnsafeMutablePointer<gam_batch>
    let landscapes: UnsafeMutablePointer<gam_landscape>
    let values: UnsafeMutablePointer<Int32>
    let known: UnsafeMutablePointer<UInt8>

    init() {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<gam_batch>.size, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<gam_batch>.size)
        batch = memory.bindMemory(to: gam_batch.self, capacity: 1)
        landscapes = .allocate(capacity: Self.stride)
        values = .allocate(capacity: Self.stride)
        values.initialize(repeating: 0, count: Self.stride)
        known = .allocate(capacity: Self.stride)
        known.initialize(repeating: 0, count: Self.stride)
    }

    deinit {
        batch.deallocate()
        landscapes.deallocate()
        values.deallocate()
        known.deallocate()
    }
}
