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
        public var configuration = ResolvedConfiguration()
        /// Keep everything in memory instead of RocksDB; for tests.
        public var isInMemory = false
        /// A listening socket from systemd; nil: one is made.
        public var passedSocket: Int32?
        public var version = gamdVersion
        /// What the heap says of itself; nil: nothing.
        public var heap: (@Sendable () -> HeapFigures)?

        public init(_ configuration: ResolvedConfiguration) {
            self.configuration = configuration
        }

        /// Settings chosen in code.
        public init(_ settings: ServerConfiguration) {
            configuration = ResolvedConfiguration(settings)
        }
    }

    private let log: Logger
    private let live: LiveSettings
    private let lock: FolderLock
    package let catalog: SignalCatalog
    private let executor: RequestExecutor
    private let refits: RefitScheduler
    private let prefetcher: Prefetcher
    private let scrubber: Scrubber
    private let heartbeat: Heartbeat
    private let listener: Listener
    private let isStopped = Atomic(false)

    private var store: any ShardStore { catalog.store }
    private var reclaimer: Reclaimer { catalog.reclaimer }

    /// Opens the state folder and the socket; nothing is answered before `start`.
    public convenience init(
        _ options: Options, adapters: any SignalAdapters, log: Logger
    ) throws {
        let settings = options.configuration.settings
        let budget = Self.descriptorBudget(settings, log)
        try self.init(options, adapters: adapters, budget: budget, log: log) {
            folder -> any ShardStore in
            if options.isInMemory { return MemoryStore() }
            var configuration = RocksDBConfiguration()
            configuration.openFilesMax = budget.storeFiles
            configuration.blockCacheBytes = UInt64(settings.cache.storeBytes)
            return try ServiceManager.withPatience {
                try RocksDBStore(
                    path: "\(folder)/\(Backups.storeFolder)", configuration: configuration)
            }
        }
    }

    /// The same on any store; `openStore` gets the locked state folder.
    package convenience init(
        _ options: Options, adapters: any SignalAdapters, log: Logger,
        openStore: (String) throws -> any ShardStore
    ) throws {
        let budget = Self.descriptorBudget(options.configuration.settings, log)
        try self.init(
            options, adapters: adapters, budget: budget, log: log, openStore: openStore)
    }

    private init(
        _ options: Options, adapters: any SignalAdapters, budget: DescriptorBudget, log: Logger,
        openStore: (String) throws -> any ShardStore
    ) throws {
        self.log = log
        let live = LiveSettings(options.configuration)
        self.live = live
        let settings = live.now
        lock = try FolderLock(settings.store.path)
        let spools = try SpoolFolder(path: settings.store.path + "/spool") {
            live.now.limits.freeBytesMin
        }
        let store = try openStore(settings.store.path)
        let metrics = ServerMetrics(version: options.version)
        let catalog = try SignalCatalog(
            store: store, reclaimer: Reclaimer(store: store, log: log), quota: { live.now.quota })
        self.catalog = catalog
        heartbeat = try Heartbeat(store: store, log: log)
        scrubber = Scrubber(catalog: catalog, settings: live, metrics: metrics, log: log)
        let threads = Self.codecThreads(settings)
        let handlers = RequestHandlers(
            catalog: catalog, adapters: adapters, spools: spools, live: live,
            codecThreads: threads, jobs: JobBoard(),
            readers: ReaderCache(settings.cache, threads: threads),
            prefetcher: Prefetcher(settings.cache, metrics: metrics, log: log), metrics: metrics,
            scrubber: scrubber, log: log, serverVersion: options.version)
        metrics.watch(
            catalog: catalog,
            caches: [
                ("shards", handlers.readers.shards), ("networks", handlers.readers.networks),
                ("entries", catalog.entries),
            ], adapters: adapters)
        if let heap = options.heap { metrics.watch(heap) }
        prefetcher = handlers.prefetcher
        let activity = Activity()
        let executor = RequestExecutor(
            handlers: handlers, activity: activity, metrics: metrics, limits: settings.limits,
            log: log)
        self.executor = executor
        refits = RefitScheduler(
            catalog: catalog, activity: activity, jobs: handlers.jobs, settings: live,
            metrics: metrics, log: log)
        listener = try Listener(
            settings.socket, passed: options.passedSocket, connectionsMax: budget.connections,
            metrics: metrics, log: log
        ) { client, peer in
            let settings = live.now
            return Connection(
                descriptor: client, peer: peer,
                access: AccessPolicy(settings.access, owner: geteuid()).level(of: peer.user),
                settings: settings, spools: spools, executor: executor, metrics: metrics, log: log)
        }
    }

    private static func codecThreads(_ settings: ServerConfiguration) -> Int {
        settings.threads.codec > 0
            ? settings.threads.codec : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    private static func descriptorBudget(
        _ settings: ServerConfiguration, _ log: Logger
    ) -> DescriptorBudget {
        let limit = Int(clinux_raise_descriptor_limit())
        let wanted = settings.limits.connectionsMax
        let budget = DescriptorBudget(limit: limit, wanted: wanted)
        if budget.connections < wanted {
            log.warning(
                "\(limit) descriptors allow \(budget.connections) connections, not \(wanted)")
        }
        return budget
    }

    /// Reclaims what an earlier run left, counts what is there, then answers requests.
    public func start() throws {
        try ServiceManager.withPatience {
            try catalog.load()
            try reclaimer.recover()
        }
        reclaimer.start()
        try executor.start(threads: live.now.threads)
        refits.start()
        prefetcher.start()
        try scrubber.resume()
        heartbeat.start()
        try listener.start()
    }

    /// Puts new settings into effect. Options that need a restart keep their old value until
    /// then; their names are returned.
    public func reload(_ configuration: ResolvedConfiguration) -> [String] {
        let waiting = configuration.settings.restartKeys(comparedWith: live.now)
        live.replace(configuration.reloaded(over: live.resolved))
        let policy = AccessPolicy(configuration.settings.access, owner: geteuid())
        listener.applyAccess(policy.level)
        return waiting
    }

    /// Ends everything in order; safe to call twice. False when a thread did not end in time
    /// (the store is then left as it is: every acknowledged change is durable already).
    @discardableResult
    public func stop() -> Bool {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return true }
        listener.stopAccepting()
        // Told at once, waited for at the end: nobody waits for idle work.
        _ = refits.stop(milliseconds: 0)
        _ = scrubber.stop(milliseconds: 0)
        _ = prefetcher.stop(milliseconds: 0)
        let milliseconds = live.now.timeouts.shutdownSeconds * 1000
        if !listener.waitForConnections(milliseconds: milliseconds) {
            log.warning("cancelling requests that did not end in \(milliseconds) ms")
            listener.cancelRequests()
            if !listener.waitForConnections(milliseconds: 1_000) { listener.abortConnections() }
        }
        // Idle work may be in the middle of a step; it has nothing to lose and finds the store
        // closed when it goes on.
        if !refits.stop(milliseconds: 500) || !scrubber.stop(milliseconds: 500)
            || !prefetcher.stop(milliseconds: 500)
        {
            log.debug("idle work is left in the middle of a step")
        }
        let didEnd =
            listener.waitForConnections(milliseconds: 1_000)
            && executor.stop(milliseconds: 500)
        reclaimer.stop()
        heartbeat.stop()
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
        guard held >= 0 else { return }
        // Closing alone would leave it to a child that was forked and has not executed yet.
        flock(held, LOCK_UN)
        close(held)
    }

    deinit { release() }
}
