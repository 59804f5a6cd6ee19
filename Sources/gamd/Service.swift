// What surrounds the server: the log, the adapters, and word to systemd about the state.

import GAMPluginHost
import GAMPluginManifests
import GAMServer
import Glibc
import Logging

struct Service {
    let log: Logger
    private let level: SharedLogLevel
    private let plugins: [String]
    private let settings: ServerConfiguration
    private let sources: () throws -> ConfigurationSources

    init(
        plugins: [String], sources: @escaping () throws -> ConfigurationSources,
        settings: ServerConfiguration
    ) {
        self.plugins = plugins
        self.sources = sources
        self.settings = settings
        let level = SharedLogLevel(settings.log.level)
        self.level = level
        let isJournal = JournalLogHandler.isConnected(
            environment: ConfigurationSources.processEnvironment())
        log = Logger(label: "gamd") { label in
            let inner: any LogHandler =
                isJournal ? JournalLogHandler() : StreamLogHandler.standardError(label: label)
            return LeveledLogHandler(inner, level)
        }
    }

    func adapters() -> PluginAdapters {
        let folders = plugins + Self.installedFolder + settings.plugins.folders
        let registry = PluginRegistry(
            manifestFolders: folders,
            libraryFolders: folders + settings.plugins.libraryFolders,
            isolation: settings.plugins.isolationRule,
            quarantine: settings.plugins.quarantineRule)
        for problem in registry.problems { log.warning("\(problem)") }
        for entry in registry.entries {
            log.info("plugin \(entry.manifest.id) \(entry.manifest.version): \(entry.state)")
        }
        return PluginAdapters(
            registry: registry, settings: settings.plugins,
            scratchFolder: settings.store.path + "/spool")
    }

    /// The plugins that were installed with this program: lib/gamd/plugins beside its folder.
    private static var installedFolder: [String] {
        guard let program = realpath("/proc/self/exe", nil) else { return [] }
        defer { free(program) }
        let parts = String(cString: program).split(separator: "/").dropLast(2)
        let folder = "/" + parts.joined(separator: "/") + "/lib/gamd/plugins"
        return access(folder, F_OK) == 0 ? [folder] : []
    }

    func announceStart(_ options: Server.Options) {
        let origin = options.passedSocket == nil ? settings.socket.path : "the socket of systemd"
        let text = "\(options.version) is ready on \(origin), state in \(settings.store.path)"
        log.event(.started, .notice, text)
        ServiceManager.ready(text)
    }

    func announceStop(_ signal: Int32) {
        ServiceManager.stopping()
        log.event(.stopping, .notice, "stopping after \(signal == SIGINT ? "SIGINT" : "SIGTERM")")
    }

    /// SIGHUP: reads the configuration again; a faulty one leaves everything as it was.
    func reload(_ server: Server) {
        ServiceManager.reloading()
        do {
            let resolved = try sources().resolve()
            let waiting = server.reload(resolved)
            level.set(resolved.settings.log.level)
            let rest =
                waiting.isEmpty ? "" : "; after a restart: " + waiting.joined(separator: ", ")
            log.event(.reloaded, .notice, "the configuration is in effect\(rest)")
        } catch {
            log.event(
                .reloadFailed, .error, "the old configuration stays in effect: \(error)")
        }
        ServiceManager.ready("serving")
    }
}
