// What the conformance kit found.

/// One claim about a plugin and whether it holds.
public struct ConformanceCheck: Sendable, Encodable {
    /// A short stable name: scripts read it.
    public let name: String
    /// What must hold, as a sentence.
    public let claim: String
    /// How many cases were tried; none means that nothing could be tried.
    public internal(set) var cases = 0
    /// At most `failuresMax` of them in words; `failureCount` says how many there were.
    public internal(set) var failures: [String] = []
    public internal(set) var failureCount = 0
    public internal(set) var notes: [String] = []

    static let failuresMax = 8

    public var hasPassed: Bool { failureCount == 0 }

    init(_ name: String, _ claim: String) {
        self.name = name
        self.claim = claim
    }

    mutating func fail(_ text: String) {
        failureCount += 1
        if failures.count < Self.failuresMax { failures.append(text) }
    }
}

public struct ConformanceReport: Sendable, Encodable {
    public let plugin: String
    public let version: String
    public let abi: String
    public let kit: String
    public internal(set) var checks: [ConformanceCheck] = []

    public var hasPassed: Bool { checks.allSatisfy(\.hasPassed) }
}
