// Reads a signal from its manifest and records: whole, by region, by level.
//
// What always holds here:
// - Every byte given out comes from a record whose hash was right.
// - Memory stays below `pieceBytesMax` plus one shard per thread, whatever the region.

import CXXHash
import GAMCore
import GAMFormat

/// Recalled shards that outlive a reader; whoever owns the memory decides what is kept.
public protocol ShardCache: Sendable {
    /// The bytes of a shard or overview: those kept, or those `recall` gives.
    func bytes(of record: RecordID, recall: () throws -> [UInt8]) throws -> [UInt8]
}

public struct SignalReader: Sendable {
    public let manifest: SignalManifest
    let context: CodingContext
    let grid: ShardGrid
    private let source: any RecordSource
    private let pool: WorkerPool
    private var cache: (any ShardCache)?

    /// Bytes of a piece handed out at once.
    private static let pieceBytesMax = 64 << 20
    /// Pieces smaller than this are joined, so that threads have shards to share.
    private static let pieceBytesMin = 8 << 20

    /// - Throws: `CodecError` if the manifest names weights that are not here.
    public init(
        manifest: SignalManifest, source: some RecordSource, priors: PriorLibrary,
        engine: Engine = .best
    ) throws {
        self.manifest = manifest
        self.source = source
        grid = ShardGrid(
            extents: manifest.description.extents, shardExtents: manifest.shardExtents)
        context = CodingContext(
            description: manifest.description, transform: manifest.transformCode,
            networks: try manifest.networks(priors, source))
        pool = WorkerPool(engine: engine)
    }

    /// The same reader, with recalled shards kept in `cache`.
    public func cached(by cache: any ShardCache) -> SignalReader {
        var reader = self
        reader.cache = cache
        return reader
    }

    /// Shape and type of what `read` gives.
    public func resultDescription(region: [Range<Int>]?, level: Int) throws -> SignalDescription {
        let kept = try keptPoints(region, level)
        let d = manifest.description
        let axes = zip(d.axes, kept.extents).map {
            Axis(
                extent: $1, kind: $0.kind, spacing: $0.spacing * Double(kept.step), unit: $0.unit)
        }
        return try SignalDescription(axes: axes, channels: d.channels, sampleType: d.sampleType)
    }

    private func keptPoints(_ region: [Range<Int>]?, _ level: Int) throws -> LevelRegion {
        let extents = manifest.description.extents
        let whole = extents.map { 0..<$0 }
        let region = region ?? whole
        guard (0...30).contains(level) else {
            throw CodecError.badRegion("level \(level) is not in 0...30")
        }
        guard region.count == whole.count else {
            throw CodecError.badRegion(
                "the region has \(region.count) axes, the signal \(whole.count)")
        }
        for (axis, range) in region.enumerated() {
            guard range.lowerBound >= 0, range.upperBound <= extents[axis], !range.isEmpty else {
                throw CodecError.badRegion(
                    "region \(range.lowerBound):\(range.upperBound) of axis \(axis) is empty or outside 0:\(extents[axis])"
                )
            }
        }
        guard let kept = LevelRegion(region, level: level) else {
            throw CodecError.badRegion("the region holds no point of level \(level)")
        }
        return kept
    }

    /// Reads points in C order.
    /// - Parameters:
    ///   - region: one range per axis in full-resolution coordinates; nil: everything.
    ///   - level: keeps points whose coordinates are multiples of 2^level.
    ///   - yield: takes canonical bytes, piece after piece.
    public func read(
        region: [Range<Int>]?, level: Int, threads: Int,
        yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let kept = try keptPoints(region, level)
        try emit(kept, threads, yield)
    }

    /// Recalls everything against every hash.
    public func verify(threads: Int, progress: @Sendable (Double) -> Bool) throws -> ContentHash {
        var hasher = ContentHasher()
        var done = 0
        try read(region: nil, level: 0, threads: threads) { piece in
            hasher.update(piece)
            done += piece.count
            let fraction = Double(done) / Double(manifest.description.rawBytes)
            guard progress(fraction) else { throw CodecError.cancelled }
        }
        let hash = hasher.finish()
        guard hash == manifest.contentHash else {
            throw CodecError.integrity(shard: 0, reason: "the signal's hash differs")
        }
        for index in 0..<grid.count {
            let layout = ShardLayout(
                extents: grid.box(index).map(\.count), channels: context.channels)
            if layout.overview != nil { _ = try overviewBytes(index) }
        }
        return hash
    }

