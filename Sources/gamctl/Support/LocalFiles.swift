// Files decoded and encoded in this process, for commands that need no daemon.
// What always holds: decoded samples lie in an unlinked temporary file, never all in memory.

import ArgumentParser
import CLinux
import GAMClient
import GAMCodec
import GAMCore
import GAMPluginHost
import GAMPluginManifests
import GAMProtocol
import Glibc
import Synchronization

/// Where adapters are found without a daemon.
struct PluginOptions: ParsableArguments {
    @Option(help: "Folder of plugin manifests and libraries; repeatable.")
    var plugins: [String] = []

    @Flag(help: "Run adapters in this process instead of workers; for plugins one trusts.")
    var inProcess = false

    /// Throws `adapterMissing` where not one plugin is found.
    func registry() throws(ClientError) -> PluginRegistry {
        let system = ["/usr/local/lib/gamd/plugins", "/usr/lib/gamd/plugins"]
        let folders = plugins + environmentFolders() + (plugins.isEmpty ? system : [])
        let registry = PluginRegistry(
            manifestFolders: folders, libraryFolders: folders,
            isolation: inProcess ? .inProcess : .workers(WorkerOptions()))
        guard !registry.entries.isEmpty else {
            throw ClientError(
                .adapterMissing,
                "no plugins in \(folders.joined(separator: ", ")); give --plugins or set GAMD_PLUGINS"
            )
        }
        return registry
    }

    private func environmentFolders() -> [String] {
        guard let text = getenv("GAMD_PLUGINS") else { return [] }
        return String(cString: text).split(separator: ":").map(String.init)
    }
}

/// Options for an adapter, from name=value texts.
func adapterOptions(
    _ settings: [String], decoded: Bool = false
) throws(ClientError) -> [String: String] {
    var options: [String: String] = decoded ? ["decoded": "1"] : [:]
    for setting in settings {
        guard let equals = setting.firstIndex(of: "="), equals > setting.startIndex else {
            throw ClientError(.badRequest, "--set \"\(setting)\" is not name=value")
        }
        options[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
    }
    return options
}

/// An open descriptor that is closed with its owner.
final class OpenFile: SampleSource {
    let descriptor: Int32

    init(reading path: String) throws(ClientError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(clinux_errno()))
            throw ClientError(.badInput, "\(path) cannot be read: \(reason)")
        }
    }

    /// A file that can be read from any place; `-` is all of stdin, kept in a temporary file.
    static func input(_ path: String) throws -> OpenFile {
        guard path == "-" else { return try OpenFile(reading: path) }
        let file = try OpenFile()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
            if count < 0 && clinux_errno() == EINTR { continue }
            guard count >= 0 else { throw ClientError(.ioError, "reading stdin failed") }
            if count == 0 { return file }
            try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// An unlinked temporary file.
    init(temporaryIn folder: String = "/tmp") throws(ClientError) {
        var template = Array((folder + "/gamctl-XXXXXX").utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw ClientError(.ioError, "cannot make a temporary file in \(folder)")
        }
        unlink(template)
    }

    deinit { close(descriptor) }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            guard count > 0 else { throw ClientError(.ioError, "cannot write a temporary file") }
            done += count
        }
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done, offset + done)
            guard count > 0 else { throw ClientError(.ioError, "cannot read decoded samples") }
            done += count
        }
    }
}

/// A file's samples and what its adapter needs to write it again.
struct DecodedFile {
    let description: SignalDescription
    let samples: OpenFile
    var origin = FileOrigin()
}

extension PluginRegistry {
    /// Decodes a file with the adapter that fits it.
    func decode(_ path: String, options: [String: String] = [:]) throws -> DecodedFile {
        let input = try OpenFile.input(path)
        let name = path == "-" ? "" : String(path.split(separator: "/").last ?? "")
        let adapter = try detect(descriptor: input.descriptor, fileName: name)
        let session = try adapter.decode(
            descriptor: input.descriptor, fileName: name, options: options)
        let samples = try OpenFile()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while session.bytesLeft > 0 {
            let count = try session.read(into: buffer)
            try samples.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        var file = DecodedFile(description: session.description, samples: samples)
        file.origin.adapter = adapter.id
        file.origin.kind = session.kind
        file.origin.fileName = name
        file.origin.metadata = session.metadata.map { ($0.key, $0.bytes) }
        return file
    }
}

/// Records kept in memory.
final class RecordTable: RecordSink {
    private let table = Mutex<[RecordID: [UInt8]]>([:])

    func put(_ id: RecordID, _ bytes: [UInt8]) { table.withLock { $0[id] = bytes } }
    var records: [RecordID: [UInt8]] { table.withLock { $0 } }
}
