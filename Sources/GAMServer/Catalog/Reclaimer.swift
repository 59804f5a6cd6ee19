// Deletes blobs that no signal names any more, once nobody reads them.
//
// What always holds:
// - A space is deleted only after the commit that dropped it, and only while nothing pins it.
// - Its marker in the store goes after its blobs: a crash in between repeats the deletion.
// - The marker of a sweep goes in the commit that marks what the sweep has found.

import GAMStore
import Logging

package final class Reclaimer: Sendable {
    private struct State {
        var pins: [BlobSpace: Int] = [:]
        /// Dropped spaces with the store key that remembers them.
        var queue: [BlobSpace: [UInt8]] = [:]
        var isSweepWanted = false
        var isStopping = false
        var isRunning = false
    }

    private let store: any ShardStore
    private let partition: PartitionName
    private let log: Logger
    private let state = Monitor(State())

    package init(store: any ShardStore, log: Logger) throws {
        self.store = store
        self.log = log
        partition = try PartitionName(CatalogKeys.partitionName)
    }

    /// Queues what an earlier run left behind: writes that never committed, spaces not yet deleted.
    package func recover() throws {
        for prefix in [CatalogKeys.pendingPrefix, CatalogKeys.reclaimPrefix] {
            var after: [UInt8]?
            while true {
                let page = try store.scan(partition, prefix: prefix, after: after, limit: 1_000)
                for entry in page.entries {
                    guard let space = CatalogKeys.space(of: entry.key) else { continue }
                    add(space, marker: entry.key)
                }
                after = page.entries.last?.key
                if page.isLast || after == nil { break }
            }
        }
        if try store.value(partition, CatalogKeys.sweep) != nil { sweep() }
    }

    /// Starts the thread that deletes.
    package func start() {
        state.withLock { $0.isRunning = true }
        guard startThread(named: "gamd-reclaim", run) else {
            state.withLock { $0.isRunning = false }
            return log.error("no thread for reclaiming blobs; their space is freed at a restart")
        }
    }

    /// Ends the thread; what is queued stays marked in the store for the next start.
    package func stop() {
        state.withLock { $0.isStopping = true }
        _ = state.wait { $0.isRunning ? nil : true }
    }

    package func add(_ space: BlobSpace, marker: [UInt8]) {
        state.withLock { $0.queue[space] = marker }
    }

    /// Looks soon for blobs that nothing names; the store's "o" key remembers it over a restart.
    package func sweep() {
        state.withLock { $0.isSweepWanted = true }
    }

    /// Keeps the blobs of these spaces until the returned object is released.
    package func pin(_ spaces: [BlobSpace]) -> PinnedSpaces {
        state.withLock(waking: .none) { state in
            for space in spaces { state.pins[space, default: 0] += 1 }
        }
        return PinnedSpaces(spaces: spaces, reclaimer: self)
    }

    fileprivate func unpin(_ spaces: [BlobSpace]) {
        // Hardly any read ends as the last one of a space that is to go: waking the thread for each
        // would cost small reads a tenth of their time.
        let isWork = state.withLock(waking: .none) { state -> Bool in
            var isWork = false
            for space in spaces {
                let count = (state.pins[space] ?? 1) - 1
                state.pins[space] = count == 0 ? nil : count
                isWork = isWork || (count == 0 && state.queue[space] != nil)
            }
            return isWork
        }
        if isWork { state.wake() }
    }

    /// Waits until nothing is queued that could be deleted; for tests and for a clean stop.
    package func drain(milliseconds: Int) -> Bool {
        state.wait(milliseconds: milliseconds) { $0.queue.isEmpty ? true : nil } ?? false
    }

    private enum Work {
        case stop, sweep
        case delete([BlobSpace: [UInt8]])
    }

    private func nextWork() -> Work {
        let work = state.wait { state -> Work? in
            if state.isStopping { return .stop }
            if state.isSweepWanted {
                state.isSweepWanted = false
                return .sweep
            }
            let free = state.queue.filter { state.pins[$0.key] == nil }
            guard !free.isEmpty else { return nil }
            return .delete(
                Dictionary(uniqueKeysWithValues: free.prefix(100).map { ($0.key, $0.value) }))
        }
        return work ?? .stop
    }

    private func run() {
        loop: while true {
            do {
                switch nextWork() {
                case .stop: break loop
                case .sweep: try findOrphans()
                case .delete(let batch): try delete(batch)
                }
            } catch {
                log.warning("reclaiming blobs failed, trying again in a second: \(error)")
                _ = state.wait(milliseconds: 1_000) { $0.isStopping ? true : nil }
            }
        }
        state.withLock { $0.isRunning = false }
    }

    /// Marks blobs that nothing names for reclaim. Once no entry is unreadable any more, that is all
    /// of them; until then the store's key stays, and the next damaged entry to go asks again.
    private func findOrphans() throws {
        do {
            guard let wanted = try store.value(partition, CatalogKeys.sweep) else { return }
            let (orphans, unreadable) = try OrphanSweep(store: store, partition: partition)
                .orphans()
            guard unreadable == 0 else { return }
            let some = orphans.prefix(StoreLimits.operationsMax / 2)
            var transaction = Transaction(partition: partition)
            try transaction.require(CatalogKeys.sweep, .version(wanted.version))
            for space in some { try transaction.put(CatalogKeys.reclaim(space), []) }
            if some.count == orphans.count { try transaction.delete(CatalogKeys.sweep) }
            _ = try store.commit(transaction)
            for space in some { add(space, marker: CatalogKeys.reclaim(space)) }
            if some.count < orphans.count { sweep() }
            guard !some.isEmpty else { return }
            log.notice("found \(some.count) writes that no entry names; their space is freed")
        } catch {
            sweep()
            throw error
        }
    }

    private func delete(_ batch: [BlobSpace: [UInt8]]) throws {
        for (space, marker) in batch {
            // A space whose marker has gone belongs to a signal: its commit took the marker.
            guard try store.value(partition, marker) != nil else { continue }
            while true {
                let ids = try store.blobIDs(prefix: space.bytes, after: nil, limit: 1_000)
                if ids.isEmpty { break }
                try store.deleteBlobs(ids)
            }
        }
        var transaction = Transaction(partition: partition)
        for marker in batch.values { try transaction.delete(marker) }
        _ = try store.commit(transaction)
        state.withLock { state in
            for space in batch.keys { state.queue[space] = nil }
        }
    }
}

/// Releases its pins when it goes.
package final class PinnedSpaces: Sendable {
    private let spaces: [BlobSpace]
    private let reclaimer: Reclaimer

    package init(spaces: [BlobSpace], reclaimer: Reclaimer) {
        self.spaces = spaces
        self.reclaimer = reclaimer
    }

    deinit { reclaimer.unpin(spaces) }
}
