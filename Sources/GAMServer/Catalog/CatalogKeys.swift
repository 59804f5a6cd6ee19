// Keys of the one partition "signals". One partition, so that a signal, its old blobs and its new
// ones change in one commit.
//
//   "k" + key      a stored signal: CatalogRecord
//   "p" + space    blobs of a write that has not committed: CatalogSpace
//   "r" + space    blobs that no signal names any more, to be deleted: CatalogSpace
//   "o"            there may be blobs that nothing names: a sweep is to find them; no value
//   "q" + key      a signal found damaged: CatalogQuarantine
//   "s"            how far the scrub is: CatalogScrubPass
//
// What always holds: every blob in the store is named by a signal, by a "p" or by an "r" key, or there
// is the "o" key.

import GAMStore

package enum CatalogKeys {
    package static let partitionName = "signals"
    package static let signalPrefix = Array("k".utf8)
    package static let pendingPrefix = Array("p".utf8)
    package static let reclaimPrefix = Array("r".utf8)

    package static let sweep = Array("o".utf8)
    package static let quarantinePrefix = Array("q".utf8)
    package static let scrub = Array("s".utf8)

    package static func quarantine(_ key: String) -> [UInt8] { quarantinePrefix + key.utf8 }
    package static func signal(_ key: String) -> [UInt8] { signalPrefix + key.utf8 }
    package static func pending(_ space: BlobSpace) -> [UInt8] { pendingPrefix + space.bytes }
    package static func reclaim(_ space: BlobSpace) -> [UInt8] { reclaimPrefix + space.bytes }

    /// The space a "p" or "r" key names.
    package static func space(of key: [UInt8]) -> BlobSpace? { BlobSpace(Array(key.dropFirst())) }
}
