import ArgumentParser
import GAMClient
import GAMCodec
import GAMCore
import GAMFormat
import GAMProtocol
import Glibc
import Synchronization

/// `gamctl train --name NAME --size M OUT.prior FILE...`
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains a prior on files of one kind.",
        discussion: """
            The same files, options and processor give the same prior. FILE may be @LIST: a text \
            file with one path per line, relative to the list's --root.
            """)

    @Argument(help: "Prior file to write.")
    var output: String

    @Argument(help: "Files to train on, or @LIST.")
    var files: [String]

    @Option(help: "Name of the prior, without its size.")
    var name: String

    @Option(help: "Size of the networks: S, M or L.")
    var size = "M"

    @Option(help: "plane, volume or causal.")
    var domain = "plane"

    @Option(help: "Roles: 1 for one channel, 3 for colour or stereo.")
    var roles = 3

    @Option(help: "Colour transform: none, subtract-green or YCoCg-R.")
    var transform = "YCoCg-R"

    @Option(help: "Passes over the observations.")
    var passes = 12.0

    @Option(help: "Largest step of Adam.")
    var rate: Float = 1.6e-2

    @Option(help: "Observations per step, a multiple of 128.")
    var batch = 4096

    @Flag(help: "Learn nothing from the statistics of planes: for a handful of signals.")
    var noStatistics = false

    @Option(help: "Observations per role.")
    var observations = 4_000_000

    @Option(help: "Folder that paths of a list are relative to.")
    var root = "."

    @Option(help: "Seed of the random numbers.")
    var seed: UInt64 = 1

    @Option(help: "Threads to use.")
    var threads = 2

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var plugins: PluginOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try reporting(json: json) {
            let paths = try files.flatMap(expand)
            var trainer = PriorTrainer(options: try options(), signals: paths.count)
            let registry = try plugins.registry()
            for path in paths {
                let file = try registry.decode(path)
                try trainer.add(file.description, from: file.samples)
            }
            let line = Mutex(ProgressLine())
            let result = try trainer.train(name: "\(name)-\(size.uppercased())") { role, done in
                if role == 0 { line.withLock { $0.show("role 0", done) } }
            }
            line.withLock { $0.clear() }
            try writeFile(output, result.prior.serialized())
            report(result.energies, result.counts)
        }
    }

    private func report(_ energies: [Double], _ observations: [Int]) {
        let roles = zip(energies, observations).map { RoleReport(energy: $0, observations: $1) }
        if json { return show(jsonText(roles)) }
        for (role, report) in roles.enumerated() {
            show("role \(role): \(report.energy) bits, \(report.observations) observations")
        }
    }

    private func expand(_ argument: String) throws -> [String] {
        guard argument.hasPrefix("@") else { return [argument] }
        let text = String(decoding: try wholeFile(String(argument.dropFirst())), as: UTF8.self)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { root + "/" + $0 }
    }

    private func options() throws -> TrainOptions {
        var options = TrainOptions()
        let domains: [String: NetworkSet.Domain] = [
            "plane": .plane, "volume": .volume, "causal": .causal,
        ]
        guard let size = NetworkSize(rawValue: size.uppercased()), let domain = domains[domain],
            let transform = ColourTransform.allCases.first(where: { $0.name == transform }),
            (1...3).contains(roles), batch >= 128, batch % 128 == 0
        else { throw ClientError(.badRequest, "see gamctl train --help for what options allow") }
        options.size = size
        options.domain = domain
        options.transform = transform
        options.roles = roles
        options.passes = passes
        options.rate = rate
        options.batch = batch
        options.usesStatistics = !noStatistics
        options.observations = observations
        options.seed = seed
        options.threads = threads
        return options
    }
}

/// What training came to for one role.
private struct RoleReport: Encodable {
    /// Bits per observation.
    let energy: Double
    let observations: Int
}
