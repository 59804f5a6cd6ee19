import ArgumentParser
import GAMClient

/// `gamctl metrics [-o FILE]`
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Prints the daemon's figures as OpenMetrics text.",
        discussion: """
            With -o the file is replaced as a whole, as node_exporter's textfile collector \
            needs it.
            """)

    @Option(name: [.short, .long], help: "File to write, - for stdout.")
    var output = "-"

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try connection.run { client in
            let text = try client.metrics()
            if connection.json { return show(jsonText(Figures(text).values)) }
            let file = try OutputFile(output)
            try Array(text.utf8).withUnsafeBytes { try file.write($0) }
            try file.finish()
        }
    }
}
