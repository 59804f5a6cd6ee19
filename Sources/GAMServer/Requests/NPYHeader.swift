// The header of a .npy file (format version 1.0) for canonical sample bytes: C order, little
// endian, channels as the last axis when there is more than one.

import GAMCore

package enum NPYHeader {
    /// The most bytes a header has: every extent has at most 20 digits.
    package static let bytesMax = 256

    /// The bytes before the samples; a multiple of 64, as numpy writes them.
    package static func bytes(for description: SignalDescription) -> [UInt8] {
        var shape = description.extents
        if description.channels.count > 1 { shape.append(description.channels.count) }
        let type = description.sampleType
        let letter = type.family == .float ? "f" : type.family == .signed ? "i" : "u"
        let endian = type.containerBytes == 1 ? "|" : "<"
        let list = shape.map { "\($0)," }.joined(separator: " ")
        let tuple = shape.count == 1 ? list : String(list.dropLast())
        let dictionary =
            "{'descr': '\(endian)\(letter)\(type.containerBytes)', 'fortran_order': False, "
            + "'shape': (\(tuple)), }"
        // Magic, version and length take 10 bytes, the line feed 1.
        let used = 10 + dictionary.utf8.count + 1
        let padding = (64 - used % 64) % 64
        let text = dictionary + String(repeating: " ", count: padding) + "\n"
        let count = text.utf8.count
        return [0x93] + Array("NUMPY".utf8) + [1, 0]
            + [UInt8(count & 0xFF), UInt8(count >> 8)] + Array(text.utf8)
    }
}
