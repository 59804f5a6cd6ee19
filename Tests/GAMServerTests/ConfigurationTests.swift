// The configuration file: what it says, and what it refuses.

import Foundation
import GAMServer
import Testing

struct ConfigurationTests {
    private func parse(_ text: String) throws -> ServerConfiguration {
        try ServerConfiguration(parsing: text, path: "test.toml")
    }

    private var shipped: String {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            return try String(
                contentsOf: root.appending(path: "Config/gamd.toml"), encoding: .utf8)
        }
    }

    @Test func emptyTextIsTheDefaults() throws {
        #expect(try parse("") == ServerConfiguration())
    }

    @Test func shippedFileIsTheDefaults() throws {
        #expect(try parse(try shipped) == ServerConfiguration())
    }

    @Test func shippedFileSetsEveryKey() throws {
        var section = ""
        var found: Set<String> = []
        for line in try shipped.split(separator: "\n") {
            if line.hasPrefix("[") { section = String(line.dropFirst().dropLast()) }
            if let equals = line.firstIndex(of: "="), !line.hasPrefix("#") {
                let key = line[..<equals].trimmingCharacters(in: .whitespaces)
                found.insert("\(section).\(key)")
            }
        }
        #expect(found == ServerConfiguration.keyNames)
    }

    @Test func valuesReachTheirPlaces() throws {
        let text = """
            [socket]
            mode = "0600"
            [access]
            read_only_users = [1000, 33]
            [limits]
            connections_max = 3
            [refit]
            enabled = false
            [plugins]
            folders = ["a", "b"]
            [log]
            level = "debug"
            """
        let configuration = try parse(text)
        #expect(configuration.socket.mode == 0o600)
        #expect(configuration.access.readOnlyUsers == [1000, 33])
        #expect(configuration.limits.connectionsMax == 3)
        #expect(!configuration.refit.enabled)
        #expect(configuration.plugins.folders == ["a", "b"])
        #expect(configuration.log.level == "debug")
    }

    @Test(
        arguments: [
            ("[limits]\nconections_max = 3", "limits.conections_max"),
            ("[limit]\nconnections_max = 3", "unknown key limit"),
            ("connections_max = 3", "connections_max"),
            (
                "[limits]\n\n# x\nconections_max = 3",
                "test.toml:4: unknown key limits.conections_max"
            ),
            ("[log]\nlevel = \"info\"\n[limit]\na = 3", "test.toml:3: unknown key limit"),
            ("[limits]\nconnections_max = \"3\"", "limits.connections_max must be an integer"),
            ("[limits]\nconnections_max = 0", "limits.connections_max must be 1 to 10000"),
            ("[limits]\nput_bytes_max = -1", "limits.put_bytes_max"),
            ("[refit]\nenabled = 1", "refit.enabled must be true or false"),
            ("[socket]\nmode = \"0888\"", "socket.mode"),
            ("[socket]\nmode = 660", "socket.mode"),
            ("[log]\nlevel = \"loud\"", "log.level must be one of trace"),
            ("[plugins]\nfolders = [1]", "plugins.folders must be a list of strings"),
            ("[access]\nread_only_users = [\"x\"]", "access.read_only_users"),
            (
                "[quota]\nprefix_signals_max = [\"a/\"]",
                "quota.prefix_signals_max must be a list of"
            ),
            (
                "[quota]\nprefix_signals_max = [\"=3\"]",
                "quota.prefix_signals_max must be a list of"
            ),
            ("[quota]\nprefix_signals_max = [\"a=0\"]", "quota.prefix_signals_max must be 1 to"),
            ("[quota]\nprefix_signals_max = [\"a=1\", \"a=2\"]", "each prefix once"),
            (
                "[quota]\nprefix_stored_bytes_max = [7]",
                "quota.prefix_stored_bytes_max must be a list"
            ),
            ("[timeouts]\nshutdown_seconds = 7", "timeouts.shutdown_seconds must be 0 to 6"),
            ("[limits\n", "not valid TOML"),
        ])
    func wrongFileIsRefusedNamingTheKey(text: String, reason: String) {
        let error = #expect(throws: ConfigurationError.self) { try parse(text) }
        #expect(error?.description.contains(reason) == true, "\(error.debugDescription)")
        #expect(error?.description.contains("test.toml") == true)
    }

    // MARK: Sources

    private func resolve(
        _ folder: TemporaryFolder, environment: [String: String] = [:],
        options: [(key: String, value: String, origin: String)] = []
    ) throws -> ResolvedConfiguration {
        try ConfigurationSources(
            file: folder.path + "/gamd.toml", environment: environment, options: options
        ).resolve()
    }

    private func write(_ text: String, to name: String, in folder: TemporaryFolder) throws {
        let path = folder.path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func origin(_ key: String, _ resolved: ResolvedConfiguration) -> String {
        resolved.entries.first { $0.key == key }?.origin ?? ""
    }

    @Test func laterSourcesWinAndAreNamed() throws {
        let folder = try TemporaryFolder()
        let main = "[limits]\nconnections_max = 1\nfree_bytes_min = 1\n[threads]\nputs = 1\n"
        try write(main, to: "gamd.toml", in: folder)
        try write("[threads]\nputs = 2\nreads = 2\n", to: "gamd.toml.d/10-a.toml", in: folder)
        try write("[threads]\nreads = 3\n", to: "gamd.toml.d/20-b.toml", in: folder)
        try write("not TOML at all", to: "gamd.toml.d/ignored.txt", in: folder)
        let resolved = try resolve(
            folder,
            environment: [
                "GAMD_LIMITS_FREE_BYTES_MIN": "7", "GAMD_SOCKET": "/x", "GAMD_SEED": "1",
            ],
            options: [("limits.connections_max", "9", "option --set")])
        let settings = resolved.settings
        #expect(settings.limits.connectionsMax == 9)
        #expect(settings.limits.freeBytesMin == 7)
        #expect(settings.threads.puts == 2 && settings.threads.reads == 3)
        #expect(settings.socket.path == "/x")
        #expect(origin("limits.connections_max", resolved) == "option --set")
        #expect(
            origin("limits.free_bytes_min", resolved) == "environment GAMD_LIMITS_FREE_BYTES_MIN")
        #expect(origin("threads.puts", resolved) == folder.path + "/gamd.toml.d/10-a.toml:2")
        #expect(origin("threads.reads", resolved) == folder.path + "/gamd.toml.d/20-b.toml:2")
        #expect(origin("threads.codec", resolved) == "default")
    }

    @Test func limitsOfPrefixesAreWrittenInOneLine() throws {
        let folder = try TemporaryFolder()
        try write("", to: "gamd.toml", in: folder)
        let quota = try resolve(
            folder,
            environment: ["GAMD_QUOTA_PREFIX_STORED_BYTES_MAX": "[\"a=b/=3\", \"c:d=4\"]"],
            options: [("quota.prefix_signals_max", "e=f:=5", "option --set")]
        ).settings.quota
        #expect(
            quota.prefixStoredBytesMax == [
                .init(prefix: "a=b/", limit: 3), .init(prefix: "c:d", limit: 4),
            ])
        #expect(quota.prefixSignalsMax == [.init(prefix: "e=f:", limit: 5)])
    }

    @Test func foldersOfSystemdAreTheDefaults() throws {
        let folder = try TemporaryFolder()
        try write("", to: "gamd.toml", in: folder)
        let environment = ["STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r"]
        let resolved = try resolve(folder, environment: environment)
        #expect(resolved.settings.store.path == "/s")
        #expect(resolved.settings.socket.path == "/r/gamd.sock")
        #expect(origin("store.path", resolved) == "systemd STATE_DIRECTORY")
    }

    @Test(
        arguments: [
            ("GAMD_LIMITS_CONECTIONS_MAX", "3", "unknown key"),
            ("GAMD_LIMITS_CONNECTIONS_MAX", "many", "must be an integer"),
            ("GAMD_LIMITS_CONNECTIONS_MAX", "0", "must be 1 to 10000"),
            ("GAMD_REFIT_ENABLED", "perhaps", "must be true or false"),
        ])
    func wrongEnvironmentIsRefusedNamingTheVariable(
        name: String, value: String, reason: String
    ) throws {
        let folder = try TemporaryFolder()
        try write("", to: "gamd.toml", in: folder)
        let error = #expect(throws: ConfigurationError.self) {
            try resolve(folder, environment: [name: value])
        }
        let text = try #require(error).description
        #expect(text.contains("environment \(name)") && text.contains(reason), "\(text)")
    }

    @Test func everyValueCanBeWrittenAndReadBack() throws {
        var settings = ServerConfiguration()
        settings.access.denyUsers = [1, 2]
        settings.plugins.folders = ["a b", "c\"d\\e\u{1}"]
        settings.socket.mode = 0o600
        settings.quota.prefixSignalsMax = [
            .init(prefix: "a=b/", limit: 3), .init(prefix: "\"c", limit: 1 << 40),
        ]
        var text = ""
        for entry in ResolvedConfiguration(settings).entries {
            let parts = entry.key.split(separator: ".")
            text += "\(parts[0]).\(parts[1]) = \(entry.value)\n"
        }
        #expect(try parse(text) == settings)
    }

    @Test func reloadTellsWhatWaitsForARestart() {
        var new = ServerConfiguration()
        new.log.level = "debug"
        new.threads.puts = 5
        #expect(new.restartKeys(comparedWith: ServerConfiguration()) == ["threads.puts"])
    }
}
