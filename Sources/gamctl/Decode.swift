import ArgumentParser
import GAMClient
import GAMCodec
import GAMPluginHost
import GAMProtocol
import Glibc

/// `gamctl decode IN.gam OUT`
struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives the file behind a .gam file back, without a daemon.")

    @Argument(help: "The .gam file, - for stdin.")
    var file: String

    @Argument(help: "File to write, - for stdout.")
    var output: String

    @Option(help: "Threads to use.")
    var threads = 1

    @Flag(help: "Write canonical sample bytes instead of a file of the original format.")
    var raw = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var priors: PriorOptions
    @OptionGroup var plugins: PluginOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try reporting(json: json) {
            let signal = try SignalFile(parsing: try wholeFile(file))
            let reader = try SignalReader(
                manifest: signal.manifest, source: signal, priors: try priors.library())
            let samples = try OpenFile()
            let started = now()
            var hasher = ContentHasher()
            try reader.readAll(threads: threads) {
                hasher.update($0)
                try samples.append($0)
            }
            let recalled = now()
            guard hasher.finish() == signal.manifest.contentHash else {
                throw CodecError.integrity(shard: 0, reason: "the signal's hash differs")
            }
            let bytes =
                raw
                ? try bytes(samples, signal.manifest.description.rawBytes)
                : try originalFile(signal, samples)
            try writeFile(output, bytes)
            let m = signal.manifest
            let report = LocalReport(
                rawBytes: m.description.rawBytes, storedBytes: m.recordBytes, prior: m.prior,
                networkSize: m.networkSize, transform: m.transform, energyRounds: m.energyRounds,
                adapterSeconds: now() - recalled, codecSeconds: recalled - started,
                contentHash: m.contentHash.hex)
            if json && output == "-" { tell(jsonText(report)) }
            if json && output != "-" { show(jsonText(report)) }
        }
    }

    private func bytes(_ file: OpenFile, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        return bytes
    }

    private func originalFile(_ signal: SignalFile, _ samples: OpenFile) throws -> [UInt8] {
        let adapter = try plugins.registry().adapter(id: signal.origin.adapter)
        let out = try OpenFile()
        let d = signal.manifest.description
        let session = try adapter.encode(
            description: d,
            metadata: signal.origin.metadata.map { PluginMetadata(key: $0.key, bytes: $0.bytes) },
            descriptor: out.descriptor, fileName: signal.origin.fileName)
        let row =
            (d.axes.count == 1 ? 1 : d.extents.last!) * d.channels.count
            * d.sampleType.containerBytes
        let piece = max(row, (8 << 20) / row * row)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 64)
        defer { buffer.deallocate() }
        var at = 0
        while at < d.rawBytes {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<min(piece, d.rawBytes - at)])
            try samples.read(at: at, into: part)
            try session.write(UnsafeRawBufferPointer(part))
            at += part.count
        }
        try session.finish()
        return try bytes(out, Int(lseek(out.descriptor, 0, SEEK_END)))
    }
}

/// All bytes of a file.
func wholeFile(_ path: String) throws -> [UInt8] {
    let file = try OpenFile.input(path)
    let size = Int(lseek(file.descriptor, 0, SEEK_END))
    guard size >= 0 else { throw ClientError(.badInput, "\(path) is not a regular file") }
    var bytes = [UInt8](repeating: 0, count: size)
    try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
    return bytes
}
