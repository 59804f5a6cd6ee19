// Networks of one domain, by role.
//
// What always holds here: every network has the inputs that its domain and role give.

/// Networks by role: how many earlier planes a plane looks at (0, 1 or 2).
public struct NetworkSet: Equatable, Sendable {
    /// At least one; index = role.
    public let roles: [FieldNetwork]
    /// The order and dimensionality the networks were made for.
    public let domain: Domain

    /// What kind of walk a set of networks belongs to.
    public enum Domain: UInt8, Sendable, CaseIterable {
        case plane = 0
        case volume = 1
        case causal = 2

        /// Inputs of the network of a role: gathered ones, then the plane's statistics.
        public func inputCount(role: Int) -> Int {
            gatheredCount(role: role) + (self == .causal ? 0 : PlaneStatistics.count)
        }

        private func gatheredCount(role: Int) -> Int {
            switch self {
            case .plane:
                WavefrontCoder.inputCount(
                    Wavefront(depth: 1, height: 2, width: 2), previous: role)
            case .volume:
                WavefrontCoder.inputCount(
                    Wavefront(depth: 2, height: 2, width: 2), previous: role)
            case .causal: CausalCoder.inputCount(role: role)
            }
        }
    }

    /// Fails unless every role has the inputs its domain gives.
    public init?(domain: Domain, roles: [FieldNetwork]) {
        guard (1...3).contains(roles.count),
            roles.enumerated().allSatisfy({
                $0.element.shape.inputs == domain.inputCount(role: $0.offset)
            })
        else { return nil }
        self.domain = domain
        self.roles = roles
    }
}

extension ShardLayout {
    /// The domain whose networks this layout needs.
    public var domain: NetworkSet.Domain {
        guard let wavefront else { return .causal }
        return wavefront.depth > 1 ? .volume : .plane
    }
}
