// gamd: reads its options, starts the server, waits for SIGTERM or SIGINT, stops it.
// What always holds: signals are blocked before the first thread starts, so that they arrive only
// where they are waited for; nothing is acknowledged that a stop could lose.

import ArgumentParser
import CLinux
import GAMPluginHost
import GAMProtocol
import GAMServer
import Glibc
import Logging

@main
struct Daemon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gamd",
        abstract: "Keeps signals as GAM networks and serves them over a Unix socket.",
        version: gamdVersion)

    @Option(help: "Folder of the store; created if its parent exists.")
    var state: String

    @Option(help: "Path of the socket to listen on.")
    var socket: String

    @Option(help: "Configuration file (TOML); Config/gamd.toml documents every option.")
    var config: String?

    @Option(
        parsing: .singleValue,
        help: "Folder with adapter manifests and libraries; may be given several times.")
    var plugins: [String] = []

    @Flag(help: "Keep everything in memory instead of on disk; for tests.")
    var memory = false

    func run() throws {
        let signals = clinux_signal_descriptor()
        do {
            guard signals >= 0 else {
                throw Failure(.failed, "waiting for signals is impossible: errno \(-signals)")
            }
            try serve(until: signals)
        } catch {
            let failure = Failure(error)
            let line = Array("gamd: \(failure.text)\n".utf8)
            _ = Glibc.write(STDERR_FILENO, line, line.count)
            throw ArgumentParser.ExitCode(failure.status.exitCode.rawValue)
        }
    }

    private func serve(until signals: Int32) throws {
        var options = Server.Options(stateFolder: state, socketPath: socket)
        options.isInMemory = memory
        if let config {
            options.configuration = try ServerConfiguration(
                parsing: try Self.text(of: config), path: config)
        }
        let log = Self.logger(level: options.configuration.log.level)
        let server = try Server(
            options, adapters: adapters(options.configuration, log), log: log)
        try server.start()
        log.notice("\(options.version) is ready on \(socket), state in \(state)")
        let signal = clinux_next_signal(signals)
        log.notice("stopping after \(signal == SIGINT ? "SIGINT" : "SIGTERM")")
        let isClean = server.stop()
        log.notice("stopped")
        // A request that did not stop would keep a normal exit waiting.
        if !isClean { _exit(GAMProtocol.ExitCode.other.rawValue) }
    }

    private func adapters(
        _ configuration: ServerConfiguration, _ log: Logger
    ) -> PluginAdapters {
        let registry = PluginRegistry(
            manifestFolders: plugins + configuration.plugins.folders,
            libraryFolders: plugins + configuration.plugins.libraryFolders,
            isolation: configuration.plugins.isolationRule,
            quarantine: configuration.plugins.quarantineRule)
        for problem in registry.problems { log.warning("\(problem)") }
        for entry in registry.entries {
            log.info("plugin \(entry.manifest.id) \(entry.manifest.version): \(entry.state)")
        }
        return PluginAdapters(
            registry: registry, settings: configuration.plugins, scratchFolder: state + "/spool")
    }

    private static func logger(level: String) -> Logger {
        var log = Logger(label: "gamd") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = Logger.Level(rawValue: level) ?? .info
        return log
    }

    private static func text(of path: String) throws(ConfigurationError) -> String {
        guard let file = fopen(path, "re") else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { fclose(file) }
        // A configuration is a few kilobytes; a file of more is something else.
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count < bytes.count, ferror(file) == 0 else {
            throw .unreadable(path: path, reason: "it is larger than 1 MiB or not a file")
        }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw .syntax(path: path, reason: "it is not UTF-8")
        }
        return text
    }
}
