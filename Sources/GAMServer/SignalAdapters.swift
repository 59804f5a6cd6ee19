// What the daemon asks of signal adapters; PluginAdapters answers it with the plugin host.
// What always holds: sample bytes pass in order and in pieces, never whole; everything an adapter
// returns is checked again before it is stored.

import GAMCore

public protocol SignalAdapters: Sendable {
    /// Decodes a whole file. Calls `begin` once with the shape, then `rows` with canonical bytes.
    func decode(
        _ input: DecodeInput,
        begin: (SignalDescription) throws -> Void,
        rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> DecodedSignal

    /// Writes a file to `output`. `samples` pushes all canonical bytes in order when called.
    func encode(
        _ input: EncodeInput, output: Int32,
        samples: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws

    /// The installed adapters; runs no adapter code.
    func list() -> [AdapterSummary]

    /// What the processes of each adapter have done so far.
    func figures() -> [AdapterFigures]
}

extension SignalAdapters {
    public func figures() -> [AdapterFigures] { [] }
}

public struct AdapterFigures: Sendable {
    public let id: String
    public let workersStarted: Int
    public let workersIdle: Int
    public let workersBusy: Int
    /// Files decoded or encoded, successfully or not.
    public let files: Int
    /// Crashes, time-outs, broken contracts.
    public let faults: Int
    /// Put aside after too many faults.
    public let isQuarantined: Bool
}

public struct DecodeInput: Sendable {
    public let descriptor: Int32
    public let byteCount: Int
    public let fileName: String
    /// nil: found by content and name.
    public let adapter: String?
    public let options: [String: String]
    public let samplesBytesMax: Int
    public let metadataBytesMax: Int
}

public struct DecodedSignal: Sendable {
    public let adapter: String
    public let adapterVersion: String
    public let kind: String
    /// "file" or "samples".
    public let exactness: String
    public let mediaType: String
    public let metadata: [(key: String, value: [UInt8])]

    public init(
        adapter: String, adapterVersion: String, kind: String, exactness: String,
        mediaType: String, metadata: [(key: String, value: [UInt8])]
    ) {
        self.adapter = adapter
        self.adapterVersion = adapterVersion
        self.kind = kind
        self.exactness = exactness
        self.mediaType = mediaType
        self.metadata = metadata
    }
}

public struct EncodeInput: Sendable {
    public let adapter: String
    public let kind: String
    public let mediaType: String
    public let fileName: String
    public let description: SignalDescription
    public let metadata: [(key: String, value: [UInt8])]
    /// The output may not grow beyond this.
    public let fileBytesMax: Int
    /// Name of the format to write; empty: that of the file the signal came from.
    public var format = ""
    /// Options for the adapter.
    public var options: [String: String] = [:]
}

public struct AdapterSummary: Sendable {
    public let id: String
    public let version: String
    public let abi: String
    public let path: String
    public let types: [String]
    public let mediaTypes: [String]
    public let suffixes: [String]
    public let exactness: String
    /// "ready" or why it cannot be used.
    public let state: String

    public init(
        id: String, version: String, abi: String, path: String, types: [String],
        mediaTypes: [String], suffixes: [String], exactness: String, state: String
    ) {
        self.id = id
        self.version = version
        self.abi = abi
        self.path = path
        self.types = types
        self.mediaTypes = mediaTypes
        self.suffixes = suffixes
        self.exactness = exactness
        self.state = state
    }
}

/// What is wrong with an adapter besides the errors of the plugin host.
public enum AdapterError: Error, Equatable, CustomStringConvertible {
    /// No adapter of this name is installed.
    case missing(String)
    case unknownFormat(String)
    /// The adapter broke its contract.
    case fault(String)

    public var description: String {
        switch self {
        case .missing(let text), .unknownFormat(let text), .fault(let text): text
        }
    }
}

/// No adapters at all: only puts of samples work.
public struct NoAdapters: SignalAdapters {
    public init() {}

    public func decode(
        _ input: DecodeInput,
        begin: (SignalDescription) throws -> Void,
        rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> DecodedSignal {
        throw AdapterError.missing(
            "no adapters are loaded; start gamd with --plugins, or put samples")
    }

    public func encode(
        _ input: EncodeInput, output: Int32,
        samples: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        guard input.adapter.isEmpty else {
            throw AdapterError.missing(
                "adapter \(input.adapter) is not installed; read the signal as npy or raw instead")
        }
        throw AdapterError.unknownFormat(
            "no plugin writes the format \"\(input.format)\"; there are: raw, npy")
    }

    public func list() -> [AdapterSummary] { [] }
}
