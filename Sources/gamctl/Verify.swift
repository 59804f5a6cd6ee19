import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl verify KEY|--all`
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Recalls every sample and compares the content hash.")

    @Argument(help: "Key of the signal.")
    var key: String?

    @Flag(help: "Verify every signal.")
    var all = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard all != (key != nil) else { throw ValidationError("Give a key, or --all.") }
    }

    func run() throws {
        try connection.run { client in
            var keys = key.map { [$0] } ?? []
            if all {
                try client.list(prefix: "", warning: { tell("gamctl: \($0)") }) {
                    keys.append($0.key)
                }
            }
            var reports: [VerifyReport] = []
            var failures: [ClientError] = []
            for key in keys {
                do {
                    reports.append(try verify(client, key))
                } catch let error as ClientError where all {
                    // Removed meanwhile is fine; anything else is told and counted.
                    if error.status == .notFound { continue }
                    tell("gamctl: \(error.text)")
                    failures.append(error)
                    reports.append(VerifyReport(key: key, ok: false, error: error.text))
                    if error.status == .unreachable { break }
                }
            }
            if connection.json { show(jsonText(reports)) }
            try finish(checked: reports.count, failures)
        }
    }

    private func verify(_ client: Client, _ key: String) throws -> VerifyReport {
        let line = ProgressLine()
        let bytes = line.isShown ? try client.stat(key).rawBytes : 0
        let result = try client.verify(key) { phase, fraction, _ in
            line.show(phase, fraction, bytes: bytes)
        }
        line.clear()
        if !connection.json {
            show("\(key): \(result.samples) samples in \(result.shards) shards, exact")
        }
        return VerifyReport(
            key: key, ok: true, shards: result.shards, samples: result.samples,
            contentHash: result.contentHash)
    }

    private func finish(checked: Int, _ failures: [ClientError]) throws {
        guard let first = failures.first else { return }
        let status = failures.contains { $0.status == .integrity } ? .integrity : first.status
        throw ClientError(status, "\(failures.count) of \(checked) signals failed")
    }
}

private struct VerifyReport: Encodable {
    let key: String
    let ok: Bool
    var shards: UInt64?
    var samples: UInt64?
    var contentHash: String?
    var error: String?
}
