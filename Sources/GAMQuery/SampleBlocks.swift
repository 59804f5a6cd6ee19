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
    private let kept = Mutex(Kept())
    private static let keptBytesMax = 96 << 20

    init(_ reader: SignalReader) { self.reader = reader }

    /// A block that holds `box`: with the whole shard when many points ask, else the box alone. Of the
    /// shards beside it only those are recalled that the box reaches into.
    func block(around shard: Int, holding box: [Range<Int>], points: Int) throws -> SampleBlock {
        let found = find(shard)
        if let found, Self.holds(found.box, box) { return found }
        guard points > 64 || isMost(of: shard, box) else { return try read(box) }
        let hull = zip(found?.box ?? reader.grid.box(shard), box).map {
            min($0.lowerBound, $1.lowerBound)..<max($0.upperBound, $1.upperBound)
        }
        let block = try read(hull)
        keep(block, shard)
        return block
    }

    private static func holds(_ outer: [Range<Int>], _ inner: [Range<Int>]) -> Bool {
        zip(outer, inner).allSatisfy {
            $0.lowerBound <= $1.lowerBound && $1.upperBound <= $0.upperBound
        }
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
            guard block.bytes.count <= Self.keptBytesMax / 2 else { return }
            if let old = kept.blocks.removeValue(forKey: shard) {
                kept.bytes -= old.block.bytes.count
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
