import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl config show [--origin]`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "About the daemon's configuration.",
        subcommands: [ConfigShow.self])
}

struct ConfigShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows the configuration in force, as a file for gamd.")

    @Flag(help: "Also where each value comes from: file and line, environment, option.")
    var origin = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let settings = try client.configuration()
            if connection.json { return show(jsonText(settings.map(SettingReport.init))) }
            var section: Substring = ""
            for setting in settings {
                let parts = setting.key.split(separator: ".", maxSplits: 1)
                guard parts.count == 2 else { continue }
                if parts[0] != section {
                    if !section.isEmpty { show("") }
                    section = parts[0]
                    show("[\(section)]")
                }
                show("\(parts[1]) = \(setting.value)" + (origin ? "  # \(setting.origin)" : ""))
            }
        }
    }
}

private struct SettingReport: Encodable {
    let key: String
    let value: String
    let origin: String

    init(_ setting: WireSetting) {
        key = setting.key
        value = setting.value
        origin = setting.origin
    }
}
