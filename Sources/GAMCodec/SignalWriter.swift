// Writes a signal as records: plan, fit if asked, encode and recall every shard.
//
// What always holds here:
// - A manifest is returned only after every shard was recalled from its records and compared.
// - The content hash is that of the source's bytes, whatever the effort.

import GAMCore
import GAMFit
import GAMFormat
import Synchronization

public struct WriteOptions: Sendable {
    /// 0: the prior alone; 1...9: how much fitting.
    public var effort = 0
    public var size = NetworkSize.medium
    /// nil: the default of `ShardGrid`.
    public var shardExtents: [Int]?
    public var threads = 1
    public var engine = Engine.best
    /// Name of a prior to use instead of the best one, without its size: "photo".
    public var prior: String?
    /// Whether bounds of the shards are kept beside them.
    public var keepsBounds = false
    /// Whether minimum, maximum and sum of small cells are kept beside every shard.
    public var keepsCells = false
    /// How many lower bits of every sample get records of their own, so that whoever reads the upper
    /// ones reads no others; 0 for none. At most 16, and fewer than the samples have.
    public var lowerBits = 0

    public init() {}
}

public struct SignalWriter: Sendable {
    private let priors: PriorLibrary

    public init(priors: PriorLibrary) { self.priors = priors }

    /// Writes all records of a signal.
    /// - Parameter progress: told the done fraction; false cancels.
    /// - Throws: `CodecError`, or what the source or the sink throw.
    public func write(
        _ description: SignalDescription, from source: some SampleSource, options: WriteOptions,
        into sink: some RecordSink, progress: @Sendable (Double) -> Bool
    ) throws -> SignalManifest {
        let shard = options.shardExtents ?? ShardGrid.defaultShard(description)
        guard ShardGrid.isValid(shard, description) else {
            throw CodecError.unsupported(
                "shard extents \(shard) do not fit the signal: each must be the whole axis or a multiple of 8, together at most 4 MiB"
            )
        }
        if let reason = Self.refusal(lowerBits: options.lowerBits, description.sampleType) {
            throw CodecError.unsupported(reason)
        }
        let grid = ShardGrid(extents: description.extents, shardExtents: shard)
        let pool = WorkerPool(engine: options.engine)
        let sample = try ShardSample(description, grid, source)
        let planner = SignalPlanner(
            description: description, priors: priors, options: options, pool: pool)
        var plan = planner.plan(sample)
        let fitShare = options.effort > 0 ? 0.7 : 0
        if options.effort > 0 {
            let fitter = SignalFitter(description: description, pool: pool, options: options)
            plan = try fitter.fit(plan, grid, source) { progress(fitShare * $0) }
        }
        return try writeRecords(plan, description, grid, source, options, pool, sink) {
            progress(fitShare + (1 - fitShare) * $0)
        }
    }

    /// Why so many lower bits of samples of a type cannot be stored apart; nil when they can.
    public static func refusal(lowerBits: Int, _ type: SampleType) -> String? {
        guard lowerBits != 0 else { return nil }
        let possible = SignalManifest.lowerBits(of: type)
        guard !possible.contains(lowerBits) else { return nil }
        guard !possible.isEmpty else { return "samples of one bit have no lower bits" }
        return "\(lowerBits) lower bits of samples that have \(type.bits) cannot be stored apart;"
            + " choose \(possible.lowerBound) to \(possible.upperBound - 1)"
    }

