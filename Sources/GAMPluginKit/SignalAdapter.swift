// What always holds here:
// - An author conforms to these three protocols and writes no unsafe code; the kit does the C ABI
//   (gam_plugin.h) around them.
// - Rows are whole: a line along the fastest axis with all channels, or one point when the signal
//   has one axis. The kit checks that what a decoder returns is a whole number of rows.

/// A plugin: recognizes files and makes decoders and encoders. One value serves all threads.
public protocol SignalAdapter: Sendable {
    /// As in the manifest.
    var id: String { get }
    /// Semantic version of the plugin.
    var version: String { get }
    /// The options it understands.
    var parameters: [AdapterParameter] { get }
    /// 0 (not mine) ... 100 for a file that starts with `head`.
    func probe(head: [UInt8], fileSize: UInt64, fileName: String) -> Int
    /// Reads headers, checks every declared size against `input.limits` before taking memory for
    /// it, and keeps the metadata.
    func makeDecoder(for input: AdapterInput) throws(AdapterError) -> any SignalDecoder
    /// Starts a file for a signal.
    func makeEncoder(
        for description: AdapterDescription, output: AdapterOutput
    ) throws(AdapterError) -> any SignalEncoder
}

extension SignalAdapter {
    /// No options.
    public var parameters: [AdapterParameter] { [] }

    /// Recognized by the magic bytes and suffixes of the manifest alone.
    public func probe(head: [UInt8], fileSize: UInt64, fileName: String) -> Int { 50 }
}

/// One file being decoded.
public protocol SignalDecoder: AnyObject {
    var description: AdapterDescription { get }
    /// The next 1 ... `rowsMax` whole rows in canonical form.
    func readRows(_ rowsMax: Int) throws(AdapterError) -> [UInt8]
}

extension SignalEncoder {
    /// Nothing is left to write.
    public func finish() throws(AdapterError) {}
}

/// One file being encoded.
public protocol SignalEncoder: AnyObject {
    /// The next whole rows in canonical form.
    func writeRows(_ rows: [UInt8]) throws(AdapterError)
    /// After the last row.
    func finish() throws(AdapterError)
}

/// One option of an adapter.
public struct AdapterParameter: Sendable {
    public let name: String
    public let defaultValue: String
    public let help: String

    public init(name: String, defaultValue: String, help: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.help = help
    }
}

/// Why an adapter gives up; the text says what failed and what to do, in one line.
public struct AdapterError: Error, Sendable {
    /// The status codes of gam_plugin.h.
    public enum Kind: Int32, Sendable {
        case badInput = 1
        case unsupported, limit, inputOutput, usage, outOfMemory, fault
    }
    public let kind: Kind
    public let text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
