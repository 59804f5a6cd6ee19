import ArgumentParser
import Foundation
import GAMClient
import GAMProtocol
import Glibc

/// `gamctl export PREFIX FOLDER`
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes signals as plain files with one manifest.",
        discussion: """
            Files come as they were put, samples as .npy. gamd-export.json names key, type, shape \
            and hash of each; it is written last. gamctl import puts them again.
            """)

    @Argument(help: "Prefix of the keys; \"\" for all signals.")
    var prefix: String

    @Argument(help: "Folder to write to; created if its parent exists, else it must be empty.")
    var folder: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        UnfinishedOutput.watchForInterrupts()
        try connection.run { client in
            try makeFolder()
            var manifest = ExportManifest()
            var stats: [WireStatResult] = []
            var damaged: [String] = []
            try client.list(prefix: prefix, warning: { tell("gamctl: \($0)") }) { stats.append($0) }
            let line = ProgressLine()
            for (index, stat) in stats.enumerated() {
                line.show("export", Double(index) / Double(stats.count))
                do {
                    manifest.signals.append(try export(client, stat, number: index + 1))
                } catch let error as ClientError where error.status == .integrity {
                    damaged.append(stat.key)
                    tell("gamctl: \(error.text)")
                } catch let error as ClientError where error.status == .notFound {
                    continue  // removed meanwhile
                }
            }
            line.clear()
            try write(jsonText(manifest) + "\n", to: ExportManifest.fileName)
            report(manifest)
            guard damaged.isEmpty else {
                throw ClientError(
                    .partial, "\(damaged.count) damaged signals are missing in the export")
            }
        }
    }

    private func makeFolder() throws {
        guard mkdir(folder, 0o777) != 0 else { return }
        let contents = try? FileManager.default.contentsOfDirectory(atPath: folder)
        guard let contents else {
            throw ClientError(.cannotWrite, "\(folder) cannot be made; does its parent exist?")
        }
        guard contents.isEmpty else {
            throw ClientError(.cannotWrite, "\(folder) is not empty; name a new folder")
        }
    }

    private func export(
        _ client: Client, _ stat: WireStatResult, number: Int
    ) throws -> ExportManifest.Entry {
        let name = ExportManifest.Entry.fileName(number: number, stat)
        let file = try OutputFile("\(folder)/\(name)")
        let result = try client.get(stat.key) { try file.write($0) }
        try file.finish()
        return ExportManifest.Entry(stat, file: name, bytes: result.totalBytes)
    }

    private func write(_ text: String, to name: String) throws {
        let file = try OutputFile("\(folder)/\(name)")
        try Array(text.utf8).withUnsafeBytes { try file.write($0) }
        try file.finish()
    }

    private func report(_ manifest: ExportManifest) {
        let bytes = manifest.signals.reduce(0) { $0 + $1.bytes }
        if connection.json {
            let report = ["signals": UInt64(manifest.signals.count), "bytes": bytes]
            return show(jsonText(report))
        }
        show("\(manifest.signals.count) signals, \(readableBytes(Double(bytes))) in \(folder)")
    }
}

/// `gamctl import FOLDER`
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts the signals of an export.",
        discussion: "Every signal is compared with the hash in the manifest after its put.")

    @Argument(help: "Folder with a gamd-export.json.")
    var folder: String

    @Option(help: "Text to put before every key.")
    var prefix = ""

    @Flag(help: "Replace signals that exist; without it they are an error.")
    var replace = false

    @Option(help: "Fitting effort, 0 (prior only) to 9.")
    var effort = 0

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let manifest = try ExportManifest(readingFrom: folder)
            let line = ProgressLine()
            for (index, entry) in manifest.signals.enumerated() {
                line.show("import", Double(index) / Double(manifest.signals.count))
                try put(client, entry)
            }
            line.clear()
            if connection.json { return show(jsonText(["signals": manifest.signals.count])) }
            show("\(manifest.signals.count) signals imported, all with the hash of the manifest")
        }
    }

    private func put(_ client: Client, _ entry: ExportManifest.Entry) throws {
        let input = try InputFile("\(folder)/\(entry.file)")
        var options = Client.PutOptions()
        options.fileName = entry.fileName
        options.adapter = entry.adapter
        options.effort = effort
        options.mustNotExist = !replace
        var skipped = true
        if entry.adapter.isEmpty {
            options.samples = entry.description
            options.settings = ["kind": entry.kind]
            skipped = false
        }
        let key = prefix + entry.key
        let result = try client.put(key, options) {
            guard let piece = try input.next() else { return nil }
            if skipped { return piece }
            skipped = true
            return try Self.withoutHeader(piece, entry)
        }
        guard result.stat.contentHash == entry.contentHash else {
            throw ClientError(
                .integrity,
                "\(entry.file) does not hold the samples of \"\(entry.key)\": its hash is"
                    + " \(result.stat.contentHash), the manifest says \(entry.contentHash)")
        }
    }

    /// The samples behind the header of an .npy of version 1.
    private static func withoutHeader(
        _ piece: [UInt8], _ entry: ExportManifest.Entry
    ) throws(ClientError) -> [UInt8] {
        guard piece.count >= 10, piece.starts(with: [0x93] + Array("NUMPY".utf8)), piece[6] == 1
        else { throw ClientError(.badInput, "\(entry.file) is no .npy of version 1") }
        let length = 10 + Int(piece[8]) + Int(piece[9]) << 8
        guard length <= piece.count else {
            throw ClientError(.badInput, "\(entry.file) ends in its header")
        }
        return Array(piece[length...])
    }
}
