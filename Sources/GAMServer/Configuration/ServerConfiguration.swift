// Every setting of the daemon with its default; Config/gamd.toml documents each.
// What always holds: a configuration that exists is within the ranges of `ConfigurationKeys`.

public struct ServerConfiguration: Equatable, Sendable {
    public struct Socket: Equatable, Sendable {
        /// Permissions of the socket.
        public var mode = 0o660
        /// Connections waiting to be accepted.
        public var backlog = 64
    }
    public struct Access: Equatable, Sendable {
        /// User ids that may read but neither put, delete nor replace.
        public var readOnlyUsers: [Int] = []
    }
    public struct Limits: Equatable, Sendable {
        public var connectionsMax = 64
        /// Requests of one connection that are not answered yet.
        public var requestsPerConnectionMax = 16
        /// Requests of one connection that run at once.
        public var activePerConnectionMax = 4
        /// Bytes of one file or of the samples of one put.
        public var putBytesMax = 16 << 30
        /// Bytes of a decoded signal.
        public var samplesBytesMax = 64 << 30
        /// Bytes of metadata an adapter may keep for one signal.
        public var metadataBytesMax = 64 << 20
        /// Bytes of the disk that uploads and decoded samples must leave free.
        public var freeBytesMin = 256 << 20
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
        public var effort = 1
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
        /// trace, debug, info, notice, warning, error or critical.
        public var level = "info"
    }

    public var socket = Socket()
    public var access = Access()
    public var limits = Limits()
    public var timeouts = Timeouts()
    public var threads = Threads()
    public var refit = Refit()
    public var log = Log()
    public var plugins = Plugins()

    public init() {}
}

/// Why a configuration cannot be used.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case syntax(path: String, reason: String)
    case unknownKey(path: String, key: String)
    case wrongType(path: String, key: String, expected: String)
    case outOfRange(path: String, key: String, allowed: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "configuration \(path) cannot be read: \(reason)"
        case .syntax(let path, let reason):
            "configuration \(path) is not valid TOML: \(reason)"
        case .unknownKey(let path, let key):
            "configuration \(path): unknown key \(key); Config/gamd.toml lists all keys"
        case .wrongType(let path, let key, let expected):
            "configuration \(path): \(key) must be \(expected)"
        case .outOfRange(let path, let key, let allowed):
            "configuration \(path): \(key) must be \(allowed)"
        }
    }
}
