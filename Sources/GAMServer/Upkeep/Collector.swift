// Deletes blobs that nothing names any more because somebody asked, and gives dead space back to
// the disk.
// What always holds: what may be deleted is for the sweep to say; while an entry is unreadable, that is
// nothing.

import GAMProtocol
import GAMStore

struct Collector {
    let catalog: SignalCatalog
    let context: RequestContext

    func collect() throws -> WireCollectResult {
        var result = WireCollectResult()
        result.bytesBefore = try catalog.store.size().bytes
        let sweep = OrphanSweep(
            store: catalog.store, partition: catalog.partition, check: context.check)
        let (spaces, unreadable) = try sweep.orphans()
        result.damaged = UInt64(unreadable)
        for space in spaces { result.orphans += UInt64(try delete(space)) }
        try context.check()
        try catalog.store.reclaimSpace()
        result.bytesAfter = try catalog.store.size().bytes
        return result
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
