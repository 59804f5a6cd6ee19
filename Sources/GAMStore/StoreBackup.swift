// Backups of a store: made while it is in use, listed, checked, read where they lie, restored.
//
// What always holds:
// - A backup is the store as of one commit: everything acknowledged before it was begun is in it.
// - A backup is checked against its checksums before a byte of it is restored.
// - A restored folder is complete or refused: FORMAT is written last.

import CRocksDB
import Glibc

public struct BackupInfo: Hashable, Sendable {
    public let id: UInt32
    public let unixSeconds: Int64
    /// Bytes of all its files, those shared with other backups included.
    public let bytes: UInt64
    public let files: UInt32
    /// What the maker wanted to remember.
    public let note: String
}

/// A store that can be backed up while it is in use.
public protocol BackupSource: Sendable {
    /// Makes a backup in a folder of backups, which is created if its parent exists.
    func createBackup(in folder: String, note: String) throws(StoreError) -> UInt32
}

extension RocksDBStore: BackupSource {
    public func createBackup(in folder: String, note: String) throws(StoreError) -> UInt32 {
        if mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw .system("creating the folder", folder)
        }
        return try handle.createBackup(in: folder, note: note)
    }
}

/// A folder of backups.
public struct BackupFolder: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    /// All backups, oldest first; none where there is no folder yet.
    public func list() throws(StoreError) -> [BackupInfo] {
        guard access("\(path)/meta", F_OK) == 0 else { return [] }
        final class Found { var infos: [BackupInfo] = [] }
        let found = Found()
        try checked("listing the backups in \(path)") { status in
            gam_backup_list(
                path, Unmanaged.passUnretained(found).toOpaque(),
                { context, id, seconds, bytes, files, note in
                    guard let context else { return }
                    let found = Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
                    found.infos.append(
                        BackupInfo(
                            id: id, unixSeconds: seconds, bytes: bytes, files: files,
                            note: note.map { String(cString: $0) } ?? ""))
                }, status)
        }
        return found.infos.sorted { $0.id < $1.id }
    }

    /// The backup with this id, the newest for nil; throws `notFound`.
    public func find(_ id: UInt32?) throws(StoreError) -> BackupInfo {
        let all = try list()
        guard let found = id == nil ? all.last : all.first(where: { $0.id == id }) else {
            let what = id.map { "backup \($0)" } ?? "a backup"
            throw .notFound(what: "\(what) in \(path)")
        }
        return found
    }

    /// Compares every file of a backup with its checksum.
    public func check(_ id: UInt32) throws(StoreError) {
        do throws(StoreError) {
            try checked("checking backup \(id) in \(path)") { gam_backup_check(path, id, $0) }
        } catch {
            // Whatever is wrong with a file of a backup - gone, cut, changed - damages the backup.
            if case .noSpace = error { throw error }
            throw .corruption(detail: "backup \(id) in \(path) is damaged: \(error)")
        }
    }

    /// Deletes all but the newest `count` backups.
    public func keep(_ count: UInt32) throws(StoreError) {
        try checked("deleting old backups in \(path)") { gam_backup_keep(path, count, $0) }
    }

    /// Opens a backup where it lies; writes to the store throw.
    public func open(
        _ id: UInt32, configuration: RocksDBConfiguration = RocksDBConfiguration()
    ) throws(StoreError) -> BackupStore {
        BackupStore(try RocksDBHandle(backup: id, in: path, configuration: configuration))
    }

    /// Checks a backup and copies it to a new store in `folder`, which must be missing or empty.
    public func restore(_ id: UInt32, to folder: String) throws(StoreError) {
        try check(id)
        if mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw .system("creating the folder", folder)
        }
        guard try entries(of: folder).subtracting(["lost+found"]).isEmpty else {
            throw .notAStore(
                path: folder, reason: "it is not empty; restore to a new folder instead")
        }
        // A name the store does not know: until the rename the folder is no store for anybody.
        let unfinished = "\(folder)/\(StateFolder.databaseName).restoring"
        try checked("restoring backup \(id)") { gam_backup_restore(path, id, unfinished, $0) }
        let storeID = try open(id).storeID()
        let database = "\(folder)/\(StateFolder.databaseName)"
        guard rename(unfinished, database) == 0 else { throw .system("renaming", unfinished) }
        try StateFolder.complete(folder, storeID: storeID)
    }
}
