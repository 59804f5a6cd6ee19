// Backups as gamd and gamctl see them: made of the running store, checked by recalling every signal
// where the backup lies, restored to a new state folder.

import GAMCodec
import GAMProtocol
import GAMStore
import Glibc
import Logging

package enum Backups {
    /// Folder of the store inside a state folder.
    package static let storeFolder = "store"

    /// Recalls every signal of a backup without restoring it, after its files were compared with
    /// their checksums. Returns the number of signals; throws `integrity` naming the first damage.
    package static func verify(
        _ folder: String, _ id: UInt32, threads: Int,
        progress: @escaping @Sendable (Double) -> Bool
    ) throws -> Int {
        let backups = BackupFolder(folder)
        try backups.check(id)
        let store = try backups.open(id)
        defer { try? store.close() }
        return try verifyAll(of: store, threads: threads, progress: progress)
    }

    /// Restores a backup into a state folder that is missing or holds no store, and recalls
    /// everything that was restored. Returns the number of signals.
    package static func restore(
        _ folder: String, _ id: UInt32, to state: String, threads: Int,
        progress: @escaping @Sendable (Double) -> Bool
    ) throws -> Int {
        if mkdir(state, 0o700) < 0 && errno != EEXIST {
            throw Failure.system("creating the state folder \(state)", errno: errno)
        }
        let target = "\(state)/\(storeFolder)"
        try BackupFolder(folder).restore(id, to: target)
        let store = try RocksDBStore(path: target)
        defer { try? store.close() }
        return try verifyAll(of: store, threads: threads, progress: progress)
    }

    private static func verifyAll(
        of store: any ShardStore, threads: Int, progress: @escaping @Sendable (Double) -> Bool
    ) throws -> Int {
        let log = Logger(label: "gamd") { _ in SwiftLogNoOpLogHandler() }
        let catalog = try SignalCatalog(store: store, reclaimer: Reclaimer(store: store, log: log))
        try catalog.load()
        let total = max(1, catalog.inventory.totals.signals)
        var done = 0
        var after: String?
        while true {
            let page = try catalog.list(prefix: "", after: after, limit: 1_000)
            for (key, record) in page.entries {
                if case .failure(let failure) = record { throw failure.about(key) }
                do {
                    let signal = try catalog.open(key, evenQuarantined: true)
                    let base = Double(done)
                    try SignalVerifier.verify(signal, threads: threads) {
                        progress((base + $0) / Double(total))
                    }
                } catch CodecError.cancelled {
                    throw CodecError.cancelled
                } catch {
                    throw Failure(error).about(key)
                }
                done += 1
            }
            after = page.entries.last?.key
            if page.isLast || after == nil { return done }
        }
    }
}

extension WireBackupEntry {
    package init(_ info: BackupInfo) {
        self.init()
        id = info.id
        createdUnixMs = info.unixSeconds * 1000
        bytes = info.bytes
        files = UInt64(info.files)
        // The daemon notes the number of signals.
        signals = UInt64(info.note) ?? 0
    }
}
