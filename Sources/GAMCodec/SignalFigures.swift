// What a signal's records tell of its samples without recalling them.
//
// What always holds: figures that are there are those of the samples; where none are kept, whoever
// needs them recalls the shard.

import GAMCore
import GAMFormat

extension SignalReader {
    /// Bounds of every channel of the given shards; nil where the signal keeps none.
    public func bounds(of shards: [Int]) throws -> [[ChannelBounds]]? {
        guard manifest.hasBounds else { return nil }
        var records: [Int: [[ChannelBounds]]] = [:]
        let length = SignalBounds.shardsPerRecord
        do {
            return try shards.map { index in
                let number = index / length
                if records[number] == nil {
                    let bytes = try source.bytes(of: .bounds(index: number))
                    let range = number * length..<min(grid.count, (number + 1) * length)
                    records[number] = try SignalBounds.parsed(
                        bytes, pointCounts: range.map(grid.pointCount),
                        channels: context.channels, manifest.description.sampleType,
                        seed: manifest.contentHash.low &+ UInt64(number))
                }
                return records[number]![index - number * length]
            }
        } catch let error as FormatError {
            throw CodecError.malformed("\(error)")
        }
    }

    /// Figures of the cells of a shard; nil where the signal keeps none.
    public func cells(of index: Int) throws -> ShardCells? {
        guard manifest.hasCells else { return nil }
        do {
            return try ShardCells(
                parsing: try source.bytes(of: .cells(index: index)),
                extents: grid.box(index).map(\.count),
                sides: ShardCells.sides(manifest.shardExtents), channels: context.channels,
                manifest.description.sampleType,
                seed: ShardCells.seed(manifest.contentHash, index))
        } catch let error as FormatError {
            throw CodecError.malformed("\(error)")
        }
    }

    /// The same, of a signal that keeps none: the shard is recalled.
    public func measuredCells(_ index: Int) throws -> ShardCells {
        let extents = grid.box(index).map(\.count)
        return try shardBytes(index).withUnsafeBytes {
            ShardCells.measure(
                $0, extents: extents, sides: ShardCells.sides(manifest.shardExtents),
                manifest.description)
        }
    }

    /// Bounds of a shard of a signal that keeps none: the shard is recalled.
    public func measuredBounds(_ index: Int) throws -> [ChannelBounds] {
        try shardBytes(index).withUnsafeBytes {
            SignalBounds.measure($0, manifest.description)
        }
    }
}
