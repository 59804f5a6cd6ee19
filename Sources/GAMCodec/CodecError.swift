// What can go wrong between samples and records.

import GAMCore
import GAMFormat

public enum CodecError: Error, Equatable, CustomStringConvertible {
    /// A record does not lead to the samples it was made of.
    case integrity(shard: Int, reason: String)
    case missingRecord(String)
    case malformed(String)
    case unsupported(String)
    case badRegion(String)
    case cancelled

    public var description: String {
        switch self {
        case .integrity(let shard, let reason):
            "shard \(shard) is damaged: \(reason); restore the signal from a backup or its source"
        case .missingRecord(let what): "\(what) is missing; restore the signal from a backup"
        case .malformed(let what): "\(what)"
        case .unsupported(let what): "\(what)"
        case .badRegion(let what): "\(what)"
        case .cancelled: "the work was cancelled"
        }
    }
}
