// The configuration in force; a reload replaces it as a whole.

import Synchronization

final class LiveSettings: Sendable {
    private let current: Mutex<ResolvedConfiguration>

    init(_ resolved: ResolvedConfiguration) { current = Mutex(resolved) }

    var now: ServerConfiguration { current.withLock { $0.settings } }
    var resolved: ResolvedConfiguration { current.withLock { $0 } }
    func replace(_ new: ResolvedConfiguration) { current.withLock { $0 = new } }
}
