// The folder of a store, and the three small files beside the database.
//
//   FORMAT      text: "gamd store", "version N", "id HEX"; written last when a store is made, so a
//               folder with it is a finished store (FORMAT.new: one being made)
//   LOCK        empty; locked with flock by the process that has the store open
//   ACKED       32 bytes: sequence u64, store id 16, FNV-1a u64 of the 24 bytes before. The last
//               commit acknowledged; written after the ack is certain, never synced
//   db/         the RocksDB database
//
// What always holds: a folder that is neither empty nor a store of ours is left untouched.

import Glibc

final class StateFolder: Sendable {
    static let formatName = "FORMAT"
    static let unfinishedFormatName = "FORMAT.new"
    static let lockName = "LOCK"
    static let acknowledgedName = "ACKED"
    static let databaseName = "db"

    let path: String
    /// True when the database has to be created.
    let isNew: Bool
    let storeID: [UInt8]
    private let lock: FileDescriptor
    private let acknowledged: FileDescriptor

    var databasePath: String { "\(path)/\(Self.databaseName)" }

    /// Claims the folder for this process. Creates it if it is missing (not its parents).
    init(_ path: String) throws(StoreError) {
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("creating the folder", path) }
        _ = try Self.inspect(path)
        lock = try FileDescriptor("\(path)/\(Self.lockName)", O_RDWR | O_CREAT)
        guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { throw .alreadyOpen(path: path) }
            throw .system("locking", "\(path)/\(Self.lockName)")
        }
        if let found = try Self.inspect(path) {
            isNew = false
            storeID = found
        } else {
            isNew = true
            storeID = TransactionID.random().bytes
            try Self.writeFormat(path, storeID)
        }
        acknowledged = try FileDescriptor("\(path)/\(Self.acknowledgedName)", O_RDWR | O_CREAT)
    }

    /// Declares a new store complete: from now on a missing database is an error.
    func finish() throws(StoreError) {
        let new = "\(path)/\(Self.unfinishedFormatName)"
        guard rename(new, "\(path)/\(Self.formatName)") == 0 else { throw .system("renaming", new) }
        try Self.syncFolder(path)
    }

    /// Declares a folder, in which a database has been put, a store.
    static func complete(_ path: String, storeID: [UInt8]) throws(StoreError) {
        try writeFormat(path, storeID)
        let new = "\(path)/\(unfinishedFormatName)"
        guard rename(new, "\(path)/\(formatName)") == 0 else { throw .system("renaming", new) }
        try syncFolder(path)
    }

    func unlock() {
        flock(lock.number, LOCK_UN)
    }

    /// The last commit known to be acknowledged; nil if that is not on record.
    func acknowledgedSequence() -> UInt64? {
        var bytes = [UInt8](repeating: 0, count: 32)
        guard pread(acknowledged.number, &bytes, 32, 0) == 32 else { return nil }
        guard Array(bytes[8..<24]) == storeID else { return nil }
        guard Array(bytes[24...]) == StoreLayout.number(fnv1a(bytes[..<24])) else { return nil }
        return try? StoreLayout.takeNumber(Array(bytes[..<8]), "")
    }

    /// Best effort: without it a lost log tail is not noticed, but nothing is lost by it.
    func setAcknowledged(_ sequence: UInt64) {
        let claim = StoreLayout.number(sequence) + storeID
        let record = claim + StoreLayout.number(fnv1a(claim[...]))
        _ = pwrite(acknowledged.number, record, record.count, 0)
    }

    /// The id of the store in the folder; nil for a folder in which one may be made.
    private static func inspect(_ path: String) throws(StoreError) -> [UInt8]? {
        let names = try entries(of: path)
        if names.contains(formatName) {
            let file = try FileDescriptor("\(path)/\(formatName)", O_RDONLY)
            return try StoreFormatFile.parse(try file.readSmall(), path: path)
        }
        var allowed: Set = [unfinishedFormatName, lockName, acknowledgedName, "lost+found"]
        if names.contains(unfinishedFormatName) { allowed.insert(databaseName) }
        if let foreign = names.subtracting(allowed).sorted().first {
            throw .notAStore(path: path, reason: "it has no \(formatName) file but \(foreign)")
        }
        return nil
    }

    private static func writeFormat(_ path: String, _ storeID: [UInt8]) throws(StoreError) {
        let name = "\(path)/\(unfinishedFormatName)"
        let file = try FileDescriptor(name, O_WRONLY | O_CREAT | O_TRUNC)
        let text = Array(StoreFormatFile.text(storeID).utf8)
        guard write(file.number, text, text.count) == text.count, fsync(file.number) == 0 else {
            throw .system("writing", name)
        }
        try syncFolder(path)
    }

    private static func syncFolder(_ path: String) throws(StoreError) {
        let folder = try FileDescriptor(path, O_RDONLY | O_DIRECTORY)
        guard fsync(folder.number) == 0 else { throw .system("syncing", path) }
    }
}

/// The text of FORMAT.
enum StoreFormatFile {
    static func text(_ storeID: [UInt8]) -> String {
        "gamd store\nversion \(StoreLayout.formatVersion)\nid \(hexadecimal(storeID))\n"
    }

    static func parse(_ text: String, path: String) throws(StoreError) -> [UInt8] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2, lines[0] == "gamd store", lines[1].hasPrefix("version "),
            let version = UInt32(lines[1].dropFirst(8))
        else { throw .notAStore(path: path, reason: "its FORMAT file is not one of gamd") }
        let supported = StoreLayout.formatVersion
        guard version <= supported else {
            throw .newerVersion(path: path, found: version, supported: supported)
        }
        guard version == supported, lines.count == 4, lines[2].hasPrefix("id "), lines[3].isEmpty,
            let id = bytes(ofHexadecimal: lines[2].dropFirst(3)),
            id.count == StoreLayout.storeIDBytes
        else { throw .corruption(detail: "the FORMAT file of \(path) is not readable") }
        return id
    }

    private static func bytes(ofHexadecimal text: Substring) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}

private func fnv1a(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
}
