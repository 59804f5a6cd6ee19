import ArgumentParser
import GAMClient
import GAMCodec
import GAMCore
import GAMProtocol
import Glibc

/// `gamctl encode FILE OUT.gam`
struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Turns a file into a .gam file, without a daemon; every shard is recalled and compared."
    )

    @Argument(help: "File to encode.")
    var file: String

    @Argument(help: "The .gam file to write.")
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

    @Option(name: .customLong("set"), help: "Option for the adapter, as name=value; repeatable.")
    var settings: [String] = []

    @Flag(help: "Store the decoded samples of a lossy file (JPEG, lossy WebP).")
    var decoded = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var plugins: PluginOptions

    func run() throws {
        try reporting(json: json) {
            let options = try writeOptions()
            let started = now()
            let file = try plugins.registry().decode(
                self.file, options: try adapterOptions(settings, decoded: decoded))
            let decoded = now()
            let table = RecordTable()
            let manifest = try SignalWriter(priors: .shipped).write(
                file.description, from: file.samples, options: options, into: table
            ) { _ in true }
            let encoded = now()
            let signal = SignalFile(
                manifest: manifest, origin: file.origin, records: table.records)
            let bytes = try signal.serialized()
            try replaceFile(output, with: bytes)
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
        show(json ? jsonText(report) : report.line)
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
        if let shard {
            options.shardExtents = shard.split(separator: ",").compactMap { Int($0) }
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

/// Writes a file beside its place and renames it there.
func replaceFile(_ path: String, with bytes: [UInt8]) throws {
    let part = path + ".part"
    let descriptor = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ClientError(.cannotWrite, "cannot create \(part)") }
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes {
            write(descriptor, $0.baseAddress! + done, bytes.count - done)
        }
        guard count > 0 else {
            close(descriptor)
            unlink(part)
            throw ClientError(.cannotWrite, "cannot write \(part)")
        }
        done += count
    }
    close(descriptor)
    guard rename(part, path) == 0 else {
        throw ClientError(.cannotWrite, "cannot rename \(part)")
    }
}
