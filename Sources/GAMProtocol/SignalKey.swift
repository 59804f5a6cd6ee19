// A key that exists is UTF-8 of 1...512 bytes without NUL: the same rule on both sides.

public struct SignalKey: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) throws(KeyError) {
        let count = text.utf8.count
        guard (1...WireLimits.keyBytesMax).contains(count) else { throw .length(count) }
        guard !text.utf8.contains(0) else { throw .containsNUL }
        self.text = text
    }

    public var description: String { text }
}

public enum KeyError: Error, Equatable, CustomStringConvertible {
    case length(Int)
    case containsNUL

    public var description: String {
        switch self {
        case .length(let count):
            "a key has 1 to \(WireLimits.keyBytesMax) bytes of UTF-8, not \(count)"
        case .containsNUL:
            "a key cannot contain the NUL character"
        }
    }
}
