// An open RocksDB database, in Swift terms: bytes in, bytes or typed errors out.
//
// What always holds:
// - The C pointer is used only while the lock is held for reading, and freed only while it is
//   held for writing: no call runs on a closed database, `close` waits for running calls.
// - Every failing gam_status becomes a StoreError and its message is freed.

import CRocksDB
import Glibc

/// @unchecked Sendable: `database` and `absence` change under the write lock only; RocksDB itself may be called
/// from any number of threads.
final class RocksDBHandle: @unchecked Sendable {
    enum Family: Int32 {
        case metadata = 0
        case blobs = 1
    }

    private var database: OpaquePointer?
    /// Why there is no database; after a failed `reopen` more than "closed".
    private var absence = StoreError.closed
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>
    private let path: String
    private let configuration: RocksDBConfiguration

    init(
        path: String, configuration: RocksDBConfiguration, createIfMissing: Bool
    ) throws(StoreError) {
        self.path = path
        self.configuration = configuration
        database = try configuration.open(path: path, createIfMissing: createIfMissing)
        lock = .allocate(capacity: 1)
        // The default kind prefers readers, so a reader may take the lock again inside withValue.
        let made = pthread_rwlock_init(lock, nil)
        precondition(made == 0, "pthread_rwlock_init with default attributes cannot fail")
    }

