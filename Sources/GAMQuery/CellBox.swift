// The cells of a shard that a box of its points touches.
//
// What always holds: coordinates are those of the signal; `first` is the shard's first point.

import GAMCodec

package struct CellBox {
    private let sides: [Int]
    private let counts: [Int]
    private let first: [Int]
    private let ranges: [Range<Int>]

    package init(_ cells: ShardCells, first: [Int], _ box: [Range<Int>]) {
        sides = cells.sides
        counts = cells.counts
        self.first = first
        ranges = box.indices.map { axis in
            let low = (box[axis].lowerBound - first[axis]) / cells.sides[axis]
            let high = (box[axis].upperBound - 1 - first[axis]) / cells.sides[axis]
            return low..<high + 1
        }
    }

    /// Indices of the cells, in C order.
    package var cells: [Int] {
        var indices = [0]
        for axis in ranges.indices {
            indices = indices.flatMap { index in
                ranges[axis].map { index * counts[axis] + $0 }
            }
        }
        return indices
    }

    package func cell(of point: [Int]) -> Int {
        point.indices.reduce(0) { $0 * counts[$1] + (point[$1] - first[$1]) / sides[$1] }
    }

    /// First point of a cell.
    package func start(_ cell: Int) -> [Int] {
        var rest = cell
        var start = first
        for axis in counts.indices.reversed() {
            start[axis] += rest % counts[axis] * sides[axis]
            rest /= counts[axis]
        }
        return start
    }
}
