// Records, samples and random numbers of tests, in memory.

import GAMCodec
import GAMCore
import Synchronization

/// Records of a signal in memory.
package final class MemoryRecords: RecordSink, RecordSource {
    private let table = Mutex<[RecordID: [UInt8]]>([:])

    package init() {}

    package func put(_ id: RecordID, _ bytes: [UInt8]) { table.withLock { $0[id] = bytes } }

    package func bytes(of id: RecordID) throws -> [UInt8] {
        guard let bytes = table.withLock({ $0[id] }) else {
            throw CodecError.missingRecord("\(id)")
        }
        return bytes
    }

    package var ids: [RecordID] { table.withLock { Array($0.keys) } }
}

/// Canonical samples in memory.
package struct MemorySamples: SampleSource {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        bytes.withUnsafeBytes {
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
        }
    }
}
