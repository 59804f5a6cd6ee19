// Why a client's call failed: the daemon's answer, or why there was none.

import GAMProtocol

public struct ClientError: Error, Equatable, CustomStringConvertible {
    /// Stable reason; a code this client does not know is `.failed`.
    public let status: Status
    public let text: String

    public init(_ status: Status, _ text: String) {
        self.status = status
        self.text = text
    }

    public var description: String { text }
}
