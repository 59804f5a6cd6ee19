// Every entry of the catalog, page by page.
// What always holds: a damaged entry hides no other.

import GAMProtocol
import GAMStore

extension SignalCatalog {
    /// Counts what the store holds and reads the quarantine; once, before the first request.
    package func load() throws {
        try quarantine.load(from: store, partition)
        var after: String?
        while true {
            let page = try list(prefix: "", after: after, limit: 10_000)
            for case (_, .success(let record)) in page.entries {
                try inventory.change(from: nil, to: record, quota: .init())
            }
            after = page.entries.last?.key
            if page.isLast || after == nil { return }
        }
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
}
