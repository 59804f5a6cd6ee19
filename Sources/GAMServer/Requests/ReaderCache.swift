// What reads leave behind for the next: unpacked networks, recalled shards, parsed entries.
//
// What always holds: a cached thing belongs to one space, whose records never change, and is used
// only by a request that has pinned its signal's blobs itself; so a cache keeps no blob alive and
// never gives out anything but what the records hold.

import GAMCodec
import GAMCore
import Synchronization

/// Names a recalled shard or overview of a stored signal.
struct ShardKey: Hashable, Sendable {
    let space: BlobSpace
    let record: RecordID
}

final class ReaderCache: Sendable {
    let networks: ByteCache<BlobSpace, SignalReader>
    let shards: ByteCache<ShardKey, [UInt8]>
    private let threads: Int
    /// Larger answers pass by the cache of shards: they would drive out everything else.
    private let answerBytesMax: Int

    init(_ settings: ServerConfiguration.Cache, threads: Int) {
        networks = ByteCache(budget: settings.networkBytes)
        shards = ByteCache(budget: settings.shardBytes)
        answerBytesMax = settings.shardBytes / 4
        self.threads = threads
    }

    /// A reader for an answer of so many bytes.
    func reader(for signal: OpenSignal, answerBytes: Int) throws -> SignalReader {
        let space = signal.record.recordSpace
        let reader: SignalReader
        if let cached = networks[space] {
            reader = cached
        } else {
            reader = try signal.reader()
            networks.insert(reader, for: space, cost: cost(of: signal.record.manifest))
        }
        guard answerBytes <= answerBytesMax else { return reader }
        return reader.cached(by: SignalShardCache(space: space, shards: shards))
    }

    /// An estimate: weights, and per thread the coder's buffers and a shard in 32-bit planes.
    private func cost(of manifest: SignalManifest) -> Int {
        let points = manifest.shardExtents.reduce(1, *)
        let samples = min(points, Limits.shardSamplesMax) * manifest.description.channels.count
        return (256 << 10) + threads * ((1 << 20) + 8 * samples)
    }
}

extension SignalReader {
    /// The same reader for one request: it ends with the request, and a light one that recalls much
    /// ends with `LargeRequest`.
    func serving(_ context: RequestContext, _ lane: Lane) -> SignalReader {
        let reader = checked { try context.check() }
        guard lane == .light else { return reader }
        let meter = RecallMeter()
        return reader.counted { try meter.add($0) }
    }
}

/// What a light request has recalled.
private final class RecallMeter: Sendable {
    private let bytes = Atomic(0)

    func add(_ more: Int) throws(LargeRequest) {
        let total = bytes.add(more, ordering: .relaxed).newValue
        if total > Lane.lightRecallMax { throw LargeRequest() }
    }
}

/// The shards of one signal in the cache of all.
private struct SignalShardCache: ShardCache {
    let space: BlobSpace
    let shards: ByteCache<ShardKey, [UInt8]>

    func bytes(of record: RecordID, recall: () throws -> [UInt8]) throws -> [UInt8] {
        let key = ShardKey(space: space, record: record)
        if let bytes = shards[key] { return bytes }
        let bytes = try recall()
        shards.insert(bytes, for: key, cost: bytes.count + 128)
        return bytes
    }
}
