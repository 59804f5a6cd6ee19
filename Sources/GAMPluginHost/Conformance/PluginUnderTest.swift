// A plugin as the conformance kit uses it: whole files in, whole signals out.
// What always holds: it runs in workers, as it will later; files are unlinked temporary ones.

import CLinux
import GAMCore
import Glibc

/// A file's signal, whole.
struct WholeSignal: Equatable {
    let description: SignalDescription
    let samples: [UInt8]
    let metadata: [PluginMetadata]
    let kind: String
    let mediaType: String
    let exactness: Exactness
    /// Whether the adapter says that the samples lie in the file as they are.
    let liesInFile: Bool
}

struct PluginUnderTest {
    let adapter: Adapter
    let limits: PluginLimits

    /// Samples of larger files are not held in memory by the kit.
    static let samplesBytesMax = 256 << 20

    /// Decodes `bytes`, asking for `step` bytes at a time; `rows` asks the adapter for all of them.
    func decode(
        _ bytes: [UInt8], _ name: String, options: [String: String] = [:], step: Int = 1 << 20,
        limits other: PluginLimits? = nil, rows: Bool = false
    ) throws(PluginError) -> WholeSignal {
        let file = try ScratchFile(bytes, adapter.id)
        let session = try adapter.decode(
            descriptor: file.descriptor, fileName: name, options: options, limits: other ?? limits,
            asksForRows: rows)
        guard session.bytesLeft <= UInt64(Self.samplesBytesMax) else {
            throw .limit(
                plugin: adapter.id, file: name,
                reason: "the conformance kit takes signals up to \(Self.samplesBytesMax) bytes")
        }
        var samples = [UInt8](repeating: 0, count: Int(session.bytesLeft))
        var done = 0
        while done < samples.count {
            let end = min(samples.count, done + step)
            done += try samples.withUnsafeMutableBytes { all in
                Result { () throws(PluginError) in
                    try session.read(into: .init(rebasing: all[done..<end]))
                }
            }.get()
        }
        return WholeSignal(
            description: session.description, samples: samples, metadata: session.metadata,
            kind: session.kind, mediaType: session.mediaType, exactness: session.exactness,
            liesInFile: session.samplesLieInFile)
    }

    /// Encodes `signal`, giving `step` bytes at a time.
    func encode(
        _ signal: WholeSignal, _ name: String, step: Int = 1 << 20,
        limits other: PluginLimits? = nil
    ) throws(PluginError) -> [UInt8] {
        let file = try ScratchFile([], adapter.id)
        let session = try adapter.encode(
            description: signal.description, metadata: signal.metadata,
            descriptor: file.descriptor, fileName: name, limits: other ?? limits)
        for start in stride(from: 0, to: signal.samples.count, by: step) {
            let end = min(signal.samples.count, start + step)
            try signal.samples.withUnsafeBytes { all in
                Result { () throws(PluginError) in
                    try session.write(.init(rebasing: all[start..<end]))
                }
            }.get()
        }
        try session.finish()
        return file.bytes
    }
}

/// An unlinked temporary file.
final class ScratchFile {
    let descriptor: Int32

    init(_ bytes: [UInt8], _ plugin: String) throws(PluginError) {
        descriptor = clinux_unlinked_file("/tmp")
        guard descriptor >= 0 else {
            throw .inputOutput(
                plugin: plugin, file: "/tmp", reason: "no temporary file can be made there")
        }
        let file = PositionedFile(descriptor: descriptor, size: 0)
        guard bytes.withUnsafeBytes({ file.write(at: 0, $0) }) else {
            throw .inputOutput(plugin: plugin, file: "/tmp", reason: systemError())
        }
    }

    deinit { close(descriptor) }

    var bytes: [UInt8] {
        var status = stat()
        fstat(descriptor, &status)
        let file = PositionedFile(descriptor: descriptor, size: UInt64(status.st_size))
        return (try? file.head(Int(status.st_size))) ?? []
    }
}
