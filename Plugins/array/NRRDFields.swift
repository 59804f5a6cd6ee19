// What always holds here:
// - Field names are lower case; "key:=value" pairs are stored under "key:=".

import GAMPluginKit

/// The fields of an NRRD header by name.
struct NRRDFields {
    private var fields: [String: String] = [:]

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline).dropFirst() where line.first != "#" {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].lowercased()
            let rest = line[line.index(after: colon)...]
            if rest.first == "=" {
                fields[name + ":="] = String(rest.dropFirst())
            } else {
                fields[name] = String(rest.drop { $0 == " " || $0 == "\t" }).trimmedRight
            }
        }
    }

    subscript(_ name: String) -> String? { fields[name] }

    private func words(_ name: String) -> [Substring] { (fields[name] ?? "").split(separator: " ") }

    func element() throws(AdapterError) -> ElementType {
        switch fields["type"] {
        case "signed char", "int8", "int8_t": return ElementType(.signed, bytes: 1)
        case "uchar", "unsigned char", "uint8", "uint8_t":
            return ElementType(.unsigned, bytes: 1)
        case "short", "short int", "signed short", "signed short int", "int16", "int16_t":
            return ElementType(.signed, bytes: 2)
        case "ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t":
            return ElementType(.unsigned, bytes: 2)
        case "int", "signed int", "int32", "int32_t": return ElementType(.signed, bytes: 4)
        case "uint", "unsigned int", "uint32", "uint32_t":
            return ElementType(.unsigned, bytes: 4)
        case "float": return ElementType(.float, bytes: 4)
        case let other:
            throw AdapterError(
                .unsupported,
                "NRRD elements of type '\((other ?? "none").prefix(40))' are not kept; convert to"
                    + " integers of up to 32 bits or float")
        }
    }

    /// The type name of an element; nil when NRRD has none.
    static func name(of element: ElementType) -> String? {
        switch (element.family, element.bytes) {
        case (.signed, 1): "int8"
        case (.unsigned, 1): "uint8"
        case (.signed, 2): "int16"
        case (.unsigned, 2): "uint16"
        case (.signed, _): "int32"
        case (.unsigned, _): "uint32"
        case (.float, 4): "float"
        default: nil
        }
    }

    func sizes() throws(AdapterError) -> [Int] {
        let sizes = words("sizes").map { Int($0) ?? -1 }
        guard let dimension = Int(fields["dimension"] ?? ""), dimension == sizes.count,
            sizes.allSatisfy({ $0 >= 0 })
        else {
            throw AdapterError(.badInput, "dimension and sizes of the NRRD header do not fit")
        }
        return sizes
    }

    /// Whether "kinds" says that the fastest axis holds channels, and which.
    func channels(dimension: Int) -> (Bool, [AdapterChannel]?) {
        let kinds = words("kinds")
        guard kinds.count == dimension, dimension >= 2, let fastest = kinds.first else {
            return (false, nil)
        }
        switch fastest.lowercased() {
        case "rgb-color": return (true, [.red, .green, .blue])
        case "rgba-color": return (true, [.red, .green, .blue, .alpha])
        case "vector", "covariant-vector", "list", "2-vector", "3-vector", "4-vector", "3-color",
            "4-color", "complex", "quaternion":
            return (true, nil)
        default: return (false, nil)
        }
    }

    /// Slowest axis first, without the axis of channels at the end.
    func spacings(dimension: Int) -> [Double] {
        let spacings = words("spacings").map { Double($0) ?? 1 }
        guard spacings.count == dimension else { return [] }
        return spacings.reversed().map { $0.isFinite && $0 > 0 ? $0 : 1 }
    }

    /// The pair "kind:=sdf", or a content that names a signed distance field.
    var saysDistance: Bool {
        fields["kind:="]?.lowercased() == "sdf"
            || fields["content"]?.lowercased().contains("signed distance") ?? false
    }
}

extension String {
    fileprivate var trimmedRight: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
