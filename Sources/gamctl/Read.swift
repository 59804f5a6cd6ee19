import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl read KEY [--region 0:256,512:768] [--level N] [--filter area] [--bits K] [-o x.npy]`
struct Read: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads samples: a region, a lower resolution, or everything.")

    @Argument(help: "Key of the signal.")
    var key: String

    @Option(
        help: """
            One Python slice per axis, in numpy order (rows, columns; z, y, x), in full \
            resolution, as 0:256,512:768 or ::2,::-1. Steps count points of the level.
            """)
    var region: String?

    @Option(
        help: """
            Keeps every 2^level-th sample along each axis. -1 and -2: two and four times as many \
            points, those between the stored ones estimated by a network; the region counts them.
            """)
    var level = 0

    @Option(help: "nearest: the samples themselves; area: means of the level's cells.")
    var filter = "nearest"

    @Option(help: "Keeps so many of the most significant bits; lower ones become 0.")
    var bits = 0

    @Option(
        help: """
            npy, raw, or a file format of a plugin (png, tiff, wav ...). Default: raw for files \
            that end in .raw, else npy.
            """)
    var format: String?

    @Option(name: [.short, .long], help: "File to write, - for stdout.")
    var output: String = "-"

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try connection.run { client in
            guard (-2...30).contains(level) else {
                throw ClientError(.badRequest, "--level \(level) is not within -2 to 30")
            }
            var read = WireRead()
            read.region = try resolvedRegion(region, of: key, client, finerBy: max(0, -level))
            read.level = Int32(level)
            read.filter = filter
            read.bits = UInt32(clamping: bits)
            read.format = formatName
            let file = try OutputFile(output)
            let line = ProgressLine()
            let result = try client.read(
                key, read,
                progress: { line.show($0, $1, bytes: $2) }, into: { try file.write($0) })
            try file.finish()
            line.clear()
            if connection.json && output != "-" { show(jsonText(ReadReport(key, result))) }
        }
    }

    private var formatName: String {
        format ?? (output.hasSuffix(".raw") ? "raw" : "npy")
    }
}

/// A region as written, resolved against the signal it is about; empty for everything.
/// - Parameter halvings: how often the steps between points are halved: levels below 0.
func resolvedRegion(
    _ region: String?, of key: String, _ client: Client, finerBy halvings: Int = 0
) throws -> [WireInterval] {
    guard let region else { return [] }
    let argument = try RegionArgument(region)
    let extents = try client.stat(key).description_p.axes.map { Int(clamping: $0.extent) }
    return try argument.resolved(extents: extents.map { (($0 - 1) << halvings) + 1 })
}

private struct ReadReport: Encodable {
    let key: String
    let shape: [UInt64]
    let bytes: UInt64

    init(_ key: String, _ result: WireSamplesResult) {
        self.key = key
        let description = result.description_p
        let channels = description.channels.count
        shape = description.axes.map(\.extent) + (channels > 1 ? [UInt64(channels)] : [])
        bytes = result.totalBytes
    }
}
