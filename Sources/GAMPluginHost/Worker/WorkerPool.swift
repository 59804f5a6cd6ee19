// The workers of a registry, by plugin.
// What always holds:
// - A worker is either idle here or leased to one session.
// - Only a worker that ended its session in order comes back; any other is ended.
// - A plugin whose workers have to be ended gets a new one every `restartMilliseconds` at most.

import CLinux
import Glibc
import Synchronization

/// What workers have done, for operators.
public struct WorkerFigures: Sendable, Equatable {
    /// Workers started since the registry exists.
    public internal(set) var started = 0
    /// Files decoded or encoded, successfully or not.
    public internal(set) var sessions = 0
    public internal(set) var idle = 0
    public internal(set) var busy = 0
    /// Breaches of contract; see QuarantineRule.
    public internal(set) var faults = 0
}

/// Starts a worker that has a library loaded, and tells what the library says of itself.
package typealias WorkerStarter =
    @Sendable (LibraryIdentity) throws(PluginError) -> (WorkerProcess, PluginProfile)

final class WorkerPool: Sendable {
    private struct Plugin {
        var idle: [WorkerProcess] = []
        var busy = 0
        var figures = WorkerFigures()
        /// What the library said when it was first loaded.
        var profile: PluginProfile?
        /// No worker starts before (monotonic milliseconds).
        var restartAt: Int64 = 0

        mutating func holdBack(_ milliseconds: Int64) {
            restartAt = max(restartAt, clinux_milliseconds() + milliseconds)
        }
    }

    private let options: WorkerOptions
    private let start: WorkerStarter
    private let plugins = Mutex<[String: Plugin]>([:])

    init(options: WorkerOptions, start: @escaping WorkerStarter) {
        self.options = options
        self.start = start
    }

    /// Workers are processes as `options` say.
    convenience init(options: WorkerOptions) {
        self.init(options: options) { library throws(PluginError) in
            try WorkerStart(library: library, options: options).run()
        }
    }

    /// A worker with `library` loaded, for one session; a new one if it must be `fresh`.
    func lease(
        _ library: LibraryIdentity, fresh: Bool = false
    ) throws(PluginError) -> WorkerProcess {
        while !fresh, let worker = takeIdle(library.id) {
            // One that died while idle is replaced without a word: nobody's request failed.
            if worker.isQuiet {
                worker.beginSession()
                return worker
            }
            worker.end()
            plugins.withLock { $0[library.id]?.busy -= 1 }
        }
        waitForRestart(library.id)
        let (worker, profile) = try start(library)
        plugins.withLock { plugins in
            var plugin = plugins[library.id] ?? Plugin()
            plugin.busy += 1
            plugin.figures.started += 1
            plugin.profile = profile
            plugins[library.id] = plugin
        }
        worker.beginSession()
        return worker
    }

    private func waitForRestart(_ id: String) {
        let milliseconds = plugins.withLock { plugins -> Int64 in
            let left = (plugins[id]?.restartAt ?? 0) - clinux_milliseconds()
            // Whoever comes next, before this one has started, waits for the turn after.
            if left > 0 { plugins[id]?.restartAt += options.restartMilliseconds }
            return left
        }
        if milliseconds > 0 { usleep(UInt32(clamping: milliseconds * 1000)) }
    }

    private func takeIdle(_ id: String) -> WorkerProcess? {
        plugins.withLock { plugins in
            guard let worker = plugins[id]?.idle.popLast() else { return nil }
            plugins[id]?.busy += 1
            return worker
        }
    }

    /// Ends a lease. A worker whose session ended in order is kept ready.
    func giveBack(_ worker: WorkerProcess, inOrder: Bool, wasSession: Bool = true) {
        let keeps = plugins.withLock { plugins -> Bool in
            guard var plugin = plugins[worker.plugin] else { return false }
            plugin.busy -= 1
            if wasSession { plugin.figures.sessions += 1 }
            if !inOrder { plugin.holdBack(options.restartMilliseconds) }
            let keeps =
                inOrder && worker.isAlive && plugin.idle.count < options.idleMax
                && worker.sessionsServed < options.sessionsMax
            if keeps { plugin.idle.append(worker) }
            plugins[worker.plugin] = plugin
            return keeps
        }
        if !keeps { worker.end() }
    }

    /// Ends the idle workers of a plugin that is not trusted any more.
    func dropIdle(_ id: String) {
        let idle = plugins.withLock { plugins -> [WorkerProcess] in
            guard let idle = plugins[id]?.idle else { return [] }
            plugins[id]?.idle = []
            plugins[id]?.holdBack(options.restartMilliseconds)
            return idle
        }
        for worker in idle { worker.end() }
    }

    /// What the library says of itself; loads it in a worker the first time.
    func profile(_ library: LibraryIdentity) throws(PluginError) -> PluginProfile {
        if let known = plugins.withLock({ $0[library.id]?.profile }) { return known }
        let worker = try lease(library)
        giveBack(worker, inOrder: true, wasSession: false)
        guard let profile = plugins.withLock({ $0[library.id]?.profile }) else {
            throw .fault(plugin: library.id, reason: "its worker started without a profile")
        }
        return profile
    }

    func figures(_ id: String) -> WorkerFigures {
        plugins.withLock { plugins in
            guard let plugin = plugins[id] else { return WorkerFigures() }
            var figures = plugin.figures
            figures.idle = plugin.idle.count
            figures.busy = plugin.busy
            return figures
        }
    }
}
