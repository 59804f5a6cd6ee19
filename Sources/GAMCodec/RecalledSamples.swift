// A stored signal as a source of samples, for fitting it again.
//
// What always holds here: keeps a few recalled shards, so reading a box line by line recalls each
// shard once.

import GAMCore
import Synchronization

/// Canonical bytes of a stored signal, recalled as they are asked for.
final class RecalledSamples: SampleSource {
    private let reader: SignalReader
    private let recent = Mutex<[(index: Int, bytes: [UInt8])]>([])
    private static let kept = 8

    init(reader: SignalReader) { self.reader = reader }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let d = reader.manifest.description
        var at = offset
        var filled = 0
        while filled < buffer.count {
            // The point `at` lies in, and how far the line goes on in its shard.
            let inPoint = at % d.pointBytes
            var rest = at / d.pointBytes
            var point = [Int](repeating: 0, count: d.axes.count)
            for axis in d.axes.indices.reversed() {
                point[axis] = rest % d.extents[axis]
                rest /= d.extents[axis]
            }
            let index = reader.grid.shards(touching: point.map { $0..<$0 + 1 })[0]
            let box = reader.grid.box(index)
            let bytes = try shard(index)
            var from = 0
            for axis in box.indices {
                from = from * box[axis].count + point[axis] - box[axis].lowerBound
            }
            let last = box.count - 1
            let run = (box[last].upperBound - point[last]) * d.pointBytes - inPoint
            let count = min(run, buffer.count - filled)
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count]).copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: source[
                            from * d.pointBytes + inPoint..<from * d.pointBytes + inPoint + count]))
            }
            at += count
            filled += count
        }
    }

    private func shard(_ index: Int) throws -> [UInt8] {
        let hit = recent.withLock { list -> [UInt8]? in
            guard let i = list.firstIndex(where: { $0.index == index }) else { return nil }
            let entry = list.remove(at: i)
            list.append(entry)
            return entry.bytes
        }
        if let hit { return hit }
        let bytes = try reader.shardBytes(index)
        let row = max(Self.kept, reader.grid.counts.last! + 1)
        recent.withLock { list in
            list.append((index, bytes))
            if list.count > row { list.removeFirst() }
        }
        return bytes
    }
}
