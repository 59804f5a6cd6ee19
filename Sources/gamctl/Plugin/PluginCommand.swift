import ArgumentParser

/// `gamctl plugin list|info|new|test`
struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin",
        abstract: "About plugins: those of the daemon, and writing new ones.",
        subcommands: [PluginList.self, PluginInfo.self, PluginNew.self, PluginTest.self])
}
