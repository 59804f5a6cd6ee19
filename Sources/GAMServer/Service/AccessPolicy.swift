// Who may do what, by the user id the kernel vouches for (SO_PEERCRED).
// What always holds: denying wins over everything; root and the daemon's own user administer.

package enum AccessLevel: Int, Comparable, Sendable {
    case denied, readOnly, readWrite, administrator

    package static func < (a: AccessLevel, b: AccessLevel) -> Bool { a.rawValue < b.rawValue }
}

package struct AccessPolicy: Sendable {
    private let rules: ServerConfiguration.Access
    private let owner: UInt32

    /// - Parameter owner: the user the daemon runs as.
    package init(_ rules: ServerConfiguration.Access, owner: UInt32) {
        self.rules = rules
        self.owner = owner
    }

    package func level(of user: UInt32) -> AccessLevel {
        if rules.denyUsers.contains(Int(user)) { return .denied }
        if rules.readOnlyUsers.contains(Int(user)) { return .readOnly }
        let isAdministrator =
            user == 0 || user == owner || rules.adminUsers.contains(Int(user))
        return isAdministrator ? .administrator : .readWrite
    }
}
