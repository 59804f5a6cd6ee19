// The signals in the store: opened, published, replaced, deleted.
//
// What always holds:
// - A signal changes by one commit that also marks the blobs it no longer names for reclaim, so a
//   reader sees the old or the new one and no blob is lost track of.
// - Blobs are deleted only when no open signal pins their space.
// - A write reserves its spaces durably before its first blob; what a crash leaves is reclaimed
//   at the next start.

import GAMCodec
import GAMProtocol
import GAMStore
import Glibc
import SwiftProtobuf

/// Two spaces reserved for a write that may still fail.
package struct WriteReservation: Sendable {
    package let records: BlobSpace
    package let attachments: BlobSpace
    package var spaces: [BlobSpace] { [records, attachments] }
}

/// When a publish may replace what is there.
package enum PublishCondition: Sendable {
    case always
    case mustNotExist
    /// Only the entry with this version (a refit that must not undo a newer put).
    case unchanged(version: UInt64)
}

package final class SignalCatalog: Sendable {
    package let store: any ShardStore
    package let reclaimer: Reclaimer
    package let inventory: Inventory
    package let quarantine = QuarantineList()
    let partition: PartitionName
    let quota: @Sendable () -> ServerConfiguration.Quota
    let unsettled = UnsettledCommits()
    /// Entries read lately, so that their manifests are not parsed for every request.
    let entries = ByteCache<String, SignalRecord>(budget: 8 << 20)

    package init(
        store: any ShardStore, reclaimer: Reclaimer,
        quota: @escaping @Sendable () -> ServerConfiguration.Quota = { .init() }
    ) throws {
        self.store = store
        self.reclaimer = reclaimer
        self.quota = quota
        inventory = Inventory(countingPrefixesOf: quota())
        partition = try PartitionName(CatalogKeys.partitionName)
    }

    /// Throws `noSpace` when a quota leaves no room for a put. A key that exists may become smaller: only
    /// its commit can tell.
    package func checkRoom(for key: String) throws {
        guard try !contains(key) else { return }
        try inventory.checkRoom(for: key, quota())
    }

    /// Finds a signal and pins its blobs until the returned object is released.
    /// Throws `notFound`, and `integrity` for a signal in quarantine unless that is asked for.
    package func open(_ key: String, evenQuarantined: Bool = false) throws -> OpenSignal {
        while true {
            let record = try record(key)
            if !evenQuarantined, let found = quarantine.entry(key, version: record.version) {
                throw Failure(
                    .integrity,
                    "\"\(key)\" is in quarantine: \(found.reason); put it again, remove it or"
                        + " restore a backup")
            }
            let pins = reclaimer.pin(record.spaces)
            // A replace between reading and pinning may have let the blobs go: look again.
            if try store.value(partition, CatalogKeys.signal(key))?.version == record.version {
                return OpenSignal(record: record, store: store, pins: pins)
            }
        }
    }

    /// The entry alone, without pinning its blobs.
    package func record(_ key: String) throws -> SignalRecord {
        guard let value = try store.value(partition, CatalogKeys.signal(key)) else {
            throw Failure(.notFound, "\"\(key)\" is not in the store; list the keys with gamctl ls")
        }
        if let known = entries[key], known.version == value.version { return known }
        let record = try SignalRecord(key: key, value: value, store: store)
        entries.insert(record, for: key, cost: 1_024 + 2 * value.bytes.count)
        return record
    }

    /// The version of an entry, readable or not; nil when there is none.
    package func version(of key: String) throws -> UInt64? {
        try store.value(partition, CatalogKeys.signal(key))?.version
    }

    /// Whether an entry exists, without reading it.
    package func contains(_ key: String) throws -> Bool {
        try store.value(partition, CatalogKeys.signal(key)) != nil
    }

    /// Names the spaces of a coming write, durably.
    package func reserve(for key: String) throws -> WriteReservation {
        let reservation = WriteReservation(records: .random(), attachments: .random())
        var transaction = Transaction(partition: partition)
        let mark = try spaceMark(key)
        for space in reservation.spaces {
            try transaction.put(CatalogKeys.pending(space), mark)
        }
        try commit(transaction)
        return reservation
    }

    /// Gives up a write: its blobs are deleted soon.
    package func abandon(_ reservation: WriteReservation) {
        for space in reservation.spaces {
            reclaimer.add(space, marker: CatalogKeys.pending(space))
        }
    }

    /// Swaps a signal in. `record` names the blobs of `reservation`; a space of it that the record
    /// does not name is reclaimed. Returns what the store now holds, and whether it replaced one.
    package func publish(
        _ key: String, _ record: CatalogRecord, _ reservation: WriteReservation,
        _ condition: PublishCondition
    ) throws -> (record: SignalRecord, replaced: Bool) {
        while true {
            let old = try store.value(partition, CatalogKeys.signal(key))
            do {
                return try publish(key, record, reservation, condition, over: old)
            } catch StoreError.conflict {
                continue
            }
        }
    }

    private func publish(
        _ key: String, _ record: CatalogRecord, _ reservation: WriteReservation,
        _ condition: PublishCondition, over old: VersionedValue?
    ) throws -> (record: SignalRecord, replaced: Bool) {
        try check(condition, key, old)
        var record = record
        // A damaged entry can be replaced; its blobs are found by a sweep.
        let oldMessage = old.flatMap { CatalogRecord(sealed: $0.bytes, key: key) }
        record.generation = (oldMessage?.generation ?? 0) + 1
        var transaction = Transaction(partition: partition)
        try transaction.require(
            CatalogKeys.signal(key), old.map { .version($0.version) } ?? .absent)
        let bytes = try record.sealed(key: key)
        try transaction.put(CatalogKeys.signal(key), bytes)
        let named = record.spaces
        for space in reservation.spaces {
            try transaction.delete(CatalogKeys.pending(space))
        }
        let mark = try spaceMark(key)
        let unused = reservation.spaces.filter { !named.contains($0) }
        let dropped = (oldMessage?.spaces ?? []).filter { !named.contains($0) } + unused
        for space in dropped { try transaction.put(CatalogKeys.reclaim(space), mark) }
        try release(key, in: &transaction)
        let isSwept = old != nil && oldMessage == nil
        if isSwept { try transaction.put(CatalogKeys.sweep, []) }
        let oldRecord = old.flatMap { try? SignalRecord(key: key, value: $0, store: store) }
        let newRecord = try SignalRecord(
            key: key, value: VersionedValue(bytes: bytes, version: 0), store: store)
        let receipt = try commit(
            transaction, from: oldRecord, to: newRecord,
            then: { [reclaimer, quarantine] in
                for space in dropped { reclaimer.add(space, marker: CatalogKeys.reclaim(space)) }
                if isSwept { reclaimer.sweep() }
                quarantine.set(key, nil)
            },
            orElse: { [self] in abandon(reservation) })
        return (newRecord.committed(as: receipt.sequence), old != nil)
    }

    /// A changed signal leaves the quarantine.
    private func release(_ key: String, in transaction: inout Transaction) throws {
        if quarantine.contains(key) { try transaction.delete(CatalogKeys.quarantine(key)) }
    }

    private func check(
        _ condition: PublishCondition, _ key: String, _ old: VersionedValue?
    ) throws {
        switch condition {
        case .always:
            return
        case .mustNotExist:
            guard old == nil else {
                throw Failure(
                    .alreadyExists, "\"\(key)\" exists already; remove it or choose another key")
            }
        case .unchanged(let version):
            guard old?.version == version else {
                throw Failure(.busy, "\"\(key)\" was changed meanwhile; nothing was swapped")
            }
        }
    }

    /// Removes a signal; throws `notFound`.
    package func delete(_ key: String) throws {
        while true {
            guard let old = try store.value(partition, CatalogKeys.signal(key)) else {
                throw Failure(.notFound, "\"\(key)\" is not in the store; nothing was removed")
            }
            // A damaged entry can be removed too; the blobs it named are then found by a sweep.
            let message = CatalogRecord(sealed: old.bytes, key: key)
            let spaces = message?.spaces ?? []
            var transaction = Transaction(partition: partition)
            try transaction.require(CatalogKeys.signal(key), .version(old.version))
            try transaction.delete(CatalogKeys.signal(key))
            let mark = try spaceMark(key)
            for space in spaces { try transaction.put(CatalogKeys.reclaim(space), mark) }
            if message == nil { try transaction.put(CatalogKeys.sweep, []) }
            try release(key, in: &transaction)
            do {
                let record = try? SignalRecord(key: key, value: old, store: store)
                _ = try commit(
                    transaction, from: record, to: nil,
                    then: { [reclaimer, quarantine] in
                        quarantine.set(key, nil)
                        for space in spaces {
                            reclaimer.add(space, marker: CatalogKeys.reclaim(space))
                        }
                        if message == nil { reclaimer.sweep() }
                    })
                return
            } catch StoreError.conflict {
                continue
            }
        }
    }

    /// Changes an entry without touching blobs, if it is still the one with `record.version`.
    package func amend(_ record: SignalRecord, _ change: (inout CatalogRecord) -> Void) throws {
        var message = record.message
        change(&message)
        var transaction = Transaction(partition: partition)
        try transaction.require(CatalogKeys.signal(record.key), .version(record.version))
        let bytes = try message.sealed(key: record.key)
        try transaction.put(CatalogKeys.signal(record.key), bytes)
        let new = try SignalRecord(
            key: record.key, value: VersionedValue(bytes: bytes, version: 0), store: store)
        _ = try commit(transaction, from: record, to: new)
    }

    private func spaceMark(_ key: String) throws -> [UInt8] {
        var mark = CatalogSpace()
        mark.sinceUnixMs = unixMilliseconds()
        mark.key = key
        return try mark.serializedBytes()
    }
}

package func unixMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
