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
    public let grid: ShardGrid
    let source: any RecordSource
    private let pool: WorkerPool
    private var cache: (any ShardCache)?
    private var mayGoOn: (@Sendable () throws -> Void)?
    private var willRecall: (@Sendable (_ bytes: Int) throws -> Void)?
    /// Whether lower bits that have records of their own are left out (0).
    private var isUpperOnly = false

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
            networks: try manifest.networks(priors, source), lowerBits: manifest.lowerBits)
        pool = WorkerPool(engine: engine)
    }

    /// The same reader, with recalled shards kept in `cache`.
    public func cached(by cache: any ShardCache) -> SignalReader {
        var reader = self
        reader.cache = cache
        return reader
    }

    /// The same reader, asking before every shard whether to go on: a read ends with what `check`
    /// throws, within the time of a shard a thread.
    public func checked(by check: @escaping @Sendable () throws -> Void) -> SignalReader {
        var reader = self
        reader.mayGoOn = check
        return reader
    }

    /// The same reader, telling before a shard or an overview is recalled how many bytes that makes; what
    /// `note` throws ends the read. What the cache has is not recalled.
    public func counted(by note: @escaping @Sendable (_ bytes: Int) throws -> Void) -> SignalReader
    {
        var reader = self
        reader.willRecall = note
        return reader
    }

    /// The same reader for whoever wants the `bits` upper bits of samples alone: what is below may come
    /// as 0, and records that hold nothing else are not read.
    public func limited(toBits bits: Int) -> SignalReader {
        var reader = self
        reader.isUpperOnly =
            manifest.lowerBits > 0
            && bits <= manifest.description.sampleType.bits - manifest.lowerBits
        return reader
    }

    /// Shape and type of what `read` gives.
    public func resultDescription(_ selection: Selection) throws -> SignalDescription {
        let d = manifest.description
        let axes = zip(d.axes, selection.axes).map {
            Axis(
                extent: $1.positions.count, kind: $0.kind,
                spacing: $0.spacing * Double($1.stride.magnitude), unit: $0.unit)
        }
        return try SignalDescription(axes: axes, channels: d.channels, sampleType: d.sampleType)
    }

    /// Reads the selected points in C order of their positions.
    /// - Parameter yield: takes canonical bytes, piece after piece.
    public func read(
        _ selection: Selection, threads: Int, yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try emit(selection, PieceForm(manifest.description), threads, yield)
    }

    /// Reads the selected points with more bits than are stored: an estimate below the stored ones.
    /// - Throws: `CodecError.unsupported` for floats, and unless `bits` is above those stored.
    public func readExpanded(
        _ selection: Selection, bits: Int, threads: Int,
        yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try emit(
            selection, PieceForm(manifest.description, expandedTo: try expandedType(bits)),
            threads, yield)
    }

    /// The type of samples that have more bits than are stored.
    public func expandedType(_ bits: Int) throws -> SampleType {
        let type = manifest.description.sampleType
        guard type.family != .float, bits > type.bits, bits <= 32 else {
            throw CodecError.badRegion(
                "samples of \(type.bits) bits cannot be given with \(bits): integers take up to 32")
        }
        return try SampleType(family: type.family, bits: bits)
    }

    /// Reads everything.
    public func readAll(threads: Int, yield: (UnsafeRawBufferPointer) throws -> Void) throws {
        try read(Selection(wholeOf: manifest.description), threads: threads, yield: yield)
    }

    /// Recalls everything against every hash.
    public func verify(threads: Int, progress: @Sendable (Double) -> Bool) throws -> ContentHash {
        var hasher = ContentHasher()
        var done = 0
        try readAll(threads: threads) { piece in
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
        _ = try bounds(of: Array(0..<grid.count))
        for index in 0..<grid.count { _ = try cells(of: index) }
        return hash
    }

    /// Canonical bytes of one shard's overview.
    private func overviewBytes(_ index: Int) throws -> [UInt8] {
        let extents = grid.box(index).map(\.count)
        let coarse = ShardLayout(extents: extents, channels: context.channels).overview
        try willRecall?(coarse.map(context.byteCount) ?? 0)
        let record = try source.bytes(of: .overview(index: index))
        return try pool.with {
            try $0.recallOverview(record, extents: extents, index: index, context)
        }
    }

    /// Canonical bytes of one shard.
    func shardBytes(_ index: Int) throws -> [UInt8] {
        try mayGoOn?()
        return try shardBytes(index, upperOnly: false)
    }

    private func shardBytes(_ index: Int, upperOnly: Bool) throws -> [UInt8] {
        let extents = grid.box(index).map(\.count)
        let layout = ShardLayout(extents: extents, channels: context.channels)
        try willRecall?(context.byteCount(layout))
        let overview = layout.spacing > 0 ? try source.bytes(of: .overview(index: index)) : nil
        let record = try source.bytes(of: .shard(index: index))
        let lower =
            manifest.lowerBits > 0 && !upperOnly
            ? try source.bytes(of: .lower(index: index)) : nil
        return try pool.with {
            try $0.recall(
                ShardRecords(shard: record, lower: lower, overview: overview), extents: extents,
                index: index, context)
        }
    }

    /// Recalls a shard into the reader's cache.
    public func warm(_ index: Int) throws { _ = try kept(index, isCoarse: false) }

    // MARK: pieces

    /// Splits a selection along its slowest long axis until it is one piece.
    private func emit(
        _ selection: Selection, _ form: PieceForm, _ threads: Int,
        _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let total = form.bytes(selection)
        let longest = selection.axes.indices.first { selection.axes[$0].positions.count > 1 }
        guard total > Self.pieceBytesMin, let axis = longest else {
            return try piece(selection, form, threads, yield)
        }
        let positions = selection.axes[axis].positions
        let perPosition = max(1, total / positions.count)
        let countMax = max(1, Self.pieceBytesMax / perPosition)
        let shard = manifest.shardExtents[axis]
        let inRow = max(1, shard / abs(selection.axes[axis].stride))
        let rows = max(1, Self.pieceBytesMin / (perPosition * inRow))
        var start = positions.lowerBound
        while start < positions.upperBound {
            let row = selection.nextRow(axis, after: start, length: shard * rows)
            let end = min(row, start + countMax, positions.upperBound)
            let part = selection.replacing(axis, with: start..<end)
            if form.bytes(part) > Self.pieceBytesMax && end - start == 1 {
                try emit(part, form, threads, yield)
            } else {
                try piece(part, form, threads, yield)
            }
            start = end
        }
    }

    private func piece(
        _ selection: Selection, _ form: PieceForm, _ threads: Int,
        _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let out = UnsafeMutableRawBufferPointer.allocate(
            byteCount: form.bytes(selection), alignment: 64)
        defer { out.deallocate() }
        let shards = grid.shards(touching: selection.box)
        let target = PieceTarget(out)
        try parallel(shards.count, threads: threads) { i in
            try self.fill(shards[i], selection, form, target)
        }
        try yield(UnsafeRawBufferPointer(out))
    }

    private func fill(
        _ index: Int, _ selection: Selection, _ form: PieceForm, _ target: PieceTarget
    ) throws {
        let box = grid.box(index)
        guard selection.touches(box) else { return }
        let extents = box.map(\.count)
        let layout = ShardLayout(extents: extents, channels: context.channels)
        let spacing = layout.overviewSpacings
        // Expansion looks at all samples around: the overview alone does not do.
        let coarse =
            form.expanded == nil && layout.spacing > 0 && selection.lies(on: spacing)
        var bytes = try kept(index, isCoarse: coarse)
        if let type = form.expanded {
            bytes = pool.with { $0.expanded(bytes, extents: extents, to: type, context) }
        }
        bytes.withUnsafeBytes {
            copyPoints(
                $0, box: box, spacing: coarse ? spacing : extents.map { _ in 1 },
                to: selection, point: form.pointBytes, into: target.buffer)
        }
    }

    /// Canonical bytes of a shard or its overview, from the cache if they are there.
    private func kept(_ index: Int, isCoarse: Bool) throws -> [UInt8] {
        try mayGoOn?()
        let recall = {
            try isCoarse ? overviewBytes(index) : shardBytes(index, upperOnly: isUpperOnly)
        }
        // The last record that is needed names what is kept.
        let isWhole = manifest.lowerBits > 0 && !isUpperOnly
        let record: RecordID =
            isCoarse
            ? .overview(index: index) : isWhole ? .lower(index: index) : .shard(index: index)
        return try cache?.bytes(of: record, recall: recall) ?? recall()
    }
}

/// The samples pieces are made of: those stored, or estimates with more bits.
private struct PieceForm: Sendable {
    let pointBytes: Int
    let expanded: SampleType?

    init(_ description: SignalDescription, expandedTo type: SampleType? = nil) {
        expanded = type
        pointBytes =
            description.channels.count * (type ?? description.sampleType).containerBytes
    }

    func bytes(_ selection: Selection) -> Int { selection.pointCount * pointBytes }
}

/// Where shards of a piece are written. Unchecked: shards cover disjoint points.
private struct PieceTarget: @unchecked Sendable {
    let buffer: UnsafeMutableRawBufferPointer
    init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }
}