    deinit {
        var status = gam_status()
        if let database { gam_db_close(database, &status) }
        gam_status_clear(&status)
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` on the open database; throws `closed` after `close`.
    private func use<Result>(
        _ body: (OpaquePointer) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        guard let database else { throw absence }
        return try body(database)
    }

    func close() throws(StoreError) {
        pthread_rwlock_wrlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        absence = .closed
        guard let open = database else { return }
        database = nil
        try checked("closing the database") { gam_db_close(open, $0) }
    }

    /// Closes the database and opens it again, which replays its log: afterwards the database
    /// tells what of a failed write is durable. Does nothing while the disk takes no writes, so
    /// that reads go on. Gives up when readers hold the database for more than a second.
    func reopen() throws(StoreError) {
        if try isOpen() { try probe() }
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += 1
        guard pthread_rwlock_timedwrlock(lock, &deadline) == 0 else {
            throw .io(operation: "reopening the database", detail: "it is being read")
        }
        defer { pthread_rwlock_unlock(lock) }
        if let open = database {
            database = nil
            var ignored = gam_status()  // the error that made reopening necessary
            gam_db_close(open, &ignored)
            gam_status_clear(&ignored)
        }
        do throws(StoreError) {
            database = try configuration.open(path: path, createIfMissing: false)
        } catch {
            absence = error
            throw error
        }
    }

    /// False when an earlier `reopen` has failed; throws `closed` after `close`.
    private func isOpen() throws(StoreError) -> Bool {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        if database == nil, absence == .closed { throw .closed }
        return database != nil
    }

    /// Replaying writes at most the log to tables, and a new log beside it.
    private func probe() throws(StoreError) {
        let bytes = configuration.logBytesMax + (16 << 20)
        try use { (database) throws(StoreError) in
            try checked("writing a probe") { gam_db_probe(database, bytes, $0) }
        }
    }

    /// Lends the bytes of a value without copying; nil when the key is absent.
    func withValue<Result>(
        _ family: Family, _ key: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        guard let database else { throw absence }
        guard let pin = try Self.pin(database, family, key) else { return nil }
        defer { gam_pin_free(pin) }
        return try body(UnsafeRawBufferPointer(gam_pin_bytes(pin)))
    }

    func value(_ family: Family, _ key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try use { (database) throws(StoreError) in
            guard let pin = try Self.pin(database, family, key) else { return nil }
            defer { gam_pin_free(pin) }
            return [UInt8](UnsafeRawBufferPointer(gam_pin_bytes(pin)))
        }
    }

    private static func pin(
        _ database: OpaquePointer, _ family: Family, _ key: [UInt8]
    ) throws(StoreError) -> OpaquePointer? {
        do throws(StoreError) {
            return try checked("reading the database") { status in
                withSlice(key) { gam_db_get(database, family.rawValue, $0, status) }
            }
        } catch {
            guard case .notFound = error else { throw error }
            return nil
        }
    }

    /// Applies what `fill` puts into a batch, atomically; with `sync`, durable on return.
    func write(
        reserving bytes: Int, sync: Bool, _ fill: (borrowing RocksDBBatch) -> Void
    ) throws(StoreError) {
        try use { (database) throws(StoreError) in
            let batch = RocksDBBatch(database, reserving: bytes)
            fill(batch)
            try checked("writing the log") { gam_db_write(database, batch.batch, sync, $0) }
        }
    }

    typealias Visit = (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool

    /// Visits metadata keys that start with `prefix`, after `after`, until `visit` returns false.
    func scan(
        prefix: [UInt8], after: [UInt8]?, withValues: Bool, _ visit: Visit
    ) throws(StoreError) {
        try use { (database) throws(StoreError) in
            try checked("scanning the database") { status in
                withoutActuallyEscaping(visit) { visit in
                    var visitor = Visitor(visit: visit)
                    withUnsafeMutablePointer(to: &visitor) { visitor in
                        Self.scan(database, prefix, after, withValues, visitor, status)
                    }
                }
            }
        }
    }

    private static func scan(
        _ database: OpaquePointer, _ prefix: [UInt8], _ after: [UInt8]?, _ withValues: Bool,
        _ visitor: UnsafeMutablePointer<Visitor>, _ status: UnsafeMutablePointer<gam_status>
    ) {
        withSlice(prefix) { first in
            withSlice(after ?? []) { last in
                let resume = after == nil ? gam_slice() : last
                gam_db_scan(
                    database, Family.metadata.rawValue, first, resume, withValues, visitor,
                    Visitor.callback, status)
            }
        }
    }

    private struct Visitor {
        let visit: Visit
        static let callback: gam_visit = { context, key, value in
            guard let visitor = context?.assumingMemoryBound(to: Visitor.self) else { return false }
            return visitor.pointee.visit(UnsafeRawBufferPointer(key), UnsafeRawBufferPointer(value))
        }
    }

    /// Throws the error RocksDB is stopped by, if there is one.
    func checkBackground() throws(StoreError) {
        try use { (database) throws(StoreError) in
            try checked("writing in the background") { gam_db_background_error(database, $0) }
        }
    }

    func flush() throws(StoreError) {
        try use { (database) throws(StoreError) in
            try checked("flushing the database") { gam_db_flush(database, $0) }
        }
    }

    /// Compacts all tables; with `rewritesBlobs` also every blob file that holds dead bytes.
    func reclaim(rewritesBlobs: Bool) throws(StoreError) {
        try use { (database) throws(StoreError) in
            try checked("compacting the database") { gam_db_reclaim(database, rewritesBlobs, $0) }
        }
    }

    func verify() throws(StoreError) {
        try use { (database) throws(StoreError) in
            try checked("verifying the database") { gam_db_verify(database, $0) }
        }
    }

    func property(_ family: Family, _ name: String) throws(StoreError) -> UInt64 {
        try use { (database) throws(StoreError) in
            gam_db_property(database, family.rawValue, name)
        }
    }
}

/// Puts and deletes that are applied together. Lives only inside `RocksDBHandle.write`.
struct RocksDBBatch: ~Copyable {
    private let database: OpaquePointer
    fileprivate let batch: OpaquePointer

    fileprivate init(_ database: OpaquePointer, reserving bytes: Int) {
        self.database = database
        batch = gam_batch_new(bytes)
    }

    deinit { gam_batch_free(batch) }

    func put(_ family: RocksDBHandle.Family, _ key: [UInt8], _ value: [UInt8]) {
        value.withUnsafeBytes { put(family, key, $0) }
    }

    func put(_ family: RocksDBHandle.Family, _ key: [UInt8], _ value: UnsafeRawBufferPointer) {
        withSlice(key) {
            gam_batch_put(database, batch, family.rawValue, $0, gam_slice(value))
        }
    }

    func delete(_ family: RocksDBHandle.Family, _ key: [UInt8]) {
        withSlice(key) { gam_batch_delete(database, batch, family.rawValue, $0) }
    }
}
