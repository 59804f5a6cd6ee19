// A level as means of cells instead of single points.
//
// What always holds:
// - A cell is the points p ..< p + 2^level of every axis, cut at the end of the signal, whatever the
//   region; so a region of a level is the same part of the whole level.
// - Integers: floor((2 sum + count) / (2 count)), the nearest with halves upwards. Floats: the sum in
//   binary64 in C order of the cell, divided by the count, rounded to nearest even.
// - Levels of integers whose cells the signal's own cells make up are answered from those.
// - Memory: one batch of accumulators of at most `accumulatorBytesMax`, and the reader's pieces.

import GAMCodec
import GAMCore

public struct AreaReader: Sendable {
    private let reader: SignalReader
    private let level: Int
    private let threads: Int
    private static let accumulatorBytesMax = 32 << 20
    /// Twice the sum of so many 32-bit samples still fits 64 bits.
    private static let cellPointsMax = 1 << 29

    /// - Throws: `QueryError` where a cell would hold more than 2^29 points.
    public init(_ reader: SignalReader, level: Int, threads: Int) throws(QueryError) {
        self.reader = reader
        self.level = level
        self.threads = threads
        var points = 1
        for extent in reader.manifest.description.extents {
            let (product, overflow) = points.multipliedReportingOverflow(
                by: min(extent, 1 << level))
            guard !overflow, product <= Self.cellPointsMax else {
                throw QueryError("a cell of level \(level) has more than 2^29 points; use nearest")
            }
            points = product
        }
    }

    /// Means of the cells at the selected points, in C order of their positions.
    /// - Parameter selection: of the same level.
    public func read(
        _ selection: Selection, yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard level > 0 else { return try reader.read(selection, threads: threads, yield: yield) }
        try batches(selection, yield)
    }

    private var channels: Int { reader.manifest.description.channels.count }

    /// Splits along the slowest long axis until the accumulators fit.
    private func batches(
        _ selection: Selection, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let axis = selection.axes.indices.first { selection.axes[$0].positions.count > 1 } ?? 0
        let positions = selection.axes[axis].positions
        let bytes = CellGrid(selection, level, reader.manifest.description).cellCount * channels * 8
        let perPosition = max(1, bytes / positions.count)
        if perPosition > Self.accumulatorBytesMax, positions.count > 1 {
            for position in positions {
                try batches(selection.replacing(axis, with: position..<position + 1), yield)
            }
            return
        }
        let isDense = abs(selection.axes[axis].stride) == 1 << level
        let countMax = isDense ? max(1, Self.accumulatorBytesMax / perPosition) : 1
        let row = max(reader.manifest.shardExtents[axis], 1 << level)
        let rows = max(1, (4 << 20) / (perPosition * max(1, row >> level)))
        var start = positions.lowerBound
        while start < positions.upperBound {
            let next = selection.nextRow(axis, after: start, length: row * rows)
            let end = min(next, start + countMax, positions.upperBound)
            try batch(selection.replacing(axis, with: start..<end), yield)
            start = end
        }
    }

    /// Whether the sums of the signal's own cells make up those of this level: no shard is recalled.
    private var knowsSums: Bool {
        let manifest = reader.manifest
        guard manifest.hasCells, manifest.description.sampleType.family != .float else {
            return false
        }
        let (shard, whole) = (manifest.shardExtents, manifest.description.extents)
        return ShardCells.sides(shard).enumerated().allSatisfy { axis, side in
            (1 << level) % side == 0 && (shard[axis] % side == 0 || shard[axis] == whole[axis])
        }
    }

    private func addKnown(_ cells: CellGrid, _ sums: inout CellSums) throws {
        for shard in reader.grid.shards(touching: cells.box) {
            guard let known = try reader.cells(of: shard) else { continue }
            let box = reader.grid.box(shard)
            let inside = zip(box, cells.box).map { $0.clamped(to: $1) }
            let part = CellBox(known, first: box.map(\.lowerBound), inside)
            for cell in part.cells {
                let start = part.start(cell)
                let points = start.indices.reduce(1) {
                    $0 * min(known.sides[$1], box[$1].upperBound - start[$1])
                }
                sums.add(known.bounds[cell].map { $0.sum(points) }, at: start)
            }
        }
    }

    private func batch(
        _ selection: Selection, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let description = reader.manifest.description
        let cells = CellGrid(selection, level, description)
        var sums = CellSums(cells, description)
        if knowsSums {
            try addKnown(cells, &sums)
        } else {
            try reader.read(Selection(box: cells.box), threads: threads) { sums.add($0) }
        }
        try sums.means(of: selection).withUnsafeBytes { try yield($0) }
    }
}
