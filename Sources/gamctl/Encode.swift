import ArgumentParser
import GAMClient
import GAMCodec
import GAMCore
import GAMProtocol
import Glibc
import Synchronization

/// `gamctl encode FILE OUT.gam`
struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Turns a file into a .gam file, without a daemon; every shard is recalled and compared."
    )

    @Argument(help: "File to encode, - for stdin.")
    var file: String

    @Argument(help: "The .gam file to write, - for stdout.")
    var output: String

    @Option(help: "Fitting effort, 0 (prior only) to 9.")
    var effort = 0

    @Option(help: "Size of the network: S, M or L.")
    var size = "M"

    @Option(help: "Threads to use.")
    var threads = 1

    @Option(help: "Prior to start from, by name; default: the best on a sample.")
    var prior: String?

    @Option(help: "Extents of a shard, as 256,256.")
    var shard: String?

    @Option(
        help: ArgumentHelp(
            "Store so many lower bits of every sample apart: reads of the upper ones cost less.",
            valueName: "bits"))
    var lowerBits = 0

    @Option(name: .customLong("set"), help: "Option for the adapter, as name=value; repeatable.")
    var settings: [String] = []

    @Flag(help: "Store the decoded samples of a lossy file (JPEG, lossy WebP).")
    var decoded = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var priors: PriorOptions
    @OptionGroup var plugins: PluginOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try reporting(json: json) {
            let options = try writeOptions()
            let started = now()
            let file = try plugins.registry().decode(
                self.file, options: try adapterOptions(settings, decoded: decoded))
            let decoded = now()
            let table = RecordTable()
            let line = Mutex(ProgressLine())
            let bytesMoved = UInt64(file.description.rawBytes)
            let manifest = try SignalWriter(priors: try priors.library()).write(
                file.description, from: file.samples, options: options, into: table
            ) { fraction in
                line.withLock { $0.show("encode", fraction, bytes: bytesMoved) }
                return true
            }
            line.withLock { $0.clear() }
            let encoded = now()
            let signal = SignalFile(
                manifest: manifest, origin: file.origin, records: table.records)
            let bytes = try signal.serialized()
            try writeFile(output, bytes)
            report(manifest, bytes.count, decoded - started, encoded - decoded)
        }
    }

    private func report(
        _ m: SignalManifest, _ bytes: Int, _ decode: Double, _ encode: Double
    ) {
        let report = LocalReport(
            rawBytes: m.description.rawBytes, storedBytes: bytes, prior: m.prior,
            networkSize: m.networkSize, transform: m.transform, energyRounds: m.energyRounds,
            adapterSeconds: decode, codecSeconds: encode, contentHash: m.contentHash.hex)
        let text = json ? jsonText(report) : report.line
        if output == "-" { tell(text) } else { show(text) }
    }

    private func writeOptions() throws -> WriteOptions {
        var options = WriteOptions()
        guard let size = NetworkSize(rawValue: size.uppercased()) else {
            throw ClientError(.badRequest, "--size \(size) is not S, M or L")
        }
        guard (0...9).contains(effort), (1...64).contains(threads) else {
            throw ClientError(.badRequest, "--effort is 0 to 9, --threads 1 to 64")
        }
        options.size = size
        options.effort = effort
        options.threads = threads
        options.prior = prior
        options.lowerBits = lowerBits
        if let shard {
            options.shardExtents = try shardExtents(shard)
        }
        return options
    }
}

/// Figures of a local encode or decode.
struct LocalReport: Encodable {
    let rawBytes: Int
    let storedBytes: Int
    let prior: String
    let networkSize: String
    let transform: String
    let energyRounds: [Double]
    /// Seconds the adapter took for the file itself.
    let adapterSeconds: Double
    /// Seconds the networks took.
    let codecSeconds: Double
    let contentHash: String

    var line: String {
        "\(rawBytes) -> \(storedBytes) bytes, \(networkSize) from \(prior), \(codecSeconds) s"
    }
}

/// Seconds on a clock that never goes back.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
