// A cache with a budget in bytes that a scan does not empty: S3-FIFO (Yang and others, SOSP 2023).
//
// What always holds:
// - The costs of all entries together are at most the budget; what costs more than a quarter of
//   it is not kept, so that one large thing does not drive out everything else.
// - Finding and keeping take constant time, on average.
// - New entries pass a trial queue of a tenth of the budget; only what is asked for again there, or
//   soon after it had to go, reaches the main queue. Reading a whole large signal once therefore
//   drives out at most that tenth.

import Synchronization

/// What a cache tells of itself.
package struct CacheCounts: Sendable {
    package var hits = 0
    package var misses = 0
    package var bytes = 0
}

package protocol CacheFigures: Sendable {
    var figures: CacheCounts { get }
}

package final class ByteCache<Key: Hashable & Sendable, Value: Sendable>: CacheFigures {
    private struct Entry {
        let key: Key
        let value: Value
        let cost: Int
        var isMain: Bool
        /// How often it was asked for since it came, or since it was spared; at most 3.
        var hits = 0
        var older = -1
        var newer = -1
    }

    /// A doubly linked list in the slots; -1 ends it.
    private struct Line {
        var oldest = -1
        var newest = -1
        var bytes = 0
        var count = 0
    }

    private struct State {
        var slots: [Entry?] = []
        var free: [Int] = []
        var places: [Key: Int] = [:]
        var trial = Line()
        var main = Line()
        var ghosts = GhostList<Key>()
        var counts = CacheCounts()
    }

    private let budget: Int
    private let state = Mutex(State())

    package init(budget: Int) { self.budget = budget }

    package var figures: CacheCounts { state.withLock { $0.counts } }

    /// Whether something of this cost would be kept.
    func takes(cost: Int) -> Bool { cost <= budget / 4 }

    package subscript(key: Key) -> Value? {
        state.withLock { state in
            guard let place = state.places[key], let entry = state.slots[place] else {
                state.counts.misses += 1
                return nil
            }
            state.counts.hits += 1
            state.slots[place]!.hits = min(3, entry.hits + 1)
            return entry.value
        }
    }

    package func insert(_ value: Value, for key: Key, cost: Int) {
        guard takes(cost: cost) else { return }
        state.withLock { state in
            var isMain = state.ghosts.remove(key)
            if let place = state.places[key], let old = state.slots[place] {
                isMain = old.isMain
                Self.remove(place, &state)
            }
            while state.counts.bytes + cost > budget { evict(&state) }
            let entry = Entry(key: key, value: value, cost: cost, isMain: isMain)
            let place = state.free.popLast() ?? state.slots.count
            if place == state.slots.count {
                state.slots.append(entry)
            } else {
                state.slots[place] = entry
            }
            state.places[key] = place
            state.counts.bytes += cost
            Self.link(place, isMain: isMain, &state)
        }
    }

    /// Makes some room; there is at least one entry.
    private func evict(_ state: inout State) {
        if state.trial.count > 0, state.trial.bytes > budget / 10 || state.main.count == 0 {
            let place = state.trial.oldest
            guard let entry = state.slots[place] else { return }
            if entry.hits > 0 {
                Self.move(place, hits: 0, &state)
            } else {
                Self.remove(place, &state)
                state.ghosts.add(entry.key, most: max(64, state.places.count))
            }
        } else {
            let place = state.main.oldest
            guard let entry = state.slots[place] else { return }
            if entry.hits > 0 {
                Self.move(place, hits: entry.hits - 1, &state)
            } else {
                Self.remove(place, &state)
            }
        }
    }

    /// To the new end of the main queue.
    private static func move(_ place: Int, hits: Int, _ state: inout State) {
        unlink(place, &state)
        state.slots[place]!.isMain = true
        state.slots[place]!.hits = hits
        link(place, isMain: true, &state)
    }

    private static func link(_ place: Int, isMain: Bool, _ state: inout State) {
        var line = isMain ? state.main : state.trial
        state.slots[place]!.older = line.newest
        state.slots[place]!.newer = -1
        if line.newest >= 0 { state.slots[line.newest]!.newer = place }
        line.newest = place
        if line.oldest < 0 { line.oldest = place }
        line.bytes += state.slots[place]!.cost
        line.count += 1
        if isMain { state.main = line } else { state.trial = line }
    }

    private static func unlink(_ place: Int, _ state: inout State) {
        guard let entry = state.slots[place] else { return }
        var line = entry.isMain ? state.main : state.trial
        if entry.older >= 0 {
            state.slots[entry.older]!.newer = entry.newer
        } else {
            line.oldest = entry.newer
        }
        if entry.newer >= 0 {
            state.slots[entry.newer]!.older = entry.older
        } else {
            line.newest = entry.older
        }
        line.bytes -= entry.cost
        line.count -= 1
        if entry.isMain { state.main = line } else { state.trial = line }
    }

    private static func remove(_ place: Int, _ state: inout State) {
        guard let entry = state.slots[place] else { return }
        unlink(place, &state)
        state.slots[place] = nil
        state.free.append(place)
        state.places[entry.key] = nil
        state.counts.bytes -= entry.cost
    }
}

/// Keys of what had to leave the trial queue, the oldest forgotten first.
private struct GhostList<Key: Hashable> {
    private var stamps: [Key: Int] = [:]
    private var order: [(key: Key, stamp: Int)] = []
    private var first = 0
    private var clock = 0

    mutating func remove(_ key: Key) -> Bool { stamps.removeValue(forKey: key) != nil }

    mutating func add(_ key: Key, most: Int) {
        clock += 1
        stamps[key] = clock
        order.append((key, clock))
        while stamps.count > most, first < order.count {
            let oldest = order[first]
            first += 1
            if stamps[oldest.key] == oldest.stamp { stamps[oldest.key] = nil }
        }
        // Forgotten ones, and ones that came back, leave their places in the line.
        if order.count > 4 * max(64, stamps.count) {
            order = order[first...].filter { stamps[$0.key] == $0.stamp }
            first = 0
        }
    }
}
