// gamd: reads its configuration, starts the server, waits for signals, stops it.
// What always holds: signals are blocked before the first thread starts, so that they arrive only
// where they are waited for; nothing is acknowledged that a stop could lose.

import ArgumentParser
import CHeap
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
        discussion: """
            Settings come from /etc/gamd/gamd.toml and /etc/gamd/gamd.toml.d/*.toml, from the \
            environment (GAMD_SECTION_KEY), and from options, each over the ones before. \
            gamd.toml(5) lists them all.
            """,
        version: gamdVersion)

    @Option(help: "Folder of the store; created if its parent exists (store.path).")
    var state: String?

    @Option(help: "Path of the socket to listen on (socket.path).")
    var socket: String?

    @Option(help: "Configuration file instead of /etc/gamd/gamd.toml, with its .d folder.")
    var config: String?

    @Option(
        parsing: .singleValue,
        help: "Sets an option, for example --set log.level=debug; may be given several times.")
    var set: [String] = []

    @Option(
        parsing: .singleValue,
        help: "Folder with adapter manifests and libraries; may be given several times.")
    var plugins: [String] = []

    @Flag(help: "Checks the configuration, says what is wrong with it, and ends.")
    var checkConfig = false

    @Flag(help: "Keep everything in memory instead of on disk; for tests.")
    var memory = false

    func run() throws {
        do {
            let resolved = try sources().resolve()
            if checkConfig { return print("the configuration is valid") }
            let signals = clinux_signal_descriptor(1)
            guard signals >= 0 else {
                throw Failure(.failed, "waiting for signals is impossible: errno \(-signals)")
            }
            try serve(resolved, until: signals)
        } catch {
            let failure = Failure(error)
            let line = Array("gamd: \(failure.text)\n".utf8)
            _ = Glibc.write(STDERR_FILENO, line, line.count)
            throw ArgumentParser.ExitCode(failure.status.exitCode.rawValue)
        }
    }

    private func sources() throws -> ConfigurationSources {
        var options: [(key: String, value: String, origin: String)] = []
        for text in set {
            guard let equals = text.firstIndex(of: "=") else {
                throw Failure(.configuration, "--set \(text): write --set section.key=value")
            }
            let key = String(text[..<equals])
            let value = String(text[text.index(after: equals)...])
            options.append((key, value, "option --set \(key)"))
        }
        if let state { options.append(("store.path", state, "option --state")) }
        if let socket { options.append(("socket.path", socket, "option --socket")) }
        return ConfigurationSources(
            file: config, environment: ConfigurationSources.processEnvironment(), options: options)
    }

    private func serve(_ resolved: ResolvedConfiguration, until signals: Int32) throws {
        let service = Service(plugins: plugins, sources: sources, settings: resolved.settings)
        var options = Server.Options(resolved)
        options.isInMemory = memory
        options.passedSocket = try ServiceManager.passedSocket()
        options.heap = {
            var figures = HeapFigures()
            cheap_bytes(&figures.usedBytes, &figures.freeBytes)
            return figures
        }
        let server = try Server(
            options, adapters: service.adapters(), log: service.log)
        try server.start()
        service.announceStart(options)
        var signal = clinux_next_signal(signals)
        while signal == SIGHUP {
            service.reload(server)
            signal = clinux_next_signal(signals)
        }
        service.announceStop(signal)
        let isClean = server.stop()
        service.log.notice("stopped")
        // A thread that is left must not run into what a normal exit takes down.
        _exit(isClean ? 0 : GAMProtocol.ExitCode.other.rawValue)
    }
}
