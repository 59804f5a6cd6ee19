// What always holds here:
// - A header that exists has a known element type, a shape, and its exact bytes for writing the
//   same file again (numpy's NEP 1 format, versions 1, 2 and 3).

import GAMPluginKit

/// The header of an NPY file.
struct NPYHeader {
    let layout: ArrayLayout
    /// Everything before the first element.
    let bytes: [UInt8]

    /// A dictionary of three short entries; anything longer is not one.
    static let headerBytesMax = 64 << 10
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    static func matches(_ head: [UInt8]) -> Bool { head.starts(with: magic) }

    init(_ input: AdapterInput) throws(AdapterError) {
        let start = try input.read(10, at: 0)
        let isLong = start[6] >= 2
        let prefix = try isLong ? input.read(12, at: 0) : start
        let length =
            Int(prefix[8]) | Int(prefix[9]) << 8
            | (isLong ? Int(prefix[10]) << 16 | Int(prefix[11]) << 24 : 0)
        guard length <= Self.headerBytesMax else {
            throw AdapterError(.badInput, "the NPY header declares \(length) bytes: damaged")
        }
        try self.init(input.read(prefix.count + length, at: 0))
    }

    /// Parses all bytes before the first element.
    init(_ bytes: [UInt8]) throws(AdapterError) {
        guard bytes.count >= 10, Self.matches(bytes), (1...3).contains(bytes[6]) else {
            throw AdapterError(
                .unsupported, "the NPY file has a version other than 1, 2 or 3; save it again")
        }
        let prefix = bytes[6] >= 2 ? 12 : 10
        guard bytes.count >= prefix else {
            throw AdapterError(.badInput, "the NPY header is cut off")
        }
        var parser = DictionaryParser(bytes[prefix...])
        let entries = try parser.parse()
        guard case .text(let descriptor)? = entries["descr"] else {
            throw AdapterError(
                .unsupported, "the NPY file has structured elements; save one field per file")
        }
        guard case .flag(let isFortran)? = entries["fortran_order"],
            case .numbers(let shape)? = entries["shape"]
        else { throw AdapterError(.badInput, "the NPY header lacks its order or shape: damaged") }
        let (element, isBig) = try Self.element(descriptor)
        layout = ArrayLayout(
            extents: shape, element: element, isBigEndian: isBig, isFortranOrder: isFortran)
        self.bytes = bytes
    }

    private static func element(_ descriptor: String) throws(AdapterError) -> (ElementType, Bool) {
        let isBig = descriptor.hasPrefix(">")
        let isMarked = descriptor.first.map { "<>|=".contains($0) } ?? false
        let name = isMarked ? String(descriptor.dropFirst()) : descriptor
        let element: ElementType
        switch name {
        case "b1", "u1": element = ElementType(.unsigned, bytes: 1)
        case "i1": element = ElementType(.signed, bytes: 1)
        case "u2": element = ElementType(.unsigned, bytes: 2)
        case "i2": element = ElementType(.signed, bytes: 2)
        case "u4": element = ElementType(.unsigned, bytes: 4)
        case "i4": element = ElementType(.signed, bytes: 4)
        case "f2": element = ElementType(.float, bytes: 2)
        case "f4": element = ElementType(.float, bytes: 4)
        default:
            throw AdapterError(
                .unsupported,
                "elements of type '\(descriptor.prefix(40))' are not kept: \(advice(name))")
        }
        return (element, isBig)
    }

    /// What an element type would need.
    private static func advice(_ name: String) -> String {
        switch name.first {
        case "f":
            "floats of more than 32 bits would need samples of 64 bits; where float32 holds the"
                + " values, convert with astype('float32')"
        case "i", "u":
            "integers of more than 32 bits would need samples of 64 bits; where 32 bits hold the"
                + " values, convert with astype('int32') or astype('uint32')"
        case "c":
            "complex numbers are pairs; store real and imaginary parts as two channels:"
                + " a.view('float32') with channels=last"
        case "m", "M": "times are 64-bit integers; store them as differences in 32 bits"
        case "S", "U", "V", "O": "only numbers are samples"
        default: "convert the array to integers of up to 32 bits, float16 or float32"
        }
    }

    /// A version 1 header for a signal, little endian, C order.
    init(for description: AdapterDescription) {
        layout = ArrayLayout(of: description)
        let family = ["u", "i", "f"][Int(layout.element.family.rawValue)]
        let mark = layout.element.bytes == 1 ? "|" : "<"
        let shape = layout.extents.map(String.init).joined(separator: ", ")
        let comma = layout.extents.count == 1 ? "," : ""
        var text =
            "{'descr': '\(mark)\(family)\(layout.element.bytes)', 'fortran_order': False, "
            + "'shape': (\(shape)\(comma)), }"
        // Prefix (10 bytes), text and newline together are a multiple of 64.
        let padding = 63 - (10 + text.utf8.count) % 64
        text += String(repeating: " ", count: padding) + "\n"
        let length = text.utf8.count
        bytes =
            Self.magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + Array(text.utf8)
    }
}
