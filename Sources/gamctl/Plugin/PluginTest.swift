import ArgumentParser
import GAMClient
import GAMPluginHost
import GAMPluginManifests
import GAMProtocol

/// `gamctl plugin test FOLDER --corpus FILE...`
struct PluginTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Holds a plugin to its contract: the conformance kit; needs no daemon.",
        discussion: "Exit code 0 when every check passed, 1 when one failed.")

    @Argument(help: "Folder with the manifest and the library.")
    var folder: String

    @Option(parsing: .upToNextOption, help: "Good files of the plugin's formats.")
    var corpus: [String] = []

    @Option(help: "Which plugin, where the folder has several.")
    var id: String?

    @Option(help: "Seconds until an answer of the plugin is late.")
    var seconds = 10

    @Flag(help: "Run the plugin in this process, for a debugger.")
    var inProcess = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reporting(json: json) {
            guard (1...3600).contains(seconds) else {
                throw ClientError(.badRequest, "--seconds \(seconds) is not within 1 to 3600")
            }
            let files = try corpus.map { path in
                ConformanceKit.CorpusFile(
                    name: String(path.split(separator: "/").last ?? ""),
                    bytes: try wholeFile(path))
            }
            let kit = try ConformanceKit(
                folder: folder, id: id, corpus: files,
                isolation: inProcess ? .inProcess : .workers(WorkerOptions()),
                seconds: UInt64(seconds))
            let line = ProgressLine()
            let report = kit.run { line.show($0, 0) }
            line.clear()
            show(json ? jsonText(Report(report: report)) : Self.text(report))
            if !report.hasPassed { throw ArgumentParser.ExitCode(1) }
        }
    }

    private static func text(_ report: ConformanceReport) -> String {
        var lines = [
            "\(report.plugin) \(report.version), ABI \(report.abi), kit \(report.kit)", "",
        ]
        for check in report.checks {
            let mark = check.hasPassed ? "ok  " : "FAIL"
            lines.append("\(mark) \(check.name): \(check.claim) (\(check.cases) cases)")
            for note in check.notes { lines.append("       \(note)") }
            for failure in check.failures { lines.append("     - \(failure)") }
            let rest = check.failureCount - check.failures.count
            if rest > 0 { lines.append("     - and \(rest) more") }
        }
        let failed = report.checks.filter { !$0.hasPassed }.count
        lines.append("")
        lines.append(
            failed == 0
                ? "\(report.checks.count) checks passed"
                : "\(failed) of \(report.checks.count) checks failed")
        return lines.joined(separator: "\n")
    }
}

private struct Report: Encodable {
    let report: ConformanceReport

    private enum Keys: CodingKey { case passed }

    func encode(to encoder: Encoder) throws {
        try report.encode(to: encoder)
        var keys = encoder.container(keyedBy: Keys.self)
        try keys.encode(report.hasPassed, forKey: .passed)
    }
}
