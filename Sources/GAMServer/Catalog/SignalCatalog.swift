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
    private let partition: PartitionName

    package init(store: any ShardStore, reclaimer: Reclaimer) throws {
        self.store = store
        self.reclaimer = reclaimer
        partition = try PartitionName(CatalogKeys.partitionName)
    }

    /// Finds a signal and pins its blobs until the returned object is released.
    /// Throws `notFound`.
    package func open(_ key: String) throws -> OpenSignal {
        while true {
            let record = try record(key)
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
        return try SignalRecord(key: key, value: value, store: store)
    }

    /// Whether an entry exists, without reading it.
    package func contains(_ key: String) throws -> Bool {
        try store.value(partition, CatalogKeys.signal(key)) != nil
    }

    /// Entries in byte order of their keys; damaged ones come as failures, so that one bad entry
    /// hides no other.
    package func list(
        prefix: String, after: String?, limit: Int
    ) throws -> (entries: [(key: String, record: Result<SignalRecord, Failure>)], isLast: Bool) {
        let page = try store.scan(
            partition, prefix: CatalogKeys.signal(prefix),
            after: after.map(CatalogKeys.signal), limit: limit)
        let entries = page.entries.map { entry in
            let key = String(decoding: entry.key.dropFirst(), as: UTF8.self)
            do {
                return (
                    key,
                    Result<SignalRecord, Failure>.success(
                        try SignalRecord(key: key, value: entry.value, store: store))
                )
            } catch {
                return (key, Result<SignalRecord, Failure>.failure(Failure(error).about(key)))
            }
        }
        return (entries, page.isLast)
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
        let isSwept = old != nil && oldMessage == nil
        if isSwept { try transaction.put(CatalogKeys.sweep, []) }
        let receipt = try commit(transaction)
        for space in dropped { reclaimer.add(space, marker: CatalogKeys.reclaim(space)) }
        if isSwept { reclaimer.sweep() }
        let value = VersionedValue(bytes: bytes, version: receipt.sequence)
        return (try SignalRecord(key: key, value: value, store: store), old != nil)
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
            do {
                try commit(transaction)
            } catch StoreError.conflict {
                continue
            }
            for space in spaces { reclaimer.add(space, marker: CatalogKeys.reclaim(space)) }
            if message == nil { reclaimer.sweep() }
            return
        }
    }

    /// Changes an entry without touching blobs, if it is still the one with `record.version`.
    package func amend(_ record: SignalRecord, _ change: (inout CatalogRecord) -> Void) throws {
        var message = record.message
        change(&message)
        var transaction = Transaction(partition: partition)
        try transaction.require(CatalogKeys.signal(record.key), .version(record.version))
        try transaction.put(
            CatalogKeys.signal(record.key), try message.sealed(key: record.key))
        try commit(transaction)
    }

    /// Commits; when the log could not tell the outcome, asks until it can or gives up.
    @discardableResult
    private func commit(_ transaction: Transaction) throws -> CommitReceipt {
        do {
            return try store.commit(transaction)
        } catch StoreError.unknownOutcome(let id) {
            for _ in 0..<3 {
                do {
                    try store.recover()
                    if case .committed(let receipt) = try store.outcome(of: id) { return receipt }
                    return try store.commit(transaction)
                } catch StoreError.unknownOutcome {
                    usleep(100_000)
                }
            }
            throw StoreError.unknownOutcome(id)
        }
    }

    private func spaceMark(_ key: String) throws -> [UInt8] {
        var mark = CatalogSpace()
        mark.sinceUnixMs = unixMilliseconds()
        mark.key = key
        return try mark.serializedBytes()
    }
}

/// A signal whose blobs stay until this object is released.
package final class OpenSignal: Sendable {
    package let record: SignalRecord
    package let store: any ShardStore
    private let pins: PinnedSpaces

    package init(record: SignalRecord, store: any ShardStore, pins: PinnedSpaces) {
        self.record = record
        self.store = store
        self.pins = pins
    }

    package var source: StoreRecordSource {
        StoreRecordSource(store: store, space: record.recordSpace)
    }

    package var attachments: Attachments {
        Attachments(store: store, record: record.message, space: record.attachmentSpace)
    }

    package func reader() throws -> SignalReader {
        try SignalReader(manifest: record.manifest, source: source, priors: .shipped)
    }
}

package func unixMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
