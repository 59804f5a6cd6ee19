// Recall by likeness: points of drawings and screens, from what lies around them.
//
// What always holds here: what `encode` gives, `decode` turns back into the same points, with every
// engine. likeness.c says how and what it gains.

import CGAMKernels

/// Codes the canonical points of a shard; keeps its working memory (4 MiB) between calls.
package final class LikenessCoder {
    /// Bytes of a point at most.
    package static let pointBytesMax = 8

    private let engine: Engine
    private lazy var scratch = UnsafeMutableRawPointer.allocate(
        byteCount: gam_likeness_scratch(), alignment: 64)
    private var isUsed = false

    package init(engine: Engine) { self.engine = engine }

    deinit { if isUsed { scratch.deallocate() } }

    /// What points look like: rows of `width` points of `bytes` bytes each.
    package struct Shape: Sendable {
        package let count: Int
        package let width: Int
        package let bytes: Int

        /// Nil where this coder does not take such points.
        package init?(extents: [Int], pointBytes: Int) {
            guard (1...LikenessCoder.pointBytesMax).contains(pointBytes),
                let width = extents.last(where: { $0 > 1 })
            else { return nil }
            count = extents.reduce(1, *)
            self.width = width
            bytes = pointBytes
        }
    }

    /// The share of points, in 1/256, that repeat one of the neighbours that are asked first.
    package static func likeness(_ points: UnsafeRawBufferPointer, _ shape: Shape) -> Int {
        let (width, bytes) = (shape.width, shape.bytes)
        func point(_ i: Int) -> UInt64 {
            (0..<bytes).reduce(0) { $0 << 8 | UInt64(points[i * bytes + $1]) }
        }
        var (alike, seen) = (0, 0)
        for y in stride(from: 1, to: shape.count / width, by: 4) {
            for x in 1..<max(1, width - 1) {
                let i = y * width + x
                let own = point(i)
                let sides = [i - 1, i - width, i - width - 1, i - width + 1]
                if sides.contains(where: { point($0) == own }) { alike += 1 }
                seen += 1
            }
        }
        return seen == 0 ? 0 : 256 * alike / seen
    }

    /// The coded points; nil if they take more than `limit` bytes.
    package func encode(
        _ points: UnsafeRawBufferPointer, _ shape: Shape, limit: Int
    ) -> [UInt8]? {
        precondition(points.count == shape.count * shape.bytes, "byte count")
        guard limit > 0 else { return nil }
        if engine == .reference {
            return ReferenceLikeness.encode(Array(points), shape, limit: limit)
        }
        isUsed = true
        var lines = [UInt64](repeating: 0, count: 4 * shape.width)
        let coded = [UInt8](unsafeUninitializedCapacity: limit) { out, used in
            used = gam_likeness_encode(
                points.baseAddress!.assumingMemoryBound(to: UInt8.self), shape.count, shape.width,
                Int32(shape.bytes), scratch, &lines, out.baseAddress!, limit)
        }
        return coded.isEmpty ? nil : coded
    }

    /// The points of `coded`, whatever it holds; their hash tells whether they are the right ones.
    package func decode(_ coded: [UInt8], _ shape: Shape) -> [UInt8] {
        if engine == .reference { return ReferenceLikeness.decode(coded, shape) }
        isUsed = true
        var lines = [UInt64](repeating: 0, count: 4 * shape.width)
        return [UInt8](unsafeUninitializedCapacity: shape.count * shape.bytes) { out, used in
            gam_likeness_decode(
                coded, coded.count, shape.count, shape.width, Int32(shape.bytes), scratch, &lines,
                out.baseAddress!)
            used = shape.count * shape.bytes
        }
    }
}
