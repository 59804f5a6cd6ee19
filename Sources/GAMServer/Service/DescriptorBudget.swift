// Shares the descriptors a process may open among the store, connections and files.
// What always holds: the shares together stay below the limit, so that a full house of connections
// leaves the store and running puts enough.

package struct DescriptorBudget: Equatable, Sendable {
    /// Logs, locks, sockets, the state folder, libraries being loaded.
    static let fixed = 24
    static let storeFilesMax = 512
    /// RocksDB keeps at least this many open.
    static let storeFilesMin = 20

    package let storeFiles: Int
    package let connections: Int

    /// - Parameters:
    ///   - limit: descriptors the process may have open.
    ///   - wanted: connections the configuration asks for.
    package init(limit: Int, wanted: Int) {
        let free = max(0, limit - Self.fixed)
        storeFiles = min(Self.storeFilesMax, max(Self.storeFilesMin, free / 2))
        // A third of what is left is for the files of running requests.
        connections = min(wanted, max(1, (free - storeFiles) * 2 / 3))
    }
}
