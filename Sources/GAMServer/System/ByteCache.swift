// A cache with a budget in bytes: what was used longest ago goes first.
//
// What always holds:
// - The costs of all entries together are at most the budget; what costs more than a quarter of
//   it is not kept, so that one large thing does not drive out everything else.
// - Finding and keeping take constant time.

import Synchronization

/// What a cache tells of itself.
struct CacheCounts: Sendable {
    var hits = 0
    var misses = 0
    var bytes = 0
}

protocol CacheFigures: Sendable {
    var figures: CacheCounts { get }
}

final class ByteCache<Key: Hashable & Sendable, Value: Sendable>: CacheFigures {
    private struct Entry {
        let key: Key
        let value: Value
        let cost: Int
        var older: Int
        var newer: Int
    }

    /// A doubly linked list in an array; -1 ends it.
    private struct State {
        var slots: [Entry?] = []
        var free: [Int] = []
        var places: [Key: Int] = [:]
        var oldest = -1
        var newest = -1
        var counts = CacheCounts()
    }

    private let budget: Int
    private let state = Mutex(State())

    init(budget: Int) { self.budget = budget }

    var figures: CacheCounts { state.withLock { $0.counts } }

    /// Whether something of this cost would be kept.
    func takes(cost: Int) -> Bool { cost <= budget / 4 }

    subscript(key: Key) -> Value? {
        state.withLock { state in
            guard let place = state.places[key], let entry = state.slots[place] else {
                state.counts.misses += 1
                return nil
            }
            state.counts.hits += 1
            Self.unlink(place, &state)
            Self.link(place, &state)
            return entry.value
        }
    }

    func insert(_ value: Value, for key: Key, cost: Int) {
        guard takes(cost: cost) else { return }
        state.withLock { state in
            if let place = state.places[key] { Self.remove(place, &state) }
            while state.counts.bytes + cost > budget, state.oldest >= 0 {
                Self.remove(state.oldest, &state)
            }
            let place: Int
            let entry = Entry(key: key, value: value, cost: cost, older: -1, newer: -1)
            if let slot = state.free.popLast() {
                place = slot
                state.slots[place] = entry
            } else {
                place = state.slots.count
                state.slots.append(entry)
            }
            state.places[key] = place
            state.counts.bytes += cost
            Self.link(place, &state)
        }
    }

    /// Puts a place at the new end.
    private static func link(_ place: Int, _ state: inout State) {
        state.slots[place]?.older = state.newest
        state.slots[place]?.newer = -1
        if state.newest >= 0 { state.slots[state.newest]?.newer = place }
        state.newest = place
        if state.oldest < 0 { state.oldest = place }
    }

    private static func unlink(_ place: Int, _ state: inout State) {
        guard let entry = state.slots[place] else { return }
        if entry.older >= 0 {
            state.slots[entry.older]?.newer = entry.newer
        } else {
            state.oldest = entry.newer
        }
        if entry.newer >= 0 {
            state.slots[entry.newer]?.older = entry.older
        } else {
            state.newest = entry.older
        }
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