    /// Canonical bytes of one shard's overview.
    private func overviewBytes(_ index: Int) throws -> [UInt8] {
        let extents = grid.box(index).map(\.count)
        let record = try source.bytes(of: .overview(index: index))
        return try pool.with {
            try $0.recallOverview(record, extents: extents, index: index, context)
        }
    }

    /// Canonical bytes of one shard.
    func shardBytes(_ index: Int) throws -> [UInt8] {
        let extents = grid.box(index).map(\.count)
        let layout = ShardLayout(extents: extents, channels: context.channels)
        let overview = layout.spacing > 0 ? try source.bytes(of: .overview(index: index)) : nil
        let record = try source.bytes(of: .shard(index: index))
        return try pool.with {
            try $0.recall(record, overview: overview, extents: extents, index: index, context)
        }
    }

    // MARK: pieces

    private func bytes(_ region: LevelRegion) -> Int {
        region.extents.reduce(manifest.description.pointBytes, *)
    }

    /// Splits a region along its slowest long axis until it is one piece.
    private func emit(
        _ region: LevelRegion, _ threads: Int, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let axis = region.kept.indices.first(where: { region.kept[$0].count > 1 }) else {
            return try piece(region, threads, yield)
        }
        let range = region.kept[axis]
        let perPoint = bytes(region) / range.count
        // Points of the level in one row of shards, and how many rows make a piece.
        let row = max(1, manifest.shardExtents[axis] / region.step)
        let rows = max(1, Self.pieceBytesMin / max(1, perPoint * row))
        let span = min(row * rows, max(1, Self.pieceBytesMax / max(1, perPoint)))
        if span >= range.count && bytes(region) <= Self.pieceBytesMax {
            return try piece(region, threads, yield)
        }
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / span + 1) * span)
            let part = region.replacing(axis, with: start..<end)
            if bytes(part) > Self.pieceBytesMax && end - start == 1 {
                try emit(part, threads, yield)
            } else {
                try piece(part, threads, yield)
            }
            start = end
        }
    }

    private func piece(
        _ region: LevelRegion, _ threads: Int, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let count = bytes(region)
        let out = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { out.deallocate() }
        let box = region.kept.map {
            $0.lowerBound * region.step..<($0.upperBound - 1) * region.step + 1
        }
        let shards = grid.shards(touching: box)
        let target = PieceTarget(out)
        try parallel(shards.count, threads: threads) { i in
            try self.fill(shards[i], region, target)
        }
        try yield(UnsafeRawBufferPointer(out))
    }

    private func fill(_ index: Int, _ region: LevelRegion, _ target: PieceTarget) throws {
        let box = grid.box(index)
        guard region.touches(box) else { return }
        let extents = box.map(\.count)
        let layout = ShardLayout(extents: extents, channels: context.channels)
        let spacing = layout.overviewSpacings
        let coarse = layout.spacing > 0 && spacing.allSatisfy { region.step % $0 == 0 }
        let recall = { try coarse ? overviewBytes(index) : shardBytes(index) }
        let record = coarse ? RecordID.overview(index: index) : .shard(index: index)
        let bytes = try cache?.bytes(of: record, recall: recall) ?? recall()
        bytes.withUnsafeBytes {
            copyPoints(
                $0, box: box, spacing: coarse ? spacing : extents.map { _ in 1 }, to: region,
                point: manifest.description.pointBytes, into: target.buffer)
        }
    }
}

/// Where shards of a piece are written. Unchecked: shards cover disjoint points.
private struct PieceTarget: @unchecked Sendable {
    let buffer: UnsafeMutableRawBufferPointer
    init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }
}

extension LevelRegion {
    private init(step: Int, kept: [Range<Int>]) {
        self.step = step
        self.kept = kept
    }

    /// Whether a box holds a kept point.
    func touches(_ box: [Range<Int>]) -> Bool {
        zip(kept, box).allSatisfy { kept, range in
            let first = max(kept.lowerBound, (range.lowerBound + step - 1) / step)
            return first < min(kept.upperBound, (range.upperBound + step - 1) / step)
        }
    }

    func replacing(_ axis: Int, with range: Range<Int>) -> LevelRegion {
        var ranges = kept
        ranges[axis] = range
        return LevelRegion(step: step, kept: ranges)
    }
}
