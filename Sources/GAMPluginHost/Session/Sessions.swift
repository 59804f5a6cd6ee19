// Decoding and encoding as callers see them; where the adapter runs is behind the engine.
// What always holds: every breach of contract an engine reports is noted in the fault book once.

import CGAMPlugin
import GAMCore

/// A file to decode.
struct DecodeRequest: Sendable {
    /// Readable.
    let file: PositionedFile
    let fileName: String
    let options: [String: String]
    var limits: PluginLimits
    /// Whether the adapter is asked for all rows, also for those that lie in the file as they are.
    let asksForRows: Bool
}

/// A file to encode into.
struct EncodeRequest: Sendable {
    let description: SignalDescription
    let metadata: [PluginMetadata]
    /// Empty, readable and writable.
    let file: PositionedFile
    let fileName: String
    let options: [String: String]
    var limits: PluginLimits
}

/// What is known of a file before its samples.
struct DecodedHeader {
    let raw: gam_description
    let description: AdapterDescription
    let metadata: [PluginMetadata]
    /// Where in the file all samples lie as they are; nil where the adapter gives them.
    let samplesAt: UInt64?
    /// Whether the adapter says that they do.
    let liesInFile: Bool

    /// Checks what an adapter said about the file of `request`.
    init(
        _ raw: gam_description, plugin: String, metadata: [PluginMetadata], request: DecodeRequest
    ) throws(PluginError) {
        self.raw = raw
        self.metadata = metadata
        description = try AdapterDescription(raw, plugin: plugin, file: request.fileName)
        try request.limits.check(description.signal, plugin: plugin, file: request.fileName)
        liesInFile = raw.samples_at != 0
        samplesAt = request.asksForRows || !liesInFile ? nil : raw.samples_at
        guard liesInFile else { return }
        let signal = description.signal
        let (end, overflow) = raw.samples_at.addingReportingOverflow(UInt64(signal.rawBytes))
        guard !overflow, end <= request.file.size,
            signal.sampleType.bits == signal.sampleType.containerBytes * 8
        else {
            throw .fault(
                plugin: plugin, reason: "it described samples in the file that cannot be there")
        }
    }
}

/// What decodes one file.
protocol DecodeEngine: AnyObject {
    var header: DecodedHeader { get }
    var bytesLeft: UInt64 { get }
    /// Fills `buffer`; fewer bytes only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int
}

/// What encodes one file.
protocol EncodeEngine: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer) throws(PluginError)
    func finish() throws(PluginError)
}

/// A file being decoded: description and metadata at once, samples as a stream. One thread.
public final class DecodeSession {
    private let engine: any DecodeEngine
    private let faults: FaultBook

    init(_ engine: any DecodeEngine, _ faults: FaultBook) {
        self.engine = engine
        self.faults = faults
    }

    public var description: SignalDescription { engine.header.description.signal }
    public var exactness: Exactness { engine.header.description.exactness }
    public var order: OrderHint { engine.header.description.order }
    /// "image", "audio", "sdf", "array" ...
    public var kind: String { engine.header.description.kind }
    public var mediaType: String { engine.header.description.mediaType }
    /// What must come back when the signal is encoded, in the adapter's order.
    public var metadata: [PluginMetadata] { engine.header.metadata }
    /// Canonical bytes not yet read.
    public var bytesLeft: UInt64 { engine.bytesLeft }
    /// Whether the adapter says that all samples lie in the file as they are.
    package var samplesLieInFile: Bool { engine.header.liesInFile }

    /// Fills `buffer` with the next canonical bytes; fewer than asked for only at the end of the
    /// signal, then 0. After an error the session is of no further use.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
        try faults.noting { () throws(PluginError) in try engine.read(into: buffer) }
    }
}

/// A file being encoded. One thread.
public final class EncodeSession {
    public let description: SignalDescription
    private let engine: any EncodeEngine
    private let faults: FaultBook

    init(_ description: SignalDescription, _ engine: any EncodeEngine, _ faults: FaultBook) {
        self.description = description
        self.engine = engine
        self.faults = faults
    }

    /// Takes the next canonical bytes, any number of them.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        try faults.noting { () throws(PluginError) in try engine.write(bytes) }
    }

    /// Completes the file after the last sample.
    public func finish() throws(PluginError) {
        try faults.noting { () throws(PluginError) in try engine.finish() }
    }
}

extension FaultBook {
    /// Runs `body`; notes a breach of contract it throws.
    func noting<Result>(
        _ body: () throws(PluginError) -> Result
    ) throws(PluginError) -> Result {
        do {
            return try body()
        } catch {
            note(error)
            throw error
        }
    }
}
