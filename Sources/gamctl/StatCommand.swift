import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl stat KEY [--energy]`
struct StatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat", abstract: "Shows what is known about a signal.")

    @Argument(help: "Key of the signal.")
    var key: String

    @Flag(help: "Also the energy after every kept fitting round, in bits per sample.")
    var energy = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let report = SignalReport(
                try client.stat(key, energy: energy || connection.json), energy: true)
            if connection.json {
                show(jsonText(report))
            } else {
                for (name, value) in lines(report) {
                    show(name + String(repeating: " ", count: 14 - name.count) + value)
                }
            }
        }
    }

    private func lines(_ report: SignalReport) -> [(String, String)] {
        let bitsPerSample =
            Double(report.storedBytes) * 8
            / max(1, Double(report.shape.reduce(1) { $0 * Double($1) }))
        var lines = [
            ("key", report.key),
            ("kind", "\(report.kind), exact: \(report.exactness)"),
            ("shape", "\(report.shapeText) (channels: \(report.channels))"),
            ("samples", "\(report.dtype), \(report.bits) bits"),
            ("raw", "\(report.rawBytes) bytes"),
            (
                "stored",
                "\(report.storedBytes) bytes, \(fixed(100 * report.ratio, 2)) % of raw,"
                    + " \(fixed(bitsPerSample, 3)) bits per sample"
            ),
            ("file", "\(report.fileName) (\(report.fileBytes) bytes, \(report.mediaType))"),
            ("adapter", "\(report.adapter) \(report.adapterVersion)"),
            ("hash", report.contentHash),
            ("network", "size \(report.networkSize), order \(report.order), prior \(report.prior)"),
            ("transform", report.transform),
            ("effort", "\(report.effort), generation \(report.generation)"),
            (
                "shards",
                "\(report.shardCount) of "
                    + report.shardExtents.map(String.init).joined(separator: "x")
            ),
        ]
        if energy {
            for (round, value) in (report.energyRounds ?? []).enumerated() {
                lines.append(("energy \(round)", "\(fixed(value, 4)) bits per sample"))
            }
        }
        return lines
    }
}
