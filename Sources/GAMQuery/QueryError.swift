// Why a read of a stored signal makes no sense; damage and absence stay the codec's errors.

public struct QueryError: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ text: String) { description = text }
}
