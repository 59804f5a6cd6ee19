// Prints commits per second on this machine's disk, one thread against sixteen; docs/store.md
// quotes it. Set GAM_BENCHMARK=1 to run it.

import Foundation
import GAMStore
import Testing

@Suite(.enabled(if: ProcessInfo.processInfo.environment["GAM_BENCHMARK"] != nil))
struct CommitRateNote {
    @Test func sixteenThreadsCommitMoreThanTwiceAsFastAsOne() throws {
        try withFolder { path in
            let store = try RocksDBStore(path: path)
            let partition = try PartitionName("signals")
            let value = [UInt8](repeating: 1, count: 300)
            func rate(_ threads: Int, _ each: Int) throws -> Double {
                let elapsed = try ContinuousClock().measure {
                    try onThreads(threads) { thread in
                        for index in 0..<each {
                            try store.put(partition, "\(threads)/\(thread)/\(index)", value)
                        }
                    }
                }
                return Double(threads * each) / (elapsed / .seconds(1))
            }
            let one = try rate(1, 1_000)
            let sixteen = try rate(16, 250)
            print("commits per second: 1 thread \(Int(one)), 16 threads \(Int(sixteen))")
            #expect(sixteen > 2 * one)
            let blob = [UInt8](repeating: 9, count: 64 << 10)
            let id = try BlobID([1])
            try store.putBlob(id, blob)
            try store.put(partition, "blob", [])
            try store.reclaimSpace()
            let reads = try ContinuousClock().measure {
                for _ in 0..<20_000 { _ = try store.withBlob(id) { $0[60_000] } }
            }
            print("warm read of a 64 KiB blob: \(reads / 20_000)")
            try store.close()
        }
    }
}
