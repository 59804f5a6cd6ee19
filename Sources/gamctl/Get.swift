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

    @Option(
        help: """
            Another format than the signal came in, as png, tiff, webp, wav, flac, nrrd, vdb; npy or \
            raw: the samples alone. Refused where it would lose something.
            """)
    var format: String?

    @Flag(help: "Accept that another format cannot hold all metadata.")
    var dropMetadata = false

    @Option(name: .customLong("set"), help: "Option for the adapter, as name=value; repeatable.")
    var settings: [String] = []

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try connection.run { client in
            let path = try output ?? defaultName(client)
            let file = try OutputFile(path)
            let line = ProgressLine()
            let result = try client.get(
                key, format: try formatText(), progress: { line.show($0, $1, bytes: $2) },
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
        guard let format else { return stored }
        let stem = stored.lastIndex(of: ".").map { stored[..<$0] } ?? stored[...]
        return stem + "." + format
    }

    /// The format with its options, as the protocol wants it.
    private func formatText() throws -> String {
        let options = try adapterOptions(settings)
        let dropped = dropMetadata ? ["drop_metadata": "1"] : [:]
        let all = options.merging(dropped) { $1 }.sorted { $0.key < $1.key }
        guard !all.contains(where: { $0.key.contains(",") || $0.value.contains(",") }) else {
            throw ClientError(.badRequest, "an option of --set cannot hold a comma here")
        }
        return ([format ?? ""] + all.map { "\($0.key)=\($0.value)" }).joined(separator: ",")
    }
}
