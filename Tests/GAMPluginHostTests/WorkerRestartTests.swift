import CLinux
import GAMPluginHost
import Synchronization
import Testing

/// A plugin that falls again and again must not spend other clients' processor on new processes.
struct WorkerRestartTests {
    private final class Starts: Sendable {
        let times = Mutex<[Int64]>([])

        var gaps: [Int64] {
            times.withLock { times in zip(times.dropFirst(), times).map { $0 - $1 } }
        }
    }

    @Test func fallenWorkersAreReplacedWithAPause() {
        let starts = Starts()
        let registry = FakeWorker.registry { _ in
            starts.times.withLock { $0.append(clinux_milliseconds()) }
        }
        for _ in 0..<5 {
            #expect(throws: PluginError.self) { try FakeDecode.decode(registry) }
        }
        #expect(starts.gaps.count >= 4)
        // The clock tells whole milliseconds.
        #expect(starts.gaps.allSatisfy { $0 >= WorkerOptions().restartMilliseconds - 1 })
    }

    @Test func aFaultThatTheHostFindsCountsToo() throws {
        let starts = Starts()
        let registry = FakeWorker.registry { worker in
            starts.times.withLock { $0.append(clinux_milliseconds()) }
            FakeDecode.says(FakeAnswer())(worker)
        }
        for _ in 0..<3 {
            #expect(throws: PluginError.self) {
                try registry.noting(faultsOf: "array") {
                    _ = try FakeDecode.decode(registry)
                    throw PluginError.fault(plugin: "array", reason: "it wrote another file")
                }
            }
        }
        #expect(starts.gaps.count == 2)
        #expect(starts.gaps.allSatisfy { $0 >= WorkerOptions().restartMilliseconds - 1 })
    }
}
