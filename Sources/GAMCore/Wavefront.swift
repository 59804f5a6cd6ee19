// The wavefront order of a spatial shard.
//
// What always holds here:
// - Address (z, y, x) lies on sheet t = x + 2y + 4z. Every neighbour of a stencil is on an earlier
//   sheet, so the positions of one sheet depend on nothing in it: one sheet is one batch.
// - Each z-plane is stored sheared: row t2 = x + 2y, column y. A neighbour (dz, dy, dx) of a run of
//   positions is then one contiguous run at element offset dz * plane + (dx + 2 dy) * stride + dy.
// - Outside the shard a neighbour is the nearest address on its own sheet, which is recalled
//   already whenever it is looked at. `extend` writes those copies beside each run.
//
// Skew 2 against 3: with x + 3y the address (y-1, x+2) would also be a neighbour, but a 256x256
// shard would give batches of 64 positions instead of 85; the vector units prefer the latter.

/// Extents and memory layout of the sheared planes of one shard.
public struct Wavefront: Equatable, Sendable {
    /// 1 for two-dimensional shards.
    public let depth: Int
    public let height: Int
    public let width: Int

    /// Sheets before the first that stencils may look at (3-D: two planes back, 16).
    static let before = 16
    /// Sheets after the last that previous planes and the overview are looked at.
    static let after = 12
    /// Columns to each side of a plane.
    static let margin = 4

    /// - Precondition: height and width are at least 2, so that no sheet is empty.
    public init(depth: Int, height: Int, width: Int) {
        precondition(depth >= 1 && height >= 2 && width >= 2, "empty sheets")
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Sheets of one z-plane.
    var planeSheets: Int { width + 2 * (height - 1) }
    /// Sheets of the shard.
    var sheets: Int { planeSheets + 4 * (depth - 1) }
    var stride: Int { height + 2 * Self.margin }
    /// Elements of one z-plane.
    var planeSize: Int { (Self.before + planeSheets + Self.after) * stride }
    /// Elements of a whole channel, slack for vector reads included.
    var size: Int { depth * planeSize + 64 }
    var pointCount: Int { depth * height * width }

    /// Element of row `sheet` (may be negative), column `y` of plane `z`.
    @inline(__always)
    func element(z: Int, sheet: Int, y: Int) -> Int {
        z * planeSize + (sheet + Self.before) * stride + y + Self.margin
    }

    /// Columns of plane sheet `sheet` that lie in the shard.
    @inline(__always)
    func columns(ofSheet sheet: Int) -> ClosedRange<Int> {
        let first = max(0, (sheet - width + 2) >> 1)
        return first...min(height - 1, sheet >> 1)
    }

    /// Planes that have positions on sheet `t`.
    @inline(__always)
    func planes(ofSheet t: Int) -> ClosedRange<Int> {
        max(0, (t - planeSheets + 4) >> 2)...min(depth - 1, t >> 2)
    }

    /// Fills what lies before the first sheet of plane `z` and, once it is complete, after the last.
    func pad(_ plane: UnsafeMutablePointer<Int32>, z: Int, before value: Int32) {
        let start = z * planeSize
        plane.advanced(by: start).update(repeating: value, count: Self.before * stride)
    }

    func padAfter(_ plane: UnsafeMutablePointer<Int32>, z: Int, value: Int32) {
        let start = element(z: z, sheet: planeSheets, y: -Self.margin)
        plane.advanced(by: start).update(repeating: value, count: Self.after * stride)
    }

    /// Copies the ends of a run into the margins beside it.
    @inline(__always)
    func extend(_ plane: UnsafeMutablePointer<Int32>, z: Int, sheet: Int) {
        let columns = columns(ofSheet: sheet)
        let row = plane + element(z: z, sheet: sheet, y: 0)
        let first = row[columns.lowerBound]
        let last = row[columns.upperBound]
        for i in 1...Self.margin {
            row[columns.lowerBound - i] = first
            row[columns.upperBound + i] = last
        }
    }

    /// Values in C order (z, y, x) into a sheared channel; margins are left to `extend`.
    func shear(_ linear: UnsafePointer<Int32>, into plane: UnsafeMutablePointer<Int32>) {
        for z in 0..<depth {
            for y in 0..<height {
                let from = linear + (z * height + y) * width
                var to = plane + element(z: z, sheet: 2 * y, y: y)
                for x in 0..<width {
                    to.pointee = from[x]
                    to += stride
                }
            }
        }
    }

    /// The opposite of `shear`.
    func unshear(_ plane: UnsafePointer<Int32>, into linear: UnsafeMutablePointer<Int32>) {
        for z in 0..<depth {
            for y in 0..<height {
                let to = linear + (z * height + y) * width
                var from = plane + element(z: z, sheet: 2 * y, y: y)
                for x in 0..<width {
                    to[x] = from.pointee
                    from += stride
                }
            }
        }
    }
}
