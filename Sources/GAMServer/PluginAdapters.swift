// The adapters of the plugin host, as the daemon uses them.
// What always holds: an adapter is loaded when it is first needed, not before.

import GAMCore
import GAMPluginHost
import GAMProtocol

public struct PluginAdapters: SignalAdapters {
    private static let bufferBytes = 1 << 20
    public let registry: PluginRegistry
    private let settings: ServerConfiguration.Plugins
    private let scratchFolder: String

    /// - Parameter registry: made for `settings`, see `ServerConfiguration.Plugins.isolationRule`.
    /// - Parameter scratchFolder: where files of a moment may lie.
    public init(
        registry: PluginRegistry, settings: ServerConfiguration.Plugins, scratchFolder: String
    ) {
        self.registry = registry
        self.settings = settings
        self.scratchFolder = scratchFolder
    }

    /// The limits of one file; `samples` and `metadataBytes` come from the request.
    private func limits(samples: Int, metadataBytes: Int) -> PluginLimits {
        PluginLimits(
            samplesMax: UInt64(samples), pointsMax: UInt64(settings.pointsMax),
            channelsMax: UInt64(settings.channelsMax), metadataBytesMax: UInt64(metadataBytes),
            memoryBytesMax: UInt64(settings.memoryBytesMax),
            outputBytesMax: UInt64(settings.outputBytesMax),
            secondsMax: UInt64(settings.secondsMax))
    }

    public func decode(
        _ input: DecodeInput,
        begin: (SignalDescription) throws -> Void,
        rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> DecodedSignal {
        let adapter = try adapter(for: input)
        let limits = limits(
            samples: min(input.samplesBytesMax, Limits.samplesMax),
            metadataBytes: input.metadataBytesMax)
        let session = try adapter.decode(
            descriptor: input.descriptor, fileName: input.fileName, options: input.options,
            limits: limits)
        try begin(session.description)
        let hash = try forwardRows(session, rows)
        if settings.verify == "all" || (settings.verify == "file" && session.exactness == .file) {
            let trip = RoundTrip(
                adapter: adapter, input: input, limits: limits, scratchFolder: scratchFolder)
            try registry.noting(faultsOf: adapter.id) { try trip.check(session, hash: hash) }
        }
        return DecodedSignal(
            adapter: adapter.id, adapterVersion: adapter.manifest.version, kind: session.kind,
            exactness: session.exactness.name, mediaType: session.mediaType,
            metadata: session.metadata.map { ($0.key, $0.bytes) })
    }

    private func adapter(for input: DecodeInput) throws(PluginError) -> Adapter {
        if let id = input.adapter { return try registry.adapter(id: id) }
        return try registry.detect(descriptor: input.descriptor, fileName: input.fileName)
    }

    /// The hash of all samples.
    private func forwardRows(
        _ session: DecodeSession, _ rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> BodyHash {
        var hasher = BodyHasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.bufferBytes, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try session.read(into: buffer)
            if count == 0 { return hasher.value() }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(piece)
            try rows(piece)
        }
    }

    public func encode(
        _ input: EncodeInput, output: Int32,
        samples: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        let adapter = try registry.adapter(id: try writer(of: input))
        var options = input.options
        if !input.format.isEmpty { options["format"] = input.format }
        let metadataBytes = input.metadata.reduce(0) { $0 + $1.value.count }
        var limits = limits(samples: Limits.samplesMax, metadataBytes: metadataBytes)
        limits.outputBytesMax = min(limits.outputBytesMax, UInt64(input.fileBytesMax))
        let session = try adapter.encode(
            description: input.description,
            metadata: input.metadata.map { PluginMetadata(key: $0.key, bytes: $0.value) },
            descriptor: output, fileName: input.fileName, options: options, limits: limits)
        try samples { try session.write($0) }
        try session.finish()
    }

    /// The plugin that writes the wanted format: the signal's own where it can.
    private func writer(of input: EncodeInput) throws(AdapterError) -> String {
        let ids = registry.entries.map(\.manifest.id)
        guard !input.format.isEmpty else {
            if ids.contains(input.adapter) { return input.adapter }
            throw .missing(
                "adapter \(input.adapter), which wrote this signal, is not installed;"
                    + " install it or read the signal with --format npy")
        }
        let writers = registry.entries
            .filter { $0.manifest.types.contains { $0.name == input.format } }
            .map(\.manifest.id)
        if writers.contains(input.adapter) { return input.adapter }
        guard let first = writers.first else {
            let formats = registry.entries.flatMap { $0.manifest.types.map(\.name) }
            throw .unknownFormat(
                "no plugin writes the format \"\(input.format)\"; there are: raw, npy, "
                    + formats.sorted().joined(separator: ", "))
        }
        return first
    }

    public func list() -> [AdapterSummary] {
        let usable = registry.entries.map { entry in
            let manifest = entry.manifest
            return AdapterSummary(
                id: manifest.id, version: manifest.version, abi: manifest.abi,
                path: entry.libraryPath ?? manifest.path, types: manifest.types.map(\.name),
                mediaTypes: manifest.mediaTypes, suffixes: manifest.suffixes,
                exactness: Self.exactness(manifest), state: registry.state(of: entry))
        }
        let broken = registry.problems.map { problem in
            AdapterSummary(
                id: "", version: "", abi: "", path: "", types: [], mediaTypes: [], suffixes: [],
                exactness: "", state: "\(problem)")
        }
        return usable + broken
    }

    public func figures() -> [AdapterFigures] {
        registry.entries.map { entry in
            let figures = registry.figures(of: entry.manifest.id)
            return AdapterFigures(
                id: entry.manifest.id, workersStarted: figures.started, workersIdle: figures.idle,
                workersBusy: figures.busy, files: figures.sessions, faults: figures.faults,
                isQuarantined: entry.isReady && registry.state(of: entry) != entry.state)
        }
    }

    /// "file", "samples", or both where the types of a plugin differ.
    private static func exactness(_ manifest: PluginManifest) -> String {
        Set(manifest.types.map(\.exactness.name)).sorted().joined(separator: ", ")
    }
}

extension ServerConfiguration.Plugins {
    /// Where plugins run, as configured.
    public var isolationRule: PluginIsolation {
        guard isolation == "workers" else { return .inProcess }
        var options = WorkerOptions()
        options.sandbox = WorkerOptions.Sandbox(rawValue: sandbox) ?? .required
        options.idleMax = idleWorkersMax
        options.memoryBytesMax = UInt64(memoryBytesMax)
        options.outputBytesMax = UInt64(outputBytesMax)
        return .workers(options)
    }

    /// When a plugin is put aside, as configured.
    public var quarantineRule: QuarantineRule {
        var rule = QuarantineRule()
        rule.faultsMax = faultsMax
        rule.windowSeconds = faultWindowSeconds
        rule.quarantineSeconds = quarantineSeconds
        return rule
    }
}
