// The sign of life: a thread that reads from the store and, only when that works, feeds the
// watchdog. A store that hangs therefore ends in a restart.

import CLinux
import GAMStore
import Logging

final class Heartbeat: Sendable {
    private struct State {
        var isStopping = false
        var isRunning = false
    }
    private let store: any ShardStore
    private let partition: PartitionName
    private let log: Logger
    private let state = Monitor(State())

    init(store: any ShardStore, log: Logger) throws {
        self.store = store
        self.log = log
        partition = try PartitionName(CatalogKeys.partitionName)
    }

    func start() {
        guard let limit = ServiceManager.watchdogMilliseconds() else { return }
        state.withLock { $0.isRunning = true }
        guard startThread(named: "gamd-store", { self.run(every: max(1, limit / 3)) }) else {
            state.withLock { $0.isRunning = false }
            return log.error("no thread for the watchdog; systemd will restart the daemon")
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        _ = state.wait(milliseconds: 1_000) { $0.isRunning ? nil : true }
    }

    private func run(every milliseconds: Int) {
        repeat {
            do {
                _ = try store.value(partition, CatalogKeys.scrub)
                _ = try store.generation(partition)
                ServiceManager.alive()
            } catch {
                log.critical("the store does not answer: \(error)")
            }
        } while state.wait(milliseconds: milliseconds, for: { $0.isStopping ? true : nil }) == nil
        state.withLock { $0.isRunning = false }
    }
}
