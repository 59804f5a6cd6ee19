// A signal that is being read.
// What always holds: its blobs stay until this object is released, whatever happens to the key.

import GAMCodec
import GAMStore

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
