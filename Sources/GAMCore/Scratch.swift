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
    let landscapes: UnsafeMutablePointer<gam_landscapes>
    let values: UnsafeMutablePointer<Int32>
    let known: UnsafeMutablePointer<UInt8>
    /// Values with their lower bits zero, where those are coded alone.
    let floors: UnsafeMutablePointer<Int32>

    init() {
        batch = Self.zeroed(gam_batch.self)
        landscapes = Self.zeroed(gam_landscapes.self)
        values = .allocate(capacity: Self.stride)
        values.initialize(repeating: 0, count: Self.stride)
        floors = .allocate(capacity: Self.stride)
        floors.initialize(repeating: 0, count: Self.stride)
        known = .allocate(capacity: Self.stride)
        known.initialize(repeating: 0, count: Self.stride)
    }

    /// Origins of the batch's landscapes.
    var base: UnsafePointer<Int32> {
        UnsafeRawPointer(batch).advanced(by: MemoryLayout<gam_batch>.offset(of: \.base)!)
            .assumingMemoryBound(to: Int32.self)
    }

    private static func zeroed<T>(_ type: T.Type) -> UnsafeMutablePointer<T> {
        let size = MemoryLayout<T>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        return memory.bindMemory(to: T.self, capacity: 1)
    }

    deinit {
        batch.deallocate()
        landscapes.deallocate()
        values.deallocate()
        known.deallocate()
        floors.deallocate()
    }
}
