// Memory that requests of all connections share, lent in whole loans.
// What always holds: loans that are alive together are at most the budget.

import Synchronization

final class ByteBudget: Sendable {
    /// Gives its bytes back when the last holder lets go.
    final class Loan: Sendable {
        private let bytes: Int
        private let budget: ByteBudget

        fileprivate init(_ bytes: Int, _ budget: ByteBudget) {
            self.bytes = bytes
            self.budget = budget
        }

        /// A second loan from the same budget; nil: others hold too much now.
        func another(_ bytes: Int) -> Loan? { budget.take(bytes) }

        var bytesMax: Int { budget.bytesMax }

        deinit { budget.lent.withLock { $0 -= bytes } }
    }

    let bytesMax: Int
    private let lent = Mutex(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// nil: others hold too much now.
    func take(_ bytes: Int) -> Loan? {
        let isLent = lent.withLock { lent in
            guard bytes <= bytesMax - lent else { return false }
            lent += bytes
            return true
        }
        return isLent ? Loan(bytes, self) : nil
    }
}
