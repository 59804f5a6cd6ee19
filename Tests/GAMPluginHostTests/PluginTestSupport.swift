// What always holds here:
// - Plugins are the built libraries beside the test executable, with the manifests of Plugins/.
// - Every temporary file is unlinked at once; its descriptor is closed by its owner.

import GAMCore
import GAMPluginHost
import GAMPluginManifests
import Glibc

/// A signal as it came out of an adapter.
struct DecodedFile: Equatable {
    let description: SignalDescription
    let metadata: [PluginMetadata]
    let samples: [UInt8]
    let kind: String
    let mediaType: String
    let exactness: Exactness
}

/// An unlinked temporary file.
final class TemporaryFile {
    let descriptor: Int32

    init(_ bytes: [UInt8] = []) {
        var name = Array("/tmp/gamd-plugin-test-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        precondition(descriptor >= 0, "a temporary file is needed")
        unlink(name)
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = write(descriptor, buffer.baseAddress! + done, buffer.count - done)
                precondition(count > 0, "the temporary file must be writable")
                done += count
            }
        }
    }

    deinit { close(descriptor) }

    var bytes: [UInt8] { PluginTests.fileBytes(descriptor) }
}

enum PluginTests {
    static let packageFolder: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Where the test executable and the plugin libraries were built.
    static let buildFolder: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(
            decoding: buffer[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }()

    static let registry = PluginRegistry(
        manifestFolders: [packageFolder + "/Plugins"], libraryFolders: [buildFolder])

    /// The folder of shared test data: $GAMD_SHARED, or ../shared beside the package.
    static let sharedFolder: String? = {
        let named = getenv("GAMD_SHARED").map { String(cString: $0) }
        let folder = (named ?? packageFolder + "/../shared") + "/data"
        return access(folder, R_OK) == 0 ? folder : nil
    }()

    /// Names of the files in a folder of the shared data, empty without it.
    static func sharedFiles(_ folder: String, _ suffix: String) -> [String] {
        guard let sharedFolder else { return [] }
        let path = sharedFolder + "/" + folder
        guard let handle = opendir(path) else { return [] }
        defer { closedir(handle) }
        var files: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(suffix) { files.append(path + "/" + name) }
        }
        return files.sorted()
    }

    static func bytes(ofFile path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw PluginError.noAdapter(file: path) }
        defer { close(descriptor) }
        return fileBytes(descriptor)
    }

    static func fileBytes(_ descriptor: Int32) -> [UInt8] {
        var status = stat()
        fstat(descriptor, &status)
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        precondition(count == bytes.count, "the file must be readable")
        return bytes
    }

    static func lastName(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }

    /// Detects and decodes, reading `step` bytes at a time.
    static func decode(
        _ bytes: [UInt8], named name: String, options: [String: String] = [:],
        limits: PluginLimits = PluginLimits(), step: Int = 1 << 20
    ) throws(PluginError) -> DecodedFile {
        let file = TemporaryFile(bytes)
        let adapter = try registry.detect(descriptor: file.descriptor, fileName: name)
        let session = try adapter.decode(
            descriptor: file.descriptor, fileName: name, options: options, limits: limits)
        var samples: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: step)
        while true {
            let count = try buffer.withUnsafeMutableBytes { bytes in
                Result { () throws(PluginError) in try session.read(into: bytes) }
            }.get()
            if count == 0 { break }
            samples.append(contentsOf: buffer[..<count])
        }
        guard session.bytesLeft == 0, samples.count == session.description.rawBytes else {
            throw PluginError.fault(plugin: adapter.id, reason: "the stream ended early")
        }
        return DecodedFile(
            description: session.description, metadata: session.metadata, samples: samples,
            kind: session.kind, mediaType: session.mediaType, exactness: session.exactness)
    }

    /// Encodes with plugin `id`, writing `step` bytes at a time.
    static func encode(
        _ decoded: DecodedFile, plugin id: String, options: [String: String] = [:],
        step: Int = 1 << 20
    ) throws(PluginError) -> [UInt8] {
        let file = TemporaryFile()
        let session = try registry.adapter(id: id).encode(
            description: decoded.description, metadata: decoded.metadata,
            descriptor: file.descriptor, options: options)
        for start in stride(from: 0, to: decoded.samples.count, by: step) {
            let part = decoded.samples[start..<min(start + step, decoded.samples.count)]
            try part.withUnsafeBytes { bytes in
                Result { () throws(PluginError) in try session.write(bytes) }
            }.get()
        }
        try session.finish()
        return file.bytes
    }

    /// Samples without a file, as an adapter would have given them.
    static func signal(
        extents: [Int], channels: [ChannelMeaning], family: SampleType.Family, bits: Int,
        seed: UInt64, kind: String = "image"
    ) throws -> DecodedFile {
        let type = try SampleType(family: family, bits: bits)
        let description = try SignalDescription(
            axes: extents.map { Axis(extent: $0, kind: .space) }, channels: channels,
            sampleType: type)
        return DecodedFile(
            description: description, metadata: [],
            samples: samples(description.sampleCount, type, seed: seed), kind: kind,
            mediaType: "", exactness: .samples)
    }

    /// Pseudo-random samples that fit their type (SplitMix64).
    static func samples(_ count: Int, _ type: SampleType, seed: UInt64) -> [UInt8] {
        var state = seed
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * type.containerBytes)
        for _ in 0..<count {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            let raw = UInt32(truncatingIfNeeded: mixed ^ (mixed >> 31))
            let spare = UInt32(32 - (type.family == .float ? 32 : type.bits))
            let value =
                type.family == .signed
                ? UInt32(bitPattern: Int32(bitPattern: raw) >> Int32(spare)) : raw >> spare
            for byte in 0..<type.containerBytes {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)))
            }
        }
        return bytes
    }

    /// Decodes `bytes` cut off at `places` places; every outcome but a typed error or a decode of
    /// the declared size would have thrown or crashed. Returns how many were refused.
    static func refusedTruncations(
        of bytes: [UInt8], named name: String, places: Int = 64
    ) throws(PluginError) -> Int {
        var refused = 0
        for place in 0..<places {
            let length = bytes.count * place / places
            do throws(PluginError) {
                _ = try decode(Array(bytes[..<length]), named: name)
            } catch {
                if case .fault = error { throw error }
                refused += 1
            }
        }
        return refused
    }
}
