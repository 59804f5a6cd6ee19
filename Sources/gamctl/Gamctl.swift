// gamctl: the command line of the daemon. One file per command; Support/ holds what they share.

import ArgumentParser

@main
struct Gamctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gamctl",
        abstract: "Stores signals in gamd and gets them back, exact to the bit.",
        version: "gamctl 0.1.0",
        subcommands: [
            Put.self, Get.self, Read.self, Query.self, Where.self, Ls.self, StatCommand.self,
            Rm.self, Verify.self,
            Jobs.self, PluginCommand.self, Train.self, Encode.self, Decode.self,
            Top.self, MetricsCommand.self, ConfigCommand.self, BackupCommand.self, Export.self,
            Import.self, Scrub.self, GarbageCollect.self,
        ])
}
