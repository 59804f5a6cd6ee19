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

/// Points of a region that a level keeps: multiples of its step, per axis.
struct LevelRegion: Equatable {
    let step: Int
    /// Full-resolution coordinates of the kept points, divided by the step.
    let kept: [Range<Int>]

    /// nil if an axis keeps no point.
    init?(_ region: [Range<Int>], level: Int) {
        step = 1 << level
        var ranges: [Range<Int>] = []
        for range in region {
            let first = (range.lowerBound + step - 1) >> level
            let end = (range.upperBound + step - 1) >> level
            guard end > first else { return nil }
            ranges.append(first..<end)
        }
        kept = ranges
    }

    var extents: [Int] { kept.map(\.count) }
}

/// Copies the points of `source` (a lattice of spacing `spacing` over box `box`) that `target`
/// keeps into its place in a buffer of the target's extents.
func copyPoints(
    _ source: UnsafeRawBufferPointer, box: [Range<Int>], spacing: [Int], to target: LevelRegion,
    point: Int, into out: UnsafeMutableRawBufferPointer
) {
    let axes = box.count
    var ranges: [Range<Int>] = []
    for axis in 0..<axes {
        let first = max(
            target.kept[axis].lowerBound, (box[axis].lowerBound + target.step - 1) / target.step)
        let end = min(
            target.kept[axis].upperBound,
            (box[axis].upperBound + target.step - 1) / target.step)
        guard end > first else { return }
        ranges.append(first..<end)
    }
    let sourceExtents = zip(box, spacing).map { ($0.count + $1 - 1) / $1 }
    let lines = BoxLines(point: point, extents: target.extents)
    let shifted = zip(ranges, target.kept).map {
        $0.lowerBound - $1.lowerBound..<$0.upperBound - $1.lowerBound
    }
    let last = axes - 1
    let stepLast = target.step / spacing[last]
    var at = ranges.map(\.lowerBound)
    lines.forEach(shifted) { offset in
        var from = 0
        for axis in 0..<axes {
            from =
                from * sourceExtents[axis] + (at[axis] * target.step - box[axis].lowerBound)
                / spacing[axis]
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
