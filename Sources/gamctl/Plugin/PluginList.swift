import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl plugin list`
struct PluginList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the adapters the daemon has found.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let reports = try client.plugins().map(PluginReport.init)
            if connection.json { return show(jsonText(reports)) }
            for plugin in reports {
                show(
                    [
                        plugin.id, plugin.version, plugin.state,
                        plugin.suffixes.joined(separator: " "), plugin.path,
                    ].joined(separator: "\t"))
            }
        }
    }
}

private struct PluginReport: Encodable {
    let id: String
    let version: String
    let abi: String
    let path: String
    let types: [String]
    let mediaTypes: [String]
    let suffixes: [String]
    let exactness: String
    let state: String

    init(_ plugin: WirePlugin) {
        id = plugin.id
        version = plugin.version
        abi = plugin.abi
        path = plugin.path
        types = plugin.types
        mediaTypes = plugin.mediaTypes
        suffixes = plugin.suffixes
        exactness = plugin.exactness
        state = plugin.state
    }
}
