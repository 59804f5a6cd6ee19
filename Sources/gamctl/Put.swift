import ArgumentParser
import CLinux
import GAMClient
import GAMProtocol
import Glibc

/// `gamctl put KEY FILE|-`
struct Put: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stores a file: returns when it is durable and was recalled exactly.")

    @Argument(help: "Key, 1 to 512 bytes of UTF-8.")
    var key: String

    @Argument(help: "File to store, - for stdin.")
    var file: String

    @Option(help: "Fitting effort, 0 (prior only) to 9.")
    var effort = 0

    @Option(help: "Size of the network: S, M or L. Default M.")
    var size: String?

    @Option(name: .customLong("set"), help: "Option for the adapter, as name=value; repeatable.")
    var settings: [String] = []

    @Flag(help: "Store the decoded samples of a lossy file (JPEG, lossy WebP).")
    var decoded = false

    @Option(help: "Adapter to use. Default: found by content and name.")
    var adapter: String?

    @Option(help: "File name that helps to find the type, when reading stdin.")
    var name: String?

    @Option(help: "Extents of a shard, as 256,256. Default: chosen by the daemon.")
    var shard: String?

    @Option(
        help: ArgumentHelp(
            "Store so many lower bits of every sample apart: reads of the upper ones cost less.",
            valueName: "bits"))
    var lowerBits = 0

    @Flag(
        help: "Keep minimum, maximum and mean of small cells: means of levels recall nothing.")
    var cells = false

    @Flag(help: "Fail if the key exists.")
    var new = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try reporting(json: connection.json) {
            let options = try putOptions()
            let input = try InputFile(file)
            try connection.run { client in try put(client, input, options) }
        }
    }

    private func put(
        _ client: Client, _ input: InputFile, _ options: Client.PutOptions
    ) throws {
        let line = ProgressLine()
        var sent = 0
        let size = input.byteCount ?? 0
        func next() throws -> [UInt8]? {
            let piece = try input.next()
            sent += piece?.count ?? 0
            if size > 0 { line.show("send", Double(sent) / Double(size), bytes: UInt64(size)) }
            return piece
        }
        let result = try client.put(
            key, options,
            progress: { phase, fraction, _ in line.show(phase, fraction, bytes: UInt64(size)) },
            next: next)
        line.clear()
        let report = SignalReport(result.stat, energy: true)
        if connection.json {
            show(jsonText(report))
        } else {
            show(
                "\(report.key): \(report.kind) \(report.shapeText) \(report.dtype),"
                    + " \(report.rawBytes) -> \(report.storedBytes) bytes"
                    + " (\(fixed(100 * report.ratio, 1)) %), exact")
        }
    }

    private func putOptions() throws -> Client.PutOptions {
        var options = Client.PutOptions()
        guard (0...9).contains(effort) else {
            throw ClientError(.badRequest, "--effort \(effort) is not within 0 to 9")
        }
        options.effort = effort
        options.networkSize = size?.uppercased() ?? ""
        options.adapter = adapter ?? ""
        options.lowerBits = lowerBits
        options.cells = cells
        options.mustNotExist = new
        options.fileName = name ?? (file == "-" ? "" : Self.lastComponent(file))
        options.settings = try adapterOptions(settings, decoded: decoded)
        if let shard {
            options.shardExtents = try shardExtents(shard)
        }
        return options
    }

    private static func lastComponent(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }
}
