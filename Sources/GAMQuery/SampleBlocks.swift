// Parts of a signal around shards, ready for looking up samples between grid points.
//
// What always holds:
// - A block is the canonical bytes of a box that lies inside the signal.
// - Blocks that are kept hold at most `keptBytesMax` together; what was used longest ago goes first.

import GAMCodec
import GAMCore
import Synchronization

struct SampleBlock: Sendable {
    let box: [Range<Int>]
    let bytes: [UInt8]
}

final class SampleBlocks: Sendable {
    private struct Kept {
        var blocks: [Int: (block: SampleBlock, used: Int)] = [:]
        var bytes = 0
        var clock = 0
    }

    let reader: SignalReader
    private let before: Int
    private let after: Int
    private let kept = Mutex(Kept())
    private static let keptBytesMax = 96 << 20

    /// - Parameters:
    ///   - before: points that are looked at before a shard's first.
    ///   - after: points that are looked at behind a shard's last.
    init(_ reader: SignalReader, before: Int, after: Int) {
        self.reader = reader
        self.before = before
        self.after = after
    }

    /// A block that holds `box`: the shard with its surroundings when many points ask, else the box.
    func block(around shard: Int, holding box: [Range<Int>], points: Int) throws -> SampleBlock {
        if let found = find(shard) { return found }
        guard points > 64 || isMost(of: shard, box) else { return try read(box) }
        let extents = reader.manifest.description.extents
        let full = zip(reader.grid.box(shard), extents).map { range, extent in
            max(0, range.lowerBound - before)..<min(extent, range.upperBound + after)
        }
        let block = try read(full)
        keep(block, shard)
        return block
    }

    private func isMost(of shard: Int, _ box: [Range<Int>]) -> Bool {
        box.reduce(1) { $0 * $1.count } * 4 > reader.grid.pointCount(shard)
    }

    private func read(_ box: [Range<Int>]) throws -> SampleBlock {
        let point =
            reader.manifest.description.channels.count
            * reader.manifest.description.sampleType.containerBytes
        var bytes: [UInt8] = []
        bytes.reserveCapacity(box.reduce(point) { $0 * $1.count })
        try reader.read(Selection(box: box), threads: 1) { bytes.append(contentsOf: $0) }
        return SampleBlock(box: box, bytes: bytes)
    }

    private func find(_ shard: Int) -> SampleBlock? {
        kept.withLock { kept in
            kept.clock += 1
            kept.blocks[shard]?.used = kept.clock
            return kept.blocks[shard]?.block
        }
    }

    private func keep(_ block: SampleBlock, _ shard: Int) {
        kept.withLock { kept in
            guard block.bytes.count <= Self.keptBytesMax / 2, kept.blocks[shard] == nil else {
                return
            }
            while kept.bytes + block.bytes.count > Self.keptBytesMax,
                let oldest = kept.blocks.min(by: { $0.value.used < $1.value.used })
            {
                kept.bytes -= oldest.value.block.bytes.count
                kept.blocks[oldest.key] = nil
            }
            kept.clock += 1
            kept.blocks[shard] = (block, kept.clock)
            kept.bytes += block.bytes.count
        }
    }
}