    private func writeRecords(
        _ plan: SignalPlan, _ description: SignalDescription, _ grid: ShardGrid,
        _ source: some SampleSource, _ options: WriteOptions, _ pool: WorkerPool,
        _ sink: some RecordSink, _ progress: @Sendable (Double) -> Bool
    ) throws -> SignalManifest {
        let hash = try Self.hash(description, source)
        let context = CodingContext(
            description: description, transform: plan.transform, networks: plan.networks,
            lowerBits: options.lowerBits)
        let total = Mutex((bytes: 0, shards: 0))
        if let delta = plan.delta?.serialized() {
            try sink.put(.network, delta)
            total.withLock { $0.bytes += delta.count }
        }
        let bounds = BoundsCollector(description, grid, isWanted: options.keepsBounds)
        try parallel(grid.count, threads: options.threads) { index in
            let box = grid.box(index)
            let bytes = try description.read(box, from: source)
            bounds.add(index, bytes)
            let encoded = try pool.with { worker in
                try bytes.withUnsafeBytes {
                    try worker.encode($0, extents: box.map(\.count), index: index, context)
                }
            }
            if let overview = encoded.overview { try sink.put(.overview(index: index), overview) }
            try sink.put(.shard(index: index), encoded.shard)
            if let lower = encoded.lower { try sink.put(.lower(index: index), lower) }
            var cells: [UInt8] = []
            if options.keepsCells {
                let extents = box.map(\.count)
                cells = bytes.withUnsafeBytes {
                    ShardCells.measure(
                        $0, extents: extents, sides: ShardCells.sides(grid.shardExtents),
                        description
                    ).serialized(
                        extents: extents, description.sampleType,
                        seed: ShardCells.seed(hash, index))
                }
                try sink.put(.cells(index: index), cells)
            }
            let done = total.withLock {
                $0.bytes += encoded.byteCount + cells.count
                $0.shards += 1
                return $0.shards
            }
            guard progress(Double(done) / Double(grid.count)) else { throw CodecError.cancelled }
        }
        for (index, record) in bounds.records(hash).enumerated() {
            try sink.put(.bounds(index: index), record)
            total.withLock { $0.bytes += record.count }
        }
        return SignalManifest(
            description: description, shardExtents: grid.shardExtents, contentHash: hash,
            transform: plan.transform, size: options.size, priors: plan.references,
            effort: options.effort, energyRounds: plan.energyRounds,
            hasNetwork: plan.delta != nil, hasBounds: options.keepsBounds,
            hasCells: options.keepsCells, lowerBits: options.lowerBits,
            recordBytes: total.withLock { $0.bytes })
    }

    private static func hash(_ description: SignalDescription, _ source: some SampleSource) throws
        -> ContentHash
    {
        var hasher = ContentHasher()
        let piece = 4 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 64)
        defer { buffer.deallocate() }
        var at = 0
        while at < description.rawBytes {
            let count = min(piece, description.rawBytes - at)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try source.read(at: at, into: part)
            hasher.update(UnsafeRawBufferPointer(part))
            at += count
        }
        return hasher.finish()
    }

    /// Writes a stored signal again with more effort.
    /// - Returns: the new manifest, or nil if its records would not be smaller. The content hash
    ///   stays the same.
    public func refit(
        _ manifest: SignalManifest, from source: some RecordSource, effort: Int, threads: Int,
        keepsBounds: Bool, into sink: some RecordSink, progress: @Sendable (Double) -> Bool
    ) throws -> SignalManifest? {
        var options = WriteOptions()
        options.effort = effort
        options.size = manifest.size
        options.shardExtents = manifest.shardExtents
        options.threads = threads
        options.keepsBounds = keepsBounds
        options.lowerBits = manifest.lowerBits
        options.keepsCells = manifest.hasCells
        let recalled = RecalledSamples(
            reader: try SignalReader(manifest: manifest, source: source, priors: priors))
        let better = try write(
            manifest.description, from: recalled, options: options, into: sink,
            progress: progress)
        guard better.contentHash == manifest.contentHash else {
            throw CodecError.integrity(shard: 0, reason: "the recalled signal's hash differs")
        }
        return better.recordBytes < manifest.recordBytes ? better : nil
    }
}

/// Takes the bounds of shards as they are encoded, from several threads.
private struct BoundsCollector: Sendable {
    private let description: SignalDescription
    private let grid: ShardGrid
    private let slots: ResultSlots<[ChannelBounds]>?

    init(_ description: SignalDescription, _ grid: ShardGrid, isWanted: Bool) {
        self.description = description
        self.grid = grid
        slots = isWanted ? ResultSlots([[ChannelBounds]](repeating: [], count: grid.count)) : nil
    }

    func add(_ index: Int, _ bytes: [UInt8]) {
        guard let slots else { return }
        slots.set(index, bytes.withUnsafeBytes { SignalBounds.measure($0, description) })
    }

    func records(_ hash: ContentHash) -> [[UInt8]] {
        guard let all = slots?.all else { return [] }
        return stride(from: 0, to: all.count, by: SignalBounds.shardsPerRecord).map { start in
            let range = start..<min(all.count, start + SignalBounds.shardsPerRecord)
            return SignalBounds.serialized(
                Array(all[range]), pointCounts: range.map(grid.pointCount),
                description.sampleType,
                seed: hash.low &+ UInt64(start / SignalBounds.shardsPerRecord))
        }
    }
}
