// Everything a store can refuse or fail with. Each text says what failed, on what, what to do.

public enum StoreError: Error, Equatable, Sendable {
    /// The blob asked for is not in the store.
    case notFound(what: String)
    /// A precondition of a transaction does not hold; nothing was changed.
    case conflict(StoreConflict)
    /// A size or count is outside StoreLimits; nothing was changed.
    case limitExceeded(what: String, actual: Int, allowed: ClosedRange<Int>)
    /// Stored bytes are damaged; no damaged byte was handed out.
    case corruption(detail: String)
    /// The disk or the quota is full; nothing was acknowledged. Reads go on.
    case noSpace(detail: String)
    /// The operating system refused an operation. Reads go on where they can.
    case io(operation: String, detail: String)
    /// Another process, or another handle of this one, holds the store.
    case alreadyOpen(path: String)
    /// A later version of gamd has written this store.
    case newerVersion(path: String, found: UInt32, supported: UInt32)
    /// The folder holds something else.
    case notAStore(path: String, reason: String)
    /// The store has been closed.
    case closed
    /// The transaction may or may not be durable; ask `outcome(of:)` after recovery or reopening.
    case unknownOutcome(TransactionID)
}

/// Which precondition did not hold.
public struct StoreConflict: Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        case generation(expected: UInt64, found: UInt64)
        case keyExists(version: UInt64)
        case keyMissing
        case keyVersion(expected: UInt64, found: UInt64)
    }
    public let partition: PartitionName
    /// nil for a conflict of generations.
    public let key: [UInt8]?
    public let reason: Reason
}

extension StoreConflict: CustomStringConvertible {
    public var description: String {
        let place = key.map { "key \(readable($0)) of \(partition)" } ?? "\(partition)"
        switch reason {
        case .generation(let expected, let found):
            return "\(place) is at generation \(found), not \(expected)"
        case .keyExists(let version):
            return "\(place) exists already (version \(version))"
        case .keyMissing:
            return "\(place) does not exist"
        case .keyVersion(let expected, let found):
            return "\(place) is at version \(found), not \(expected)"
        }
    }
}

extension StoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound(let what):
            return "\(what) is not in the store; it was deleted or never written"
        case .conflict(let conflict):
            return "commit refused: \(conflict); read again and retry"
        case .limitExceeded(let what, let actual, let allowed):
            let bounds = "\(allowed.lowerBound) to \(allowed.upperBound)"
            return "\(what): \(actual) is outside \(bounds); split or shorten it"
        case .corruption(let detail):
            return "stored bytes are damaged: \(detail); restore them from a backup"
        case .noSpace(let detail):
            return "no space left for the store: \(detail); free space and retry, reads go on"
        case .io(let operation, let detail):
            return "\(operation) failed: \(detail); check the disk and the permissions, then retry"
        case .alreadyOpen(let path):
            return "the store at \(path) is in use; stop the other gamd or choose another folder"
        case .newerVersion(let path, let found, let supported):
            return "the store at \(path) has format version \(found), this gamd knows versions"
                + " up to \(supported); use a newer gamd"
        case .notAStore(let path, let reason):
            return "\(path) is not a store of gamd: \(reason); choose an empty or a new folder"
        case .closed:
            return "the store is closed; open it again"
        case .unknownOutcome(let id):
            return "it is unclear whether \(id) was committed; ask for its outcome before retrying"
        }
    }
}
