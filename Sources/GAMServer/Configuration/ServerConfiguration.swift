// Every setting of the daemon with its default; Config/gamd.toml documents each.
// What always holds: a configuration that exists is within the ranges of `ConfigurationKeys`.

public struct ServerConfiguration: Equatable, Sendable {
    public struct Store: Equatable, Sendable {
        /// Folder of everything the daemon keeps.
        public var path = "/var/lib/gamd"
    }
    public struct Socket: Equatable, Sendable {
        public var path = "/run/gamd/gamd.sock"
        /// Permissions of the socket.
        public var mode = 0o660
        /// Connections waiting to be accepted.
        public var backlog = 128
    }
    public struct Access: Equatable, Sendable {
        /// User ids that may read but neither put, delete nor replace.
        public var readOnlyUsers: [Int] = []
        /// User ids that are turned away.
        public var denyUsers: [Int] = []
        /// User ids that may back up, scrub and collect, besides root and the daemon's own.
        public var adminUsers: [Int] = []
    }
    public struct Limits: Equatable, Sendable {
        public var connectionsMax = 1_200
        /// Requests of one connection that are not answered yet.
        public var requestsPerConnectionMax = 16
        /// Requests of one connection that run at once.
        public var activePerConnectionMax = 4
        /// Requests of all connections that wait for a thread; one more is told to try later.
        public var waitingRequestsMax = 1_024
        /// Puts and verifications that wait for a thread.
        public var waitingPutsMax = 64
        /// Memory for answers that a slow client has not taken; the rest waits on disk.
        public var replyBytesPerConnection = 2 << 20
        /// Coordinates of one query.
        public var queryBytesMax = 32 << 20
        /// Coordinates and answers of all queries that wait or run; one more is told to try later.
        public var queryMemoryBytes = 512 << 20
        /// Bytes of one file or of the samples of one put.
        public var putBytesMax = 16 << 30
        /// Bytes of a decoded signal.
        public var samplesBytesMax = 64 << 30
        /// Bytes of metadata an adapter may keep for one signal.
        public var metadataBytesMax = 64 << 20
        /// Bytes of the disk that uploads, decoded samples and records must leave free.
        public var freeBytesMin = 256 << 20
    }
    public struct Quota: Equatable, Sendable {
        /// Bytes of all signals together, as stored; 0: no quota.
        public var storedBytesMax = 0
        /// Signals in the store; 0: no quota.
        public var signalsMax = 0
        /// The same of signals whose keys begin with a prefix. A key counts for every prefix it has.
        public var prefixStoredBytesMax: [PrefixLimit] = []
        public var prefixSignalsMax: [PrefixLimit] = []
    }
    /// A limit for keys that begin with a text. Prefixes are the same where their UTF-8 is.
    public struct PrefixLimit: Equatable, Sendable {
        public var prefix: String
        public var limit: Int

        public init(prefix: String, limit: Int) {
            self.prefix = prefix
            self.limit = limit
        }
    }
    public struct Cache: Equatable, Sendable {
        /// Recalled shards.
        public var shardBytes = 128 << 20
        /// Shards recalled ahead of a sequential reader; 0: none.
        public var prefetchShards = 4
        /// Unpacked networks with their working memory.
        public var networkBytes = 64 << 20
        /// Blocks and records of the store.
        public var storeBytes = 32 << 20
    }
    public struct Timeouts: Equatable, Sendable {
        /// A connection without requests is closed.
        public var idleSeconds = 600
        /// From the first byte of a frame to the end of its metadata.
        public var headerSeconds = 10
        /// Without a byte of a body that is under way.
        public var bodySeconds = 30
        /// Without a byte taken by a client that is being answered.
        public var writeSeconds = 30
        /// Running requests may take this long to end after SIGTERM; then they are cancelled.
        public var shutdownSeconds = 5
    }
    public struct Threads: Equatable, Sendable {
        /// Puts and verifications that run at once.
        public var puts = 2
        /// Files and answers of more than 1 MiB, or that recall more than 8 MiB, made at once.
        public var large = 2
        /// Other requests that run at once.
        public var reads = 8
        /// Threads of the codec within one request; 0: as many as there are processors.
        public var codec = 0
    }
    public struct Refit: Equatable, Sendable {
        public var enabled = true
        /// Without a request for this long, the daemon is idle.
        public var idleSeconds = 10
        /// Signals below this effort are fitted again.
        public var effort = 2
        /// Most of one processor that fitting takes, in percent.
        public var maxCPU = 100
    }
    public struct Scrub: Equatable, Sendable {
        /// Recalled sample bytes per second a scrub keeps below; 0: as fast as it goes.
        public var bytesPerSecond = 32 << 20
    }
    public struct Backup: Equatable, Sendable {
        /// Folder of the backups; empty: "backup" in the store's folder.
        public var folder = ""
    }
    public struct Plugins: Equatable, Sendable {
        /// Folders with adapter manifests, besides those of the command line.
        public var folders: [String] = []
        /// Folders with adapter libraries that do not lie beside their manifest.
        public var libraryFolders: [String] = []
        /// "workers" or "in-process".
        public var isolation = "workers"
        /// "required", "available" or "off"; of workers.
        public var sandbox = "required"
        /// "all", "file" or "off": whose promises are tried before a put is stored.
        public var verify = "all"
        /// Idle workers kept ready for each plugin.
        public var idleWorkersMax = 2
        /// Working memory of one file being decoded or encoded.
        public var memoryBytesMax = 512 << 20
        /// Points (pixels, frames, voxels) and channels of one signal.
        public var pointsMax = 1 << 40
        public var channelsMax = 64
        /// Bytes of one file being written.
        public var outputBytesMax = 16 << 30
        /// Seconds until an adapter's next answer.
        public var secondsMax = 30
        /// So many faults within the window put a plugin aside for the time of quarantine.
        public var faultsMax = 3
        public var faultWindowSeconds = 600
        public var quarantineSeconds = 600
    }
    public struct Log: Equatable, Sendable {
        /// Least level that is logged.
        public var level = "info"
        /// One line for every change and who made it.
        public var audit = true
    }

    public var store = Store()
    public var socket = Socket()
    public var access = Access()
    public var limits = Limits()
    public var quota = Quota()
    public var cache = Cache()
    public var timeouts = Timeouts()
    public var threads = Threads()
    public var refit = Refit()
    public var scrub = Scrub()
    public var backup = Backup()
    public var plugins = Plugins()
    public var log = Log()

    public init() {}

    /// Where backups go.
    public var backupFolder: String {
        backup.folder.isEmpty ? store.path + "/backup" : backup.folder
    }
}

extension [ServerConfiguration.PrefixLimit] {
    /// The limit of a prefix, if it has one.
    func limit(of prefix: String) -> Int? {
        first { $0.prefix.utf8.elementsEqual(prefix.utf8) }?.limit
    }
}
