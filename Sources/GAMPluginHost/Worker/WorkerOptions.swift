// Everything about workers that can be configured, with its default.

/// Where adapters run.
public enum PluginIsolation: Sendable {
    /// In processes of their own, without rights.
    case workers(WorkerOptions)
    /// In this process, with all its rights: for plugins one would link to.
    case inProcess
}

/// How workers are started and kept.
public struct WorkerOptions: Sendable {
    /// What to do where the kernel has no sandbox.
    public enum Sandbox: String, Sendable, CaseIterable {
        /// Landlock and a system-call filter, or no plugin runs.
        case required
        /// The same, but without Landlock where the kernel has none.
        case available
        /// A process of its own with limits, nothing else.
        case off
    }

    /// Path of gamd-worker; nil: beside the executable, or in ../lib/gamd from there.
    public var executable: String?
    public var sandbox = Sandbox.required
    /// Idle workers kept ready for each plugin.
    public var idleMax = 2
    /// Working memory of a worker; its process may take `memoryReserveBytes` more.
    public var memoryBytesMax: UInt64 = 512 << 20
    /// Bytes of a file that a worker writes.
    public var outputBytesMax: UInt64 = 16 << 30
    /// A worker that served this many files is replaced.
    public var sessionsMax = 1000
    /// A plugin whose workers have to be ended gets a new one this often at most: a process takes
    /// milliseconds of processor to start, and other clients would pay for them.
    public var restartMilliseconds: Int64 = 50

    /// What a process takes before any adapter works, and for metadata on their way.
    static let memoryReserveBytes: UInt64 = 256 << 20

    public init() {}
}

/// When a plugin is put aside.
public struct QuarantineRule: Sendable {
    public var faultsMax = 3
    /// Faults within this time count together.
    public var windowSeconds = 600
    /// From the last fault on.
    public var quarantineSeconds = 600

    public init() {}
}
