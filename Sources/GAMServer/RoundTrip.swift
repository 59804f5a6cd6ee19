// Whether a plugin gives back what it was given, tried before anything is stored.
// What always holds: what the plugin promises (the same file, or the same samples and description) is
// compared with what it does; a difference is a fault of the plugin, and nothing of the file is
// stored. Bytes pass in pieces; the file it writes lies unlinked in the scratch folder.
// Metadata of the written file is not compared: the store keeps what the first decoding gave, and a
// file with one bad tag (a TIFF whose photometric tag lost its type) is worth keeping all the same.
// That sound files give all of it back is what the conformance kit demands of a plugin's corpus.

import CLinux
import GAMCore
import GAMPluginHost
import GAMProtocol
import Glibc

struct RoundTrip {
    let adapter: Adapter
    let input: DecodeInput
    let limits: PluginLimits
    let scratchFolder: String
    private static let pieceBytes = 1 << 20

    /// What is only looked at and thrown away need not be small: a PNG of a photo takes 20 ms at
    /// zlib's level 1 and 60 ms at the level files are written with.
    private var options: [String: String] {
        adapter.parameters.contains { $0.name == "compression" } ? ["compression": "1"] : [:]
    }

    /// Throws what `first`, whose samples have the hash `hash`, does not keep of its promise.
    func check(_ first: DecodeSession, hash: BodyHash) throws {
        let descriptor = clinux_unlinked_file(scratchFolder)
        guard descriptor >= 0 else {
            throw Failure.system("making a file in \(scratchFolder)", errno: -descriptor)
        }
        defer { close(descriptor) }
        try write(first, hash, to: descriptor)
        switch first.exactness {
        case .file: try compareBytes(descriptor)
        case .samples: try compareSamples(first, hash, descriptor)
        }
    }

    private func fault(_ reason: String) -> PluginError {
        .fault(plugin: adapter.id, reason: "\(input.fileName): \(reason)")
    }

    private func write(_ first: DecodeSession, _ hash: BodyHash, to descriptor: Int32) throws {
        let again = try adapter.decode(
            descriptor: input.descriptor, fileName: input.fileName, options: input.options,
            limits: limits)
        guard again.description == first.description, again.metadata == first.metadata else {
            throw fault("decoding it twice gave another description or other metadata")
        }
        do {
            let encoder = try adapter.encode(
                description: first.description, metadata: first.metadata, descriptor: descriptor,
                fileName: input.fileName, options: options, limits: limits)
            let seen = try forEachPiece(of: again) { try encoder.write($0) }
            try encoder.finish()
            guard seen == hash else { throw fault("decoding it twice gave other samples") }
        } catch let error as PluginError {
            if case .fault = error { throw error }
            throw PluginError.unsupported(
                plugin: adapter.id, file: input.fileName,
                reason: "it can be read but not written again: \(error)")
        }
    }

    /// The hash of all samples.
    private func forEachPiece(
        of session: DecodeSession, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> BodyHash {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceBytes, alignment: 64)
        defer { buffer.deallocate() }
        var hasher = BodyHasher()
        while true {
            let count = try session.read(into: buffer)
            if count == 0 { return hasher.value() }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(piece)
            try body(piece)
        }
    }

    private func compareBytes(_ descriptor: Int32) throws {
        var written = [UInt8](repeating: 0, count: Self.pieceBytes)
        var original = written
        var at = 0
        while true {
            let count = pread(descriptor, &written, written.count, at)
            let expected = pread(input.descriptor, &original, original.count, at)
            guard count >= 0, expected >= 0 else {
                throw Failure.system("comparing files in \(scratchFolder)", errno: clinux_errno())
            }
            guard count == expected, written[..<count] == original[..<expected]
            else {
                throw fault("the plugin promises the same file and writes another, from byte \(at)")
            }
            if count == 0 { return }
            at += count
        }
    }

    /// The written file must decode to the same; options of the first decoding may not fit it.
    private func compareSamples(
        _ first: DecodeSession, _ hash: BodyHash, _ descriptor: Int32
    ) throws {
        for options in [[:], input.options] {
            guard
                let session = try? adapter.decode(
                    descriptor: descriptor, fileName: input.fileName, options: options,
                    limits: limits),
                session.description == first.description, session.kind == first.kind,
                try forEachPiece(of: session, { _ in }) == hash
            else { continue }
            return
        }
        throw fault("the plugin writes a file that does not decode to the same samples")
    }
}
