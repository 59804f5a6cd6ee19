// What always holds here:
// - A file is recognized by its first bytes; the name is never trusted.
// - All axes are spatial and there is one channel, unless the request says channels=last or an
//   NRRD header says so itself: nothing is guessed from extents.

import GAMPluginKit

private let table = PluginTable(ArrayAdapter())

/// The entry of the ABI.
@_cdecl("gam_plugin_entry_v1")
public func pluginEntry() -> UnsafeRawPointer { table.entry }

/// NPY and NRRD arrays of up to four axes.
struct ArrayAdapter: SignalAdapter {
    let id = "array"
    let version = "1.0.0"
    let parameters = [
        AdapterParameter(
            name: "channels", defaultValue: "",
            help: "'last': the last axis (fastest in the file of an NRRD) holds channels"),
        AdapterParameter(
            name: "kind", defaultValue: "",
            help: "'sdf': the samples are signed distances; 'array': they are not"),
        AdapterParameter(
            name: "format", defaultValue: "",
            help: "format to write: npy or nrrd; empty: as it came"),
        AdapterParameter(
            name: "drop_metadata", defaultValue: "",
            help: "1: write another format even when it cannot hold all metadata"),
    ]

    func probe(head: [UInt8], fileSize: UInt64, fileName: String) -> Int {
        NPYHeader.matches(head) || NRRDHeader.matches(head) ? 100 : 0
    }

    func makeDecoder(for input: AdapterInput) throws(AdapterError) -> any SignalDecoder {
        let options = try ArrayOptions(
            channels: input.option("channels"), kind: input.option("kind"))
        let head = try input.readUpTo(16, at: 0)
        if NPYHeader.matches(head) {
            let header = try NPYHeader(input)
            return try ArrayDecoder(input, header: header, options: options)
        }
        if NRRDHeader.matches(head) {
            let header = try NRRDHeader(input)
            return try ArrayDecoder(input, header: header, options: options)
        }
        throw AdapterError(
            .badInput, "it does not start like an NPY or NRRD file; get a complete copy")
    }

    func makeEncoder(
        for description: AdapterDescription, output: AdapterOutput
    ) throws(AdapterError) -> any SignalEncoder {
        let kept = output.kept("format").map { String(decoding: $0, as: UTF8.self) }
        let named = output.option("format").flatMap { $0.isEmpty ? nil : $0 }
        if let named { try Conversion(from: kept, to: named, output).check() }
        switch named ?? kept ?? "npy" {
        case "npy": return try ArrayEncoder(npy: description, output)
        case "nrrd": return try ArrayEncoder(nrrd: description, output)
        case let other where named != nil:
            throw AdapterError(.usage, "unknown array format '\(other)'; choose npy or nrrd")
        default:
            return try ArrayEncoder(npy: description, output)
        }
    }
}

/// The options that change how a file is understood.
struct ArrayOptions {
    let channelsAreLast: Bool
    /// "sdf", "array", or nil: as the file says.
    let kind: String?

    init(channels: String?, kind: String?) throws(AdapterError) {
        switch channels {
        case nil, "": channelsAreLast = false
        case "last": channelsAreLast = true
        case let other?:
            throw AdapterError(.usage, "the option channels is 'last' or not given, not '\(other)'")
        }
        switch kind {
        case nil, "": self.kind = nil
        case "sdf", "array": self.kind = kind
        case let other?:
            throw AdapterError(.usage, "the option kind is 'sdf' or 'array', not '\(other)'")
        }
    }
}
