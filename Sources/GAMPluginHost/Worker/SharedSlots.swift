// The memory that host and worker share: slots, some being filled while others are read.
// What always holds:
// - Nobody can shrink it, so that reading it never faults.
// - The host copies out of it before it checks anything: the worker may write at any time.

import CLinux
import Glibc

package final class SharedSlots {
    package static let count = 4
    /// One second-level cache of today's processors; larger slots were not faster.
    package static let slotBytes = 1 << 20

    private let slots: [UnsafeMutableRawBufferPointer]

    /// Maps the slots behind `descriptor` (borrowed), with a page before and after each of them
    /// that faults on access. Nil when memory is short.
    package init?(mapping descriptor: Int32) {
        var slots: [UnsafeMutableRawBufferPointer] = []
        for index in 0..<Self.count {
            guard
                let start = clinux_map_guarded(descriptor, index * Self.slotBytes, Self.slotBytes)
            else { break }
            slots.append(UnsafeMutableRawBufferPointer(start: start, count: Self.slotBytes))
        }
        self.slots = slots
        guard slots.count == Self.count else { return nil }
    }

    deinit {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        for slot in slots {
            munmap(slot.baseAddress! - page, slot.count + 2 * page)
        }
    }

    package subscript(index: Int) -> UnsafeMutableRawBufferPointer { slots[index] }

    /// The last `count` bytes of a slot: what is written beyond them meets the guard page.
    func tail(of index: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: slots[index][(Self.slotBytes - count)...])
    }

    /// New memory for slots: its descriptor, or the negated errno.
    package static func make() -> Int32 {
        clinux_shared_memory("gamd-slots", count * slotBytes)
    }
}
