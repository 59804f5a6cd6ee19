// Readers of signals that were read lately: their weights are unpacked once, not per request.
//
// What always holds: a cached reader is used only by a request that has pinned its signal's blobs
// itself, so the cache keeps no blob alive; an old reader is simply never asked for again.

import GAMCodec

final class ReaderCache: Sendable {
    /// A reader holds unpacked weights and one shard's scratch per thread: a few MiB.
    static let readersMax = 16
    private let state = Monitor([(space: BlobSpace, reader: SignalReader)]())

    func reader(for signal: OpenSignal) throws -> SignalReader {
        let space = signal.record.recordSpace
        let cached = state.withLock { entries -> SignalReader? in
            guard let index = entries.firstIndex(where: { $0.space == space }) else { return nil }
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.reader
        }
        if let cached { return cached }
        let reader = try signal.reader()
        state.withLock { entries in
            entries.removeAll { $0.space == space }
            entries.append((space, reader))
            if entries.count > Self.readersMax { entries.removeFirst() }
        }
        return reader
    }
}
