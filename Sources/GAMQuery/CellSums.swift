// Sums over the cells of one batch, filled by a stream of samples in C order.
//
// What always holds: every sample of the batch's box is added once, in C order of the box.

import GAMCodec
import GAMCore

/// The cells that a selection's points begin, without gaps, and the samples below them.
struct CellGrid {
    let level: Int
    /// Full resolution, from the first cell's first point to the last cell's last one.
    let box: [Range<Int>]
    /// Cells along each axis.
    let extents: [Int]

    init(_ selection: Selection, _ level: Int, _ description: SignalDescription) {
        self.level = level
        box = zip(selection.box, description.extents).map { span, extent in
            span.lowerBound..<min(extent, span.upperBound - 1 + (1 << level))
        }
        extents = box.map { ($0.count + (1 << level) - 1) >> level }
    }

    var cellCount: Int { extents.reduce(1, *) }

    /// Points of a cell along one axis.
    func length(_ axis: Int, _ cell: Int) -> Int {
        min(1 << level, box[axis].count - cell << level)
    }
}

struct CellSums {
    private let cells: CellGrid
    private let description: SignalDescription
    private let channels: Int
    private var integers: [Int64] = []
    private var floats: [Double] = []
    /// Points of the box that have been added.
    private var added = 0
    private var values: [Double] = []

    init(_ cells: CellGrid, _ description: SignalDescription) {
        self.cells = cells
        self.description = description
        channels = description.channels.count
        let count = cells.cellCount * channels
        if description.sampleType.family == .float {
            // -0 is the neutral element of addition: a cell of -0 alone keeps its sign.
            floats = [Double](repeating: -0.0, count: count)
        } else {
            integers = [Int64](repeating: 0, count: count)
        }
    }

    /// The next points of the box in C order, canonical bytes.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let point = channels * description.sampleType.containerBytes
        let width = cells.box.last!.count
        var rest = bytes
        while !rest.isEmpty {
            let x = added % width
            let count = min(width - x, rest.count / point)
            addRun(
                UnsafeRawBufferPointer(rebasing: rest[..<(count * point)]), line: added / width, x)
            added += count
            rest = UnsafeRawBufferPointer(rebasing: rest[(count * point)...])
        }
    }

    /// A part of one line along the last axis, from point `x` on.
    private mutating func addRun(_ bytes: UnsafeRawBufferPointer, line: Int, _ x: Int) {
        values = SampleValues.load(bytes, description.sampleType)
        var rest = line
        var cellLine = 0
        var scale = 1
        for axis in (0..<cells.box.count - 1).reversed() {
            let at = rest % cells.box[axis].count
            rest /= cells.box[axis].count
            cellLine += (at >> cells.level) * scale
            scale *= cells.extents[axis]
        }
        let base = cellLine * cells.extents.last!
        for i in 0..<values.count / channels {
            let to = (base + (x + i) >> cells.level) * channels
            for c in 0..<channels {
                let value = values[i * channels + c]
                if floats.isEmpty {
                    integers[to + c] += Int64(value)
                } else {
                    floats[to + c] += value
                }
            }
        }
    }

    /// Sums of all channels of a part of a cell that begins at `point`.
    mutating func add(_ known: [Int64], at point: [Int]) {
        let cell = point.indices.reduce(0) {
            $0 * cells.extents[$1] + (point[$1] - cells.box[$1].lowerBound) >> cells.level
        }
        for c in 0..<channels { integers[cell * channels + c] += known[c] }
    }

    /// Canonical bytes of the means at the selected points.
    func means(of selection: Selection) -> [UInt8] {
        let type = description.sampleType
        let container = type.containerBytes
        let total = selection.pointCount * channels * container
        return [UInt8](unsafeUninitializedCapacity: total) { out, used in
            let raw = UnsafeMutableRawBufferPointer(out)
            var to = 0
            forEachCell(of: selection) { cell, points in
                for c in 0..<channels {
                    store(cell * channels + c, points, type, raw, to)
                    to += container
                }
            }
            used = to
        }
    }

    /// Index and points of the cell at every selected point, in C order of positions.
    private func forEachCell(of selection: Selection, _ body: (Int, Int) -> Void) {
        let axes = selection.axes
        func walk(_ axis: Int, _ index: Int, _ points: Int) {
            guard axis < axes.count else { return body(index, points) }
            for position in axes[axis].positions {
                let inBox = axes[axis].coordinate(position) - cells.box[axis].lowerBound
                let cell = inBox >> cells.level
                walk(
                    axis + 1, index * cells.extents[axis] + cell,
                    points * cells.length(axis, cell))
            }
        }
        walk(0, 0, 1)
    }

    private func store(
        _ index: Int, _ points: Int, _ type: SampleType, _ out: UnsafeMutableRawBufferPointer,
        _ to: Int
    ) {
        if type.family == .float {
            let mean = floats[index] / Double(points)
            if type.bits == 16 {
                out.storeBytes(of: Float16(mean), toByteOffset: to, as: Float16.self)
            } else {
                out.storeBytes(of: Float(mean), toByteOffset: to, as: Float.self)
            }
            return
        }
        let twice = 2 * Int64(points)
        let numerator = 2 * integers[index] + Int64(points)
        let mean = numerator >= 0 ? numerator / twice : -((-numerator + twice - 1) / twice)
        switch type.containerBytes {
        case 1: out[to] = UInt8(truncatingIfNeeded: mean)
        case 2:
            out.storeBytes(of: UInt16(truncatingIfNeeded: mean), toByteOffset: to, as: UInt16.self)
        default:
            out.storeBytes(of: UInt32(truncatingIfNeeded: mean), toByteOffset: to, as: UInt32.self)
        }
    }
}
