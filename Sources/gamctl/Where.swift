import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl where KEY "< 0" [--region 0:64,:,:]`
struct Where: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finds the points whose samples compare as asked, as runs along the last axis.",
        discussion: """
            Each line is a run: the coordinates of its first point and its length. What the bounds \
            of a shard decide is not recalled; the last line, on stderr, says how much was.
            """)

    @Argument(help: "Key of the signal.")
    var key: String

    @Argument(help: "What samples must be: <, <=, >, >=, == or !=, and a number, as \"< -0.5\".")
    var predicate: String

    @Option(help: "One Python slice without step per axis.")
    var region: String?

    @Option(help: "Which channel.")
    var channel: UInt32 = 0

    @Option(help: "Gives at most so many runs; all points are counted.")
    var limit: UInt64 = 1_000_000

    @Flag(help: "Only the number of points.")
    var count = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            var search = WireWhere()
            (search.comparison, search.value) = try parsed()
            search.channel = channel
            search.runsMax = count ? 1 : limit
            search.region = try resolvedRegion(region, of: key, client)
            let axes = try client.stat(key).description_p.axes.count
            report(try client.search(key, search), axes + 1)
        }
    }

    private func parsed() throws -> (comparison: String, value: Double) {
        let sign = predicate.prefix { "<=>!".contains($0) }
        let number = predicate.dropFirst(sign.count).filter { $0 != " " }
        guard ["<", "<=", ">", ">=", "==", "!="].contains(sign), let value = Double(number) else {
            throw ClientError(
                .badRequest, "\"\(predicate)\" is no comparison with a number, as \"< -0.5\"")
        }
        return (String(sign), value)
    }

    private func report(_ found: (result: WireSamplesResult, runs: [Int64]), _ width: Int) {
        let result = found.result
        let runs = stride(from: 0, to: found.runs.count, by: width).map {
            Array(found.runs[$0..<$0 + width])
        }
        if connection.json {
            return show(
                jsonText(
                    WhereReport(
                        key: key, matches: result.matches, isCut: result.isCut,
                        shards: result.shards, recalled: result.recalled,
                        runs: count ? [] : runs)))
        }
        guard !count else { return show("\(result.matches)") }
        for run in runs { show(run.map { "\($0)" }.joined(separator: " ")) }
        tell(
            "\(result.matches) points\(result.isCut ? ", not all runs shown" : ""); "
                + "\(result.recalled) of \(result.shards) shards recalled")
    }
}

private struct WhereReport: Encodable {
    let key: String
    let matches: UInt64
    let isCut: Bool
    let shards: UInt64
    let recalled: UInt64
    let runs: [[Int64]]
}
