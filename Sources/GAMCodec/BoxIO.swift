// Copies boxes of points between canonical buffers, and reads them from sample sources.
//
// What always holds here: boxes are half-open ranges per axis inside the extents they refer to.

import GAMCore

/// Bytes of one line of points, and where lines of a box start.
struct BoxLines {
    /// Bytes of a point.
    let point: Int
    let extents: [Int]

    /// Calls `body` with the byte offset of every line (along the last axis) of `box` in a buffer
    /// of `extents`, in C order.
    func forEach(_ box: [Range<Int>], _ body: (Int) throws -> Void) rethrows {
        let last = extents.count - 1
        var at = box.map(\.lowerBound)
        while true {
            var offset = 0
            for axis in 0...last { offset = offset * extents[axis] + at[axis] }
            try body(offset * point)
            var axis = last - 1
            while axis >= 0 {
                at[axis] += 1
                if at[axis] < box[axis].upperBound { break }
                at[axis] = box[axis].lowerBound
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}

extension SignalDescription {
    /// Bytes of one point: all channels.
    var pointBytes: Int { channels.count * sampleType.containerBytes }

    /// Canonical bytes of a box.
    func read(_ box: [Range<Int>], from source: some SampleSource) throws -> [UInt8] {
        let line = box[box.count - 1].count * pointBytes
        let lines = BoxLines(point: pointBytes, extents: extents)
        let count = box.reduce(pointBytes) { $0 * $1.count }
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { buffer in
            if isContiguous(box) {
                try lines.forEach(box.map { $0.lowerBound..<$0.lowerBound + 1 }) { offset in
                    try source.read(at: offset, into: buffer)
                }
                return
            }
            var at = 0
            try lines.forEach(box) { offset in
                try source.read(
                    at: offset,
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[at..<at + line]))
                at += line
            }
        }
        return bytes
    }

    /// Whether a box is one run of bytes: whole on every axis after the first that is longer than 1.
    private func isContiguous(_ box: [Range<Int>]) -> Bool {
        guard let first = box.firstIndex(where: { $0.count > 1 }) else { return true }
        return box.indices.dropFirst(first + 1).allSatisfy { box[$0].count == extents[$0] }
    }
}

/// Copies the points of `source` (a lattice of spacing `spacing` over box `box`) that are selected
/// into their places in a buffer of the selection's extents.
func copyPoints(
    _ source: UnsafeRawBufferPointer, box: [Range<Int>], spacing: [Int], to target: Selection,
    point: Int, into out: UnsafeMutableRawBufferPointer
) {
    let ranges = zip(target.axes, box).map { $0.positions(in: $1) }
    guard ranges.allSatisfy({ !$0.isEmpty }) else { return }
    let sourceExtents = zip(box, spacing).map { ($0.count + $1 - 1) / $1 }
    let lines = BoxLines(point: point, extents: target.extents)
    let shifted = zip(ranges, target.axes).map {
        $0.lowerBound - $1.positions.lowerBound..<$0.upperBound - $1.positions.lowerBound
    }
    let last = box.count - 1
    let stepLast = target.axes[last].stride / spacing[last]
    var at = ranges.map(\.lowerBound)
    lines.forEach(shifted) { offset in
        var from = 0
        for axis in 0...last {
            let inBox = target.axes[axis].coordinate(at[axis]) - box[axis].lowerBound
            from = from * sourceExtents[axis] + inBox / spacing[axis]
        }
        copyLine(
            source.baseAddress! + from * point, out.baseAddress! + offset, ranges[last].count,
            stepLast, point)
        var axis = last - 1
        while axis >= 0 {
            at[axis] += 1
            if at[axis] < ranges[axis].upperBound { break }
            at[axis] = ranges[axis].lowerBound
            axis -= 1
        }
    }
}

private func copyLine(
    _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int, _ step: Int,
    _ point: Int
) {
    if step == 1 {
        to.copyMemory(from: from, byteCount: count * point)
        return
    }
    for i in 0..<count {
        (to + i * point).copyMemory(from: from + i * step * point, byteCount: point)
    }
}
