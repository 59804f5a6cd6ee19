// The priors this program knows.
//
// What always holds here: ids are unique; shipped priors were parsed and proved at start.

import CGAMPriors
import GAMCore
import GAMFormat

/// Trained networks by id and by purpose.
public final class PriorLibrary: Sendable {
    private let byID: [UInt64: Prior]
    private let ordered: [Prior]

    /// - Parameter priors: in order of preference; the first of a domain and size is its default.
    public init(_ priors: [Prior]) {
        ordered = priors
        byID = Dictionary(priors.map { ($0.id, $0) }) { first, _ in first }
    }

    /// The priors built into this program (Priors/README.md says how they were made).
    public static let shipped: PriorLibrary = {
        var priors: [Prior] = []
        for index in 0..<Int(gam_prior_count()) {
            var count = 0
            guard let bytes = gam_prior(Int32(index), &count) else { continue }
            do {
                priors.append(
                    try Prior(parsing: Array(UnsafeBufferPointer(start: bytes, count: count))))
            } catch {
                preconditionFailure("a shipped prior is damaged: \(error)")
            }
        }
        return PriorLibrary(priors)
    }()

    public var all: [Prior] { ordered }

    public func prior(id: UInt64) -> Prior? { byID[id] }

    /// Priors a signal may start from, the default first.
    public func candidates(_ domain: NetworkSet.Domain, _ size: NetworkSize) -> [Prior] {
        ordered.filter { $0.networks.domain == domain && $0.size == size }
    }

    /// The same library with more priors behind the shipped ones.
    public func adding(_ priors: [Prior]) -> PriorLibrary { PriorLibrary(ordered + priors) }
}
