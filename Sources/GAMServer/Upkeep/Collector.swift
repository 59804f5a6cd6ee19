// Deletes blobs that nothing names any more, and gives dead space back to the disk.
// What always holds: while an entry is damaged, nobody knows which blobs it names; then nothing is
// deleted, and the damaged entries are counted.

import GAMProtocol
import GAMStore

struct Collector {
    let catalog: SignalCatalog
    let context: RequestContext

    func collect() throws -> WireCollectResult {
        var result = WireCollectResult()
        result.bytesBefore = try catalog.store.size().bytes
        let sweep = OrphanSweep(store: catalog.store, partition: catalog.partition)
        if let orphans = try sweep.orphans() {
            for space in orphans { result.orphans += UInt64(try delete(space)) }
        } else {
            result.damaged = UInt64(try damagedEntries())
        }
        try context.check()
        try catalog.store.reclaimSpace()
        result.bytesAfter = try catalog.store.size().bytes
        return result
    }

    private func damagedEntries() throws -> Int {
        var damaged = 0
        var after: String?
        while true {
            try context.check()
            let page = try catalog.list(prefix: "", after: after, limit: 10_000)
            for case (_, .failure) in page.entries { damaged += 1 }
            after = page.entries.last?.key
            if page.isLast || after == nil { return damaged }
        }
    }

    private func delete(_ space: BlobSpace) throws -> Int {
        var count = 0
        while true {
            try context.check()
            let ids = try catalog.store.blobIDs(prefix: space.bytes, after: nil, limit: 1_000)
            if ids.isEmpty { return count }
            try catalog.store.deleteBlobs(ids)
            count += ids.count
        }
    }
}
