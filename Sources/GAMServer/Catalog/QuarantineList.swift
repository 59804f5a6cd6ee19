// Signals that a scrub found damaged: they are named, not given out, until they are replaced,
// removed, or found sound by a verify.
// What always holds: memory and store agree; an entry counts only for the version it was made for.

import GAMStore
import SwiftProtobuf
import Synchronization

package final class QuarantineList: Sendable {
    private let entries = Mutex<[String: CatalogQuarantine]>([:])

    package init() {}

    package var count: Int { entries.withLock { $0.count } }

    /// Everything in quarantine, in order of the keys.
    package var all: [(key: String, entry: CatalogQuarantine)] {
        entries.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Why a signal is not given out; nil when it is sound.
    func entry(_ key: String, version: UInt64) -> CatalogQuarantine? {
        entries.withLock { entries in
            guard let entry = entries[key], entry.version == version else { return nil }
            return entry
        }
    }

    func contains(_ key: String) -> Bool { entries.withLock { $0[key] != nil } }

    func set(_ key: String, _ entry: CatalogQuarantine?) {
        entries.withLock { $0[key] = entry }
    }

    /// Reads what an earlier run has found.
    func load(from store: any ShardStore, _ partition: PartitionName) throws {
        var after: [UInt8]?
        while true {
            let page = try store.scan(
                partition, prefix: CatalogKeys.quarantinePrefix, after: after, limit: 1_000)
            for item in page.entries {
                let key = String(decoding: item.key.dropFirst(), as: UTF8.self)
                set(key, try? CatalogQuarantine(serializedBytes: item.value.bytes))
            }
            after = page.entries.last?.key
            if page.isLast || after == nil { return }
        }
    }
}

extension SignalCatalog {
    /// Names a signal as damaged, if it still is the one that was looked at.
    package func quarantine(_ key: String, version: UInt64, reason: String) throws {
        var entry = CatalogQuarantine()
        entry.reason = String(reason.prefix(2_000))
        entry.version = version
        entry.sinceUnixMs = unixMilliseconds()
        var transaction = Transaction(partition: partition)
        try transaction.require(CatalogKeys.signal(key), .version(version))
        try transaction.put(CatalogKeys.quarantine(key), try entry.serializedBytes())
        try commit(transaction)
        quarantine.set(key, entry)
    }

    /// A verify found this version of the signal sound.
    package func releaseFromQuarantine(_ key: String, version: UInt64) throws {
        guard quarantine.entry(key, version: version) != nil else { return }
        var transaction = Transaction(partition: partition)
        try transaction.require(CatalogKeys.signal(key), .version(version))
        try transaction.delete(CatalogKeys.quarantine(key))
        try commit(transaction)
        quarantine.set(key, nil)
    }
}
