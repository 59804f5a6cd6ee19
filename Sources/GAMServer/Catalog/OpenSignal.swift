// A signal that is being read.
// What always holds: its blobs stay until the object is released.

import GAMCodec
import GAMStore
import Glibc

/// A signal whose blobs stay until this object is released.
package final class OpenSignal: Sendable {
    package let record: SignalRecord
    package let store: any ShardStore
    private let pins: PinnedSpaces

    package init(record: SignalRecord, store: any ShardStore, pins: PinnedSpaces) {
        self.record = record
        self.store = store
        self.pins = pins
    }

    package var source: StoreRecordSource {
        StoreRecordSource(store: store, space: record.recordSpace)
    }

    package var attachments: Attachments {
        Attachments(store: store, record: record.message, space: record.attachmentSpace)
    }

    package func reader() throws -> SignalReader {
        try SignalReader(manifest: record.manifest, source: source, priors: .shipped)
    }
}

package func unixMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
