// What always holds here:
// - A header that exists describes attached data (raw or gzip) of a known element type, and has
//   its exact bytes for writing the same file again (NRRD 1 ... 5).
// - `sizes` in the file are fastest first; `layout.extents` are slowest first.

import GAMPluginKit

/// The header of an NRRD file.
struct NRRDHeader {
    enum Encoding { case raw, gzip }

    let layout: ArrayLayout
    let encoding: Encoding
    /// What the fastest axis holds, when the header says that it holds channels.
    let channels: [AdapterChannel]?
    let channelsAreLast: Bool
    /// Distances of neighbors, slowest axis first; 1 when unknown.
    let spacings: [Double]
    let saysDistance: Bool
    /// Everything before the data, with the empty line.
    let bytes: [UInt8]

    static let headerBytesMax = 256 << 10

    static func matches(_ head: [UInt8]) -> Bool {
        head.starts(with: Array("NRRD000".utf8)) && head.count > 7
            && (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(head[7])
    }

    init(_ input: AdapterInput) throws(AdapterError) {
        let start = try input.readUpTo(Self.headerBytesMax, at: 0)
        guard let end = Self.headerEnd(start) else {
            throw AdapterError(
                .badInput,
                "the NRRD header has no empty line at its end: cut off, or its data are in another"
                    + " file; store it with attached data")
        }
        try self.init(Array(start[..<end]))
    }

    /// Bytes up to and with the first empty line.
    private static func headerEnd(_ bytes: [UInt8]) -> Int? {
        var lineStart = 0
        for (index, byte) in bytes.enumerated() where byte == 0x0a {
            let isEmpty = index == lineStart || (index == lineStart + 1 && bytes[lineStart] == 0x0d)
            if isEmpty { return index + 1 }
            lineStart = index + 1
        }
        return nil
    }

    /// Parses all bytes before the data.
    init(_ bytes: [UInt8]) throws(AdapterError) {
        let fields = NRRDFields(bytes)
        for name in ["data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip"]
        where fields[name].map({ $0 != "0" }) ?? false {
            throw AdapterError(
                .unsupported, "NRRD files with '\(name)' are not kept; store the data attached")
        }
        let element = try fields.element()
        let sizes = try fields.sizes()
        layout = ArrayLayout(
            extents: sizes.reversed(), element: element,
            isBigEndian: fields["endian"] == "big" && element.bytes > 1)
        if element.bytes > 1, !["big", "little"].contains(fields["endian"] ?? "") {
            throw AdapterError(.badInput, "the NRRD header does not say its endian")
        }
        switch fields["encoding"] {
        case "raw": encoding = .raw
        case "gz", "gzip": encoding = .gzip
        case let other:
            throw AdapterError(
                .unsupported,
                "NRRD encoding '\((other ?? "none").prefix(40))' is not kept; use raw or gzip")
        }
        (channelsAreLast, channels) = fields.channels(dimension: sizes.count)
        spacings = fields.spacings(dimension: sizes.count)
        saysDistance = fields.saysDistance
        self.bytes = bytes
    }

    /// A raw, little-endian header for a signal.
    init(for description: AdapterDescription) throws(AdapterError) {
        let layout = ArrayLayout(of: description)
        guard let type = NRRDFields.name(of: layout.element) else {
            throw AdapterError(.usage, "NRRD has no 16-bit floats; choose format=npy")
        }
        let sizes = layout.extents.reversed().map(String.init).joined(separator: " ")
        var text = "NRRD0004\ntype: \(type)\ndimension: \(layout.extents.count)\nsizes: \(sizes)\n"
        if layout.element.bytes > 1 { text += "endian: little\n" }
        let spacings = description.axes.reversed().map { "\($0.spacing)" }
        let hasChannels = layout.extents.count > description.axes.count
        text += "spacings: \(((hasChannels ? ["NaN"] : []) + spacings).joined(separator: " "))\n"
        if hasChannels {
            let spaces = Array(repeating: "domain", count: description.axes.count)
            text += "kinds: \((["vector"] + spaces).joined(separator: " "))\n"
        }
        text += "encoding: raw\n\n"
        try self.init(Array(text.utf8))
    }
}
