import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl get KEY [-o FILE|-]`
struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gets a whole signal back as a file.")

    @Argument(help: "Key of the signal.")
    var key: String

    @Option(
        name: [.short, .long],
        help: "File to write, - for stdout. Default: the name it was put with.")
    var output: String?

    @Option(help: "npy or raw: the samples instead of the original file format.")
    var format: String?

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try connection.run { client in
            let path = try output ?? defaultName(client)
            let file = try OutputFile(path)
            let line = ProgressLine()
            let result = try client.get(
                key, format: format ?? "", progress: { line.show($0, $1, bytes: $2) },
                into: { try file.write($0) })
            try file.finish()
            line.clear()
            if connection.json && path != "-" {
                show(jsonText(["key": key, "file": path, "bytes": "\(result.totalBytes)"]))
            }
        }
    }

    /// A name for the current folder; a stored name never leads elsewhere.
    private func defaultName(_ client: Client) throws -> String {
        let stored = try client.stat(key).fileName
        guard !stored.isEmpty, !stored.contains("/"), stored != ".", stored != ".." else {
            throw ClientError(.badRequest, "\"\(key)\" has no file name; give one with -o")
        }
        return stored
    }
}
