import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl query KEY [--points FILE] [--method cubic] [--gradient]`
struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks up values between the samples, one line of numbers per point.",
        discussion: """
            Points are lines of coordinates, slowest axis first, separated by spaces or commas; \
            empty lines and lines that begin with # are passed over. Each answer is a line: the \
            values of the channels, then with --gradient the gradients, channel by channel.
            """)

    @Argument(help: "Key of the signal.")
    var key: String

    @Option(help: "File of points, - for stdin.")
    var points = "-"

    @Option(
        help: """
            sample; for distances also inside, closest (a point and what is left), ray (points \
            are origin and direction; the way and what is left).
            """)
    var kind = "sample"

    @Option(help: "nearest, linear or cubic.")
    var method = "linear"

    @Option(help: "Points outside: clamp, nan or error.")
    var outside = "clamp"

    @Flag(help: "Coordinates are in the axes' units, not in grid steps.")
    var world = false

    @Flag(help: "Gradients follow the values.")
    var gradient = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let description = try client.stat(key).description_p
            let axes = description.axes.count
            let width = kind == "ray" ? 2 * axes : axes
            let coordinates = try parsed(try text(), width)
            var query = WireQuery()
            query.kind = kind
            query.method = method
            query.outside = outside
            query.world = world
            query.gradient = gradient
            let found = try client.query(key, query, coordinates: coordinates)
            let wantsGradients = gradient && kind == "sample"
            let blocks =
                wantsGradients
                ? [description.channels.count, description.channels.count * axes]
                : [found.values.count / (coordinates.count / width)]
            report(found.values, found.result, blocks, points: coordinates.count / width)
        }
    }

    private func text() throws -> String {
        let file = try InputFile(points)
        var bytes: [UInt8] = []
        while let piece = try file.next() { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func parsed(_ text: String, _ width: Int) throws -> [Double] {
        var coordinates: [Double] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let fields = line.split { $0 == " " || $0 == "," || $0 == "\t" || $0 == "\r" }
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            let values = fields.compactMap { Double($0) }
            guard values.count == fields.count, values.count == width else {
                throw ClientError(
                    .badInput, "line \(number + 1) of the points is not \(width) numbers: \(line)")
            }
            coordinates += values
        }
        guard !coordinates.isEmpty else { throw ClientError(.badInput, "there are no points") }
        return coordinates
    }

    /// One line per point; `blocks`: numbers per point of every block of the answer.
    private func report(
        _ values: [Double], _ result: WireSamplesResult, _ blocks: [Int], points: Int
    ) {
        var lines = [[Double]](repeating: [], count: points)
        var start = 0
        for width in blocks {
            for point in 0..<points {
                let from = start + point * width
                lines[point] += values[from..<from + width]
            }
            start += points * width
        }
        guard !connection.json else {
            return show(
                jsonText(QueryReport(key: key, answers: lines, errorMax: result.errorMax)))
        }
        show(lines.map { $0.map { "\($0)" }.joined(separator: " ") }.joined(separator: "\n"))
    }
}

private struct QueryReport: Encodable {
    let key: String
    let answers: [[Double]]
    let errorMax: Double
}
