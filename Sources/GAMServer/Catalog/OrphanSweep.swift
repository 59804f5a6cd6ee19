// Finds the blobs that nothing names: those of an entry that was unreadable when it was removed or
// replaced.
//
// What always holds:
// - A space goes one way: pending, signal, reclaim, gone. Spaces are listed first and names in that
//   order afterwards, so one that moves meanwhile is still seen.
// - While any entry is unreadable there are no orphans: the blobs may be its own.

import GAMStore

struct OrphanSweep {
    let store: any ShardStore
    let partition: PartitionName

    /// nil: some entry is unreadable, so nobody can tell.
    func orphans() throws -> [BlobSpace]? {
        var unnamed = try spaces()
        guard !unnamed.isEmpty else { return [] }
        try forEachEntry(CatalogKeys.pendingPrefix) { key, _ in
            CatalogKeys.space(of: key).map { _ = unnamed.remove($0) }
            return true
        }
        let areReadable = try forEachEntry(CatalogKeys.signalPrefix) { key, value in
            let name = String(decoding: key.dropFirst(), as: UTF8.self)
            guard let record = CatalogRecord(sealed: value, key: name) else { return false }
            unnamed.subtract(record.spaces)
            return true
        }
        guard areReadable else { return nil }
        try forEachEntry(CatalogKeys.reclaimPrefix) { key, _ in
            CatalogKeys.space(of: key).map { _ = unnamed.remove($0) }
            return true
        }
        return Array(unnamed)
    }

    /// The spaces of all blobs, one look into the index each.
    private func spaces() throws -> Set<BlobSpace> {
        var found: Set<BlobSpace> = []
        var after: BlobID?
        while let id = try store.blobIDs(prefix: [], after: after, limit: 1).first {
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

    /// False when `body` wanted no more.
    @discardableResult
    private func forEachEntry(
        _ prefix: [UInt8], _ body: ([UInt8], [UInt8]) -> Bool
    ) throws -> Bool {
        var after: [UInt8]?
        while true {
            let page = try store.scan(partition, prefix: prefix, after: after, limit: 1_000)
            for entry in page.entries where !body(entry.key, entry.value.bytes) { return false }
            after = page.entries.last?.key
            if page.isLast || after == nil { return true }
        }
    }
}
