import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl ls [PREFIX]`
struct Ls: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists signals whose key starts with a prefix.")

    @Argument(help: "Prefix of the keys. Default: all.")
    var prefix = ""

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            var isPartial = false
            var reports: [SignalReport] = []
            let warning = { (text: String) in
                isPartial = true
                tell("gamctl: \(text)")
            }
            try client.list(prefix: prefix, warning: warning) { stat in
                let report = SignalReport(stat, energy: false)
                if connection.json {
                    reports.append(report)
                } else {
                    show(Self.line(report))
                }
            }
            if connection.json { show(jsonText(reports)) }
            if isPartial {
                throw ArgumentParser.ExitCode(GAMProtocol.ExitCode.partial.rawValue)
            }
        }
    }

    private static func line(_ report: SignalReport) -> String {
        if report.contentHash.isEmpty { return "\(report.key)\tdamaged" }
        return [
            report.key, report.kind, report.shapeText, report.dtype, "\(report.rawBytes)",
            "\(report.storedBytes)", "\(fixed(100 * report.ratio, 1)) %",
        ].joined(separator: "\t")
    }
}
