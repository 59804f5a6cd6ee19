// The daemon as an object: everything is started in `init` and `start`, ended in `stop`.
//
// What always holds:
// - One server per state folder: the lock file is held from start to end.
// - `stop` returns within the shutdown time plus about three seconds: running requests may end,
//   then they are cancelled, then the store is closed.

import CLinux
import GAMStore
import Glibc
import Logging
import Synchronization

public final class Server: Sendable {
    public struct Options: Sendable {
        public var stateFolder: String
        public var socketPath: String
        public var configuration = ServerConfiguration()
        /// Keep everything in memory instead of RocksDB; for tests.
        public var isInMemory = false
        public var version = gamdVersion

        public init(stateFolder: String, socketPath: String) {
            self.stateFolder = stateFolder
            self.socketPath = socketPath
        }
    }

    private let log: Logger
    private let settings: ServerConfiguration
    private let lock: FolderLock
    private let store: any ShardStore
    private let reclaimer: Reclaimer
    private let executor: RequestExecutor
    private let refits: RefitScheduler
    private let listener: Listener
    private let isStopped = Atomic(false)

    /// Opens the state folder and the socket; nothing is answered before `start`.
    public convenience init(
        _ options: Options, adapters: any SignalAdapters, log: Logger
    ) throws {
        try self.init(options, adapters: adapters, log: log) { folder -> any ShardStore in
            if options.isInMemory { return MemoryStore() }
            return try RocksDBStore(path: folder + "/store")
        }
    }

    /// The same on any store; `openStore` gets the locked state folder.
    package init(
        _ options: Options, adapters: any SignalAdapters, log: Logger,
        openStore: (String) throws -> any ShardStore
    ) throws {
        self.log = log
        let settings = options.configuration
        self.settings = settings
        lock = try FolderLock(options.stateFolder)
        let spools = try SpoolFolder(
            path: options.stateFolder + "/spool", freeBytesMin: settings.limits.freeBytesMin)
        store = try openStore(options.stateFolder)
        let activity = Activity()
        let jobs = JobBoard()
        reclaimer = try Reclaimer(store: store, log: log)
        let catalog = try SignalCatalog(store: store, reclaimer: reclaimer)
        let threads =
            settings.threads.codec > 0
            ? settings.threads.codec : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let handlers = RequestHandlers(
            catalog: catalog, adapters: adapters, spools: spools, settings: settings,
            codecThreads: threads, jobs: jobs, serverVersion: options.version)
        let executor = RequestExecutor(handlers: handlers, activity: activity, log: log)
        self.executor = executor
        refits = RefitScheduler(
            catalog: catalog, activity: activity, jobs: jobs, settings: settings.refit,
            threads: threads, log: log)
        listener = try Listener(path: options.socketPath, settings: settings, log: log) {
            client, peer in
            Connection(
                descriptor: client, settings: settings,
                mayWrite: !settings.access.readOnlyUsers.contains(Int(peer.uid)),
                spools: spools, executor: executor, log: log)
        }
    }

    /// Reclaims what an earlier run left, then answers requests.
    public func start() throws {
        try reclaimer.recover()
        reclaimer.start()
        try executor.start(threads: settings.threads)
        refits.start()
        try listener.start()
    }

    /// Ends everything in order; safe to call twice. False when a thread did not end in time
    /// (the store is then left as it is: every acknowledged change is durable already).
    @discardableResult
    public func stop() -> Bool {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return true }
        listener.stopAccepting()
        // Told at once, waited for at the end: nobody waits for fitting.
        _ = refits.stop(milliseconds: 0)
        let milliseconds = settings.timeouts.shutdownSeconds * 1000
        if !listener.waitForConnections(milliseconds: milliseconds) {
            log.warning("cancelling requests that did not end in \(milliseconds) ms")
            listener.cancelRequests()
            if !listener.waitForConnections(milliseconds: 1_000) { listener.abortConnections() }
        }
        let didEnd =
            refits.stop(milliseconds: 1_500)
            && listener.waitForConnections(milliseconds: 1_000)
            && executor.stop(milliseconds: 500)
        reclaimer.stop()
        guard didEnd else {
            log.error("some requests did not stop; leaving them")
            return false
        }
        do {
            try store.close()
        } catch {
            log.error("closing the store failed: \(error)")
            return false
        }
        lock.release()
        return true
    }
}

/// The version gamd and gamctl tell.
public let gamdVersion = "gamd 0.1.0"

/// Exclusive use of a state folder, for as long as the process lives or until released.
final class FolderLock: Sendable {
    private let descriptor: Atomic<Int32>

    /// Creates the folder (its parent must exist) and takes the lock.
    init(_ folder: String) throws(Failure) {
        if mkdir(folder, 0o700) < 0 && clinux_errno() != EEXIST {
            throw Failure.system("creating the state folder \(folder)", errno: clinux_errno())
        }
        let result = clinux_lock_file(folder + "/gamd.lock")
        if result == -EWOULDBLOCK {
            throw Failure(
                .busy, "another gamd uses the state folder \(folder); stop it or choose another")
        }
        guard result >= 0 else {
            throw Failure.system("locking the state folder \(folder)", errno: -result)
        }
        descriptor = Atomic(result)
    }

    func release() {
        let held = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if held >= 0 { close(held) }
    }

    deinit { release() }
}
