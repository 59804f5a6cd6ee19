// What always holds here:
// - Only the Python literals numpy writes are read: text, True, False, and tuples of whole
//   numbers; anything else is an error or, for the element type, `.other`.

import GAMPluginKit

/// Reads the dictionary of an NPY header.
struct DictionaryParser {
    enum Value: Equatable {
        case text(String)
        case flag(Bool)
        case numbers([Int])
        case other
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = Array(bytes) }

    mutating func parse() throws(AdapterError) -> [String: Value] {
        var entries: [String: Value] = [:]
        try expect("{")
        while !take("}") {
            guard case .text(let key) = try value() else { throw damaged() }
            try expect(":")
            entries[key] = try value()
            if !take(",") {
                try expect("}")
                break
            }
        }
        return entries
    }

    private func damaged() -> AdapterError {
        AdapterError(.badInput, "the NPY header is damaged at its byte \(position)")
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Character) throws(AdapterError) {
        guard take(character) else { throw damaged() }
    }

    private mutating func word() -> String {
        let start = position
        while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
            || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x5f
    }

    private mutating func value() throws(AdapterError) -> Value {
        if take("'") { return .text(try text(until: 0x27)) }
        if take("\"") { return .text(try text(until: 0x22)) }
        if take("(") { return .numbers(try numbers()) }
        if take("[") { return try skipList() }
        skipSpace()
        switch word() {
        case "True": return .flag(true)
        case "False": return .flag(false)
        default: throw damaged()
        }
    }

    private mutating func text(until quote: UInt8) throws(AdapterError) -> String {
        guard let end = bytes[position...].firstIndex(of: quote) else { throw damaged() }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    /// The numbers of a tuple whose "(" was taken; Python 2 wrote some with a trailing L.
    private mutating func numbers() throws(AdapterError) -> [Int] {
        var numbers: [Int] = []
        while !take(")") {
            skipSpace()
            let text = word()
            let digits = text.hasSuffix("L") ? String(text.dropLast()) : text
            guard let number = Int(digits), number >= 0, numbers.count < 64 else {
                throw damaged()
            }
            numbers.append(number)
            if !take(",") {
                try expect(")")
                break
            }
        }
        return numbers
    }

    /// Skips a list (a structured element type) whose "[" was taken.
    private mutating func skipList() throws(AdapterError) -> Value {
        var depth = 1
        while depth > 0 {
            guard position < bytes.count else { throw damaged() }
            if bytes[position] == 0x5b { depth += 1 }
            if bytes[position] == 0x5d { depth -= 1 }
            position += 1
        }
        return .other
    }
}
