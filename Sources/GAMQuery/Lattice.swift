// A box of samples as 64-bit integers, channel after channel, on the grid of some level.
//
// What always holds:
// - A series is a lattice of one row; coordinates are those of the whole grid, not of the box.
// - Padding repeats the samples at the edge of the signal: elsewhere the lattice holds all that a
//   window reaches.

import CGAMKernels
import GAMCodec
import GAMCore

struct Lattice: Sendable {
    struct Box: Sendable {
        var rows: Range<Int>
        var columns: Range<Int>

        /// Of one or two axes.
        init(_ ranges: [Range<Int>]) {
            rows = ranges.count == 1 ? 0..<1 : ranges[0]
            columns = ranges[ranges.count - 1]
        }

        var pointCount: Int { rows.count * columns.count }
        func ranges(axes: Int) -> [Range<Int>] { axes == 1 ? [columns] : [rows, columns] }

        /// The cells, on the grid one level coarser, that this box's points belong to.
        func halved(axes: Int) -> Box {
            Box(
                ranges(axes: axes).map {
                    $0.lowerBound >> 1..<(($0.upperBound - 1) >> 1) + 1
                })
        }

        /// With all that windows reach, inside the grid.
        func grown(_ before: Int, window: Int, extents: [Int]) -> Box {
            Box(
                zip(ranges(axes: extents.count), extents).map {
                    let end = $0.upperBound + window - 1 - before
                    return max(0, $0.lowerBound - before)..<min($1, end)
                })
        }
    }

    let box: Box
    private var values: [Int64] = []

    init(_ box: Box, channels: Int) {
        self.box = box
        self.channels = channels
        values = [Int64](repeating: 0, count: box.pointCount * channels)
    }

    private let channels: Int
    private var filled = 0

    /// Takes the next canonical bytes of the box.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ type: SampleType) {
        switch (type.containerBytes, type.family) {
        case (1, .unsigned): spread(bytes, as: UInt8.self)
        case (1, _): spread(bytes, as: Int8.self)
        case (2, .unsigned): spread(bytes, as: UInt16.self)
        case (2, _): spread(bytes, as: Int16.self)
        case (_, .unsigned): spread(bytes, as: UInt32.self)
        case (_, _): spread(bytes, as: Int32.self)
        }
    }

    private mutating func spread<T: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, as: T.Type
    ) {
        let (channels, plane, first) = (channels, box.pointCount, filled)
        let points = bytes.count / (MemoryLayout<T>.size * channels)
        values.withUnsafeMutableBufferPointer { out in
            for point in 0..<points {
                for channel in 0..<channels {
                    let at = (point * channels + channel) * MemoryLayout<T>.size
                    out[channel * plane + first + point] = Int64(
                        bytes.loadUnaligned(fromByteOffset: at, as: T.self))
                }
            }
        }
        filled += points
    }

    /// One channel with the windows of all `cells`, in C order.
    func padded(
        _ channel: Int, around cells: Box, _ network: SuperResolutionNetwork
    ) -> [Int64] {
        let margin = network.window - 1
        let rowMargin = network.windowRows - 1
        let firstRow = cells.rows.lowerBound - (rowMargin == 0 ? 0 : network.before)
        let firstColumn = cells.columns.lowerBound - network.before
        var out: [Int64] = []
        out.reserveCapacity((cells.rows.count + rowMargin) * (cells.columns.count + margin))
        let plane = channel * box.pointCount
        for row in firstRow..<firstRow + cells.rows.count + rowMargin {
            let inside = min(max(row, box.rows.lowerBound), box.rows.upperBound - 1)
            let line = plane + (inside - box.rows.lowerBound) * box.columns.count
            for column in firstColumn..<firstColumn + cells.columns.count + margin {
                let at = min(max(column, box.columns.lowerBound), box.columns.upperBound - 1)
                out.append(values[line + at - box.columns.lowerBound])
            }
        }
        return out
    }

    mutating func withChannel<R>(
        _ channel: Int, _ body: (ChannelTarget) throws -> R
    ) rethrows -> R {
        let (box, count) = (box, box.pointCount)
        return try values.withUnsafeMutableBufferPointer {
            try body(ChannelTarget(box: box, values: $0.baseAddress! + channel * count))
        }
    }

    /// Canonical bytes of the selected points.
    func bytes(of selection: Selection, _ description: SignalDescription) -> [UInt8] {
        switch description.sampleType.containerBytes {
        case 1: packed(selection, as: UInt8.self)
        case 2: packed(selection, as: UInt16.self)
        default: packed(selection, as: UInt32.self)
        }
    }

    private func packed<T: FixedWidthInteger>(_ selection: Selection, as: T.Type) -> [UInt8] {
        let size = MemoryLayout<T>.size
        let columns = selection.axes[selection.axes.count - 1]
        let rows =
            selection.axes.count == 1
            ? [0] : selection.axes[0].positions.map(selection.axes[0].coordinate)
        let count = rows.count * columns.positions.count * channels
        return [UInt8](unsafeUninitializedCapacity: count * size) { out, used in
            let raw = UnsafeMutableRawPointer(out.baseAddress!)
            for row in rows {
                let line = (row - box.rows.lowerBound) * box.columns.count
                for position in columns.positions {
                    let at = line + columns.coordinate(position) - box.columns.lowerBound
                    for channel in 0..<channels {
                        let value = values[channel * box.pointCount + at]
                        (raw + used).storeBytes(of: T(truncatingIfNeeded: value), as: T.self)
                        used += size
                    }
                }
            }
        }
    }
}

/// One channel that tasks write cells of. Unchecked: their cells, and so their points, are disjoint.
struct ChannelTarget: @unchecked Sendable {
    let box: Lattice.Box
    let values: UnsafeMutablePointer<Int64>

    /// Points outside the box are dropped: cells reach beyond it.
    @inline(__always)
    func store(_ value: Int64, row: Int, column: Int) {
        guard box.rows.contains(row), box.columns.contains(column) else { return }
        let line = (row - box.rows.lowerBound) * box.columns.count
        values[line + column - box.columns.lowerBound] = value
    }
}
