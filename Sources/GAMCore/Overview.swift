// The overview: every spacing-th point of a shard, known before the rest, and its interpolation.
//
// What always holds here: the interpolated plane depends only on the overview's values, so writer
// and reader have the same one.
//
// An overview's points lie 8 apart and cost more than their share; given to the fine pass as "what
// lies ahead", part of that comes back. With both, Kodak is 0.85 % larger than without an overview.

enum Overview {
    /// Values of the lattice from a linear shard plane.
    static func pick(
        _ linear: UnsafePointer<Int32>, _ w: Wavefront, spacing: Int,
        into coarse: UnsafeMutablePointer<Int32>
    ) {
        var at = 0
        for z in stride(from: 0, to: w.depth, by: w.depth == 1 ? 1 : spacing) {
            for y in stride(from: 0, to: w.height, by: spacing) {
                let row = linear + (z * w.height + y) * w.width
                for x in stride(from: 0, to: w.width, by: spacing) {
                    coarse[at] = row[x]
                    at += 1
                }
            }
        }
    }

    /// Writes the lattice's values into their places in a sheared plane.
    static func plant(
        _ coarse: UnsafePointer<Int32>, _ w: Wavefront, spacing: Int,
        into plane: UnsafeMutablePointer<Int32>
    ) {
        var at = 0
        for z in stride(from: 0, to: w.depth, by: w.depth == 1 ? 1 : spacing) {
            for y in stride(from: 0, to: w.height, by: spacing) {
                for x in stride(from: 0, to: w.width, by: spacing) {
                    plane[w.element(z: z, sheet: x + 2 * y, y: y)] = coarse[at]
                    at += 1
                }
            }
        }
    }

    /// Linear interpolation along y and x (z: the nearest coarse plane before), sheared, with the
    /// last lattice point continued to the far side; values rounded down.
    ///
    /// A row is first blended from two lattice rows, then spread out, then sheared.
    static func interpolate(
        _ coarse: UnsafePointer<Int32>, _ w: Wavefront, spacing: Int,
        into plane: UnsafeMutablePointer<Int32>
    ) {
        let rows = (w.height + spacing - 1) / spacing
        let columns = (w.width + spacing - 1) / spacing
        let margin = Wavefront.margin
        var blended = [Int64](repeating: 0, count: columns + 1)
        var line = [Int32](repeating: 0, count: (columns + 1) * spacing)
        for z in 0..<w.depth {
            let slab = coarse + (w.depth == 1 ? 0 : z / spacing) * rows * columns
            for y in -margin..<w.height + margin {
                let inside = min(max(y, 0), w.height - 1)
                let (r, fy) = (inside / spacing, Int64(inside % spacing))
                let upper = slab + r * columns
                let lower = slab + min(r + 1, rows - 1) * columns
                for c in 0..<columns {
                    blended[c] =
                        Int64(upper[c]) * (Int64(spacing) - fy) + Int64(lower[c]) * fy
                }
                blended[columns] = blended[columns - 1]
                spread(blended, spacing, &line)
                place(line, w, z, y, into: plane)
            }
        }
    }

    /// Points between lattice points of one row, `spacing` (a power of two) squared too large before.
    private static func spread(_ blended: [Int64], _ spacing: Int, _ line: inout [Int32]) {
        let shift = Int64(2 * spacing.trailingZeroBitCount)
        line.withUnsafeMutableBufferPointer { line in
            blended.withUnsafeBufferPointer { blended in
                for c in 0..<blended.count - 1 {
                    var sum = blended[c] * Int64(spacing)
                    let step = blended[c + 1] - blended[c]
                    for i in 0..<spacing {
                        line[c * spacing + i] = Int32(truncatingIfNeeded: sum >> shift)
                        sum += step
                    }
                }
            }
        }
    }

    /// Writes a row, its ends continued into the margins, into the sheets it crosses.
    private static func place(
        _ line: [Int32], _ w: Wavefront, _ z: Int, _ y: Int,
        into plane: UnsafeMutablePointer<Int32>
    ) {
        let first = max(-2 * Wavefront.margin, -Wavefront.before - 2 * y)
        let last = min(w.width + 2 * Wavefront.margin, w.planeSheets + Wavefront.after - 2 * y)
        guard first < last else { return }
        var to = plane + w.element(z: z, sheet: first + 2 * y, y: y)
        line.withUnsafeBufferPointer { line in
            for x in first..<last {
                to.pointee = line[min(max(x, 0), w.width - 1)]
                to += w.stride
            }
        }
    }
}
