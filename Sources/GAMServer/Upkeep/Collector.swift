// Finds blobs that nothing names any more, and gives dead space back to the disk.
//
// What always holds:
// - Only spaces that had blobs before the catalog was read are judged. A write marks its spaces
//   durably before its first blob, and a space goes from "p" through an entry to "r" in this order;
//   so one that is found in none of the three, read in this order, is named by nobody.
// - While an entry is damaged, nobody knows which blobs it names: then nothing is deleted.

import GAMProtocol
import GAMStore

struct Collector {
    let catalog: SignalCatalog
    let context: RequestContext

    func collect() throws -> WireCollectResult {
        var result = WireCollectResult()
        result.bytesBefore = try catalog.store.size().bytes
        var unnamed = try spacesWithBlobs()
        try dropMarked(CatalogKeys.pendingPrefix, from: &unnamed)
        result.damaged = UInt64(try dropNamed(from: &unnamed))
        try dropMarked(CatalogKeys.reclaimPrefix, from: &unnamed)
        if result.damaged == 0 {
            for space in unnamed { result.orphans += UInt64(try delete(space)) }
        }
        try context.check()
        try catalog.store.reclaimSpace()
        result.bytesAfter = try catalog.store.size().bytes
        return result
    }

    private func spacesWithBlobs() throws -> Set<BlobSpace> {
        var spaces: Set<BlobSpace> = []
        var after: BlobID?
        while true {
            try context.check()
            let ids = try catalog.store.blobIDs(prefix: [], after: after, limit: 10_000)
            for id in ids {
                if let space = BlobSpace(Array(id.bytes.prefix(BlobSpace.byteCount))) {
                    spaces.insert(space)
                }
            }
            guard let last = ids.last else { return spaces }
            after = last
        }
    }

    private func dropMarked(_ prefix: [UInt8], from spaces: inout Set<BlobSpace>) throws {
        var after: [UInt8]?
        while true {
            let page = try catalog.store.scan(
                catalog.partition, prefix: prefix, after: after, limit: 10_000)
            for entry in page.entries {
                if let space = CatalogKeys.space(of: entry.key) { spaces.remove(space) }
            }
            after = page.entries.last?.key
            if page.isLast || after == nil { return }
        }
    }

    /// The number of damaged entries.
    private func dropNamed(from spaces: inout Set<BlobSpace>) throws -> Int {
        var damaged = 0
        var after: String?
        while true {
            try context.check()
            let page = try catalog.list(prefix: "", after: after, limit: 10_000)
            for (_, record) in page.entries {
                switch record {
                case .success(let record): spaces.subtract(record.spaces)
                case .failure: damaged += 1
                }
            }
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
