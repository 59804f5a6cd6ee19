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
            ("[limit]\nconnections_max = 3", "limit.connections_max"),
            ("connections_max = 3", "connections_max"),
            ("[limits]\nconnections_max = \"3\"", "limits.connections_max must be an integer"),
            ("[limits]\nconnections_max = 0", "limits.connections_max must be 1 to 10000"),
            ("[limits]\nput_bytes_max = -1", "limits.put_bytes_max"),
            ("[refit]\nenabled = 1", "refit.enabled must be true or false"),
            ("[socket]\nmode = \"0888\"", "socket.mode"),
            ("[socket]\nmode = 660", "socket.mode"),
            ("[log]\nlevel = \"loud\"", "log.level must be one of trace"),
            ("[plugins]\nfolders = [1]", "plugins.folders must be a list of strings"),
            ("[access]\nread_only_users = [\"x\"]", "access.read_only_users"),
            ("[timeouts]\nshutdown_seconds = 7", "timeouts.shutdown_seconds must be 0 to 6"),
            ("[limits\n", "not valid TOML"),
        ])
    func wrongFileIsRefusedNamingTheKey(text: String, reason: String) {
        let error = #expect(throws: ConfigurationError.self) { try parse(text) }
        #expect(error?.description.contains(reason) == true, "\(error.debugDescription)")
        #expect(error?.description.contains("test.toml") == true)
    }
}
