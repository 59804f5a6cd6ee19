// Finds the blobs that nothing names: those of an entry that was unreadable when it was removed or
// replaced. The reclaimer looks for them by itself, a collection because somebody asks.
//
// What always holds:
// - A space goes one way: pending, signal, reclaim, gone. Spaces are listed first and names in that
//   order afterwards, so one that moves meanwhile is still seen.
// - While any entry is unreadable there are no orphans: the blobs may be its own.

import GAMStore

struct OrphanSweep {
    let store: any ShardStore
    let partition: PartitionName
    /// Asked between steps; what it throws ends the sweep.
    var check: () throws -> Void = {}

    /// The spaces nothing names; none while entries are unreadable, whose number comes along.
    func orphans() throws -> (spaces: [BlobSpace], unreadable: Int) {
        var unnamed = try spaces()
        try forEachEntry(CatalogKeys.pendingPrefix) { key, _ in
            CatalogKeys.space(of: key).map { _ = unnamed.remove($0) }
        }
        var unreadable = 0
        try forEachEntry(CatalogKeys.signalPrefix) { key, value in
            let name = String(decoding: key.dropFirst(), as: UTF8.self)
            if let record = CatalogRecord(sealed: value, key: name) {
                unnamed.subtract(record.spaces)
            } else {
                unreadable += 1
            }
        }
        try forEachEntry(CatalogKeys.reclaimPrefix) { key, _ in
            CatalogKeys.space(of: key).map { _ = unnamed.remove($0) }
        }
        return (unreadable == 0 ? Array(unnamed) : [], unreadable)
    }

    /// The spaces of all blobs, one look into the index each.
    private func spaces() throws -> Set<BlobSpace> {
        var found: Set<BlobSpace> = []
        var after: BlobID?
        while let id = try store.blobIDs(prefix: [], after: after, limit: 1).first {
            try check()
            let bytes = Array(id.bytes.prefix(BlobSpace.byteCount))
            guard let space = BlobSpace(bytes) else {
                after = id
                continue
            }
            found.insert(space)
            after = try space.lastBlob
        }
        return found
    }

    private func forEachEntry(_ prefix: [UInt8], _ body: ([UInt8], [UInt8]) -> Void) throws {
        var after: [UInt8]?
        while true {
            try check()
            let page = try store.scan(partition, prefix: prefix, after: after, limit: 1_000)
            for entry in page.entries { body(entry.key, entry.value.bytes) }
            after = page.entries.last?.key
            if page.isLast || after == nil { return }
        }
    }
}
