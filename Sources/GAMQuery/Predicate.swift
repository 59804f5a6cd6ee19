// "Where is the signal below 0": runs of points, decided by the shards' bounds where these suffice.
//
// What always holds:
// - Every matching point of the region is in exactly one run, none that does not match is in any.
// - Runs come by shards in C order of the grid, within a shard in C order; a run ends at its shard.

import GAMCodec
import GAMCore

public enum Comparison: String, Sendable {
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "=="
    case notEqual = "!="

    @inline(__always)
    func holds(_ a: Double, _ b: Double) -> Bool {
        switch self {
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        case .equal: a == b
        case .notEqual: a != b
        }
    }

    /// What bounds tell of all samples of a shard; nil: not enough.
    func decided(_ bounds: ChannelBounds, _ value: Double) -> Bool? {
        if value.isNaN { return self == .notEqual }
        if bounds.minimum.isNaN { return self == .notEqual }
        let (low, high) = (bounds.minimum, bounds.maximum)
        let ends = [holds(low, value), holds(high, value)]
        switch self {
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            guard ends[0] == ends[1] else { return nil }
            return ends[0] ? (bounds.hasNaN ? nil : true) : false
        case .equal:
            if value < low || value > high { return false }
            return low == high && !bounds.hasNaN ? true : nil
        case .notEqual:
            if value < low || value > high { return true }
            return low == high && !bounds.hasNaN ? false : nil
        }
    }
}

public struct Predicate: Sendable {
    public let comparison: Comparison
    public let value: Double
    public let channel: Int

    public init(_ comparison: Comparison, _ value: Double, channel: Int) {
        self.comparison = comparison
        self.value = value
        self.channel = channel
    }
}

/// Runs of matching points along the last axis.
public struct MatchingRuns: Sendable {
    /// [runs][axes + 1]: first point, number of points.
    public var runs: [Int64] = []
    public var matches = 0
    public var isCut = false
    public var shards = 0
    public var recalled = 0
}

public struct PredicateSearch: Sendable {
    private let reader: SignalReader
    private let predicate: Predicate
    private let threads: Int

    /// - Throws: `QueryError` for a channel that the signal does not have.
    public init(_ reader: SignalReader, _ predicate: Predicate, threads: Int) throws(QueryError) {
        let channels = reader.manifest.description.channels.count
        guard (0..<channels).contains(predicate.channel) else {
            throw QueryError("channel \(predicate.channel) of a signal with \(channels)")
        }
        self.reader = reader
        self.predicate = predicate
        self.threads = threads
    }

    private struct Found: Sendable {
        /// As many as there was room for; `hasMore` tells of others.
        var runs: [Int64] = []
        var hasMore = false
        var matches = 0
        var wasRecalled = false

        /// A run in the line of `line`, kept if fewer than `room` are there.
        mutating func add(_ line: [Int], from first: Int, _ length: Int, _ room: Int) {
            matches += length
            guard runs.count / (line.count + 1) < room else {
                hasMore = true
                return
            }
            for coordinate in line.dropLast() { runs.append(Int64(coordinate)) }
            runs.append(Int64(first))
            runs.append(Int64(length))
        }
    }

    /// - Parameters:
    ///   - box: the region at full resolution.
    ///   - runsMax: more runs are counted, not given.
    ///   - check: called now and then; throws to stop.
    public func runs(in box: [Range<Int>], runsMax: Int, check: () throws -> Void) throws
        -> MatchingRuns
    {
        let shards = reader.grid.shards(touching: box)
        let bounds = try reader.bounds(of: shards)
        let width = reader.grid.extents.count + 1
        var result = MatchingRuns()
        result.shards = shards.count
        // Few at once: a shard of noise may hold two million runs.
        let length = max(1, 2 * threads)
        for start in stride(from: 0, to: shards.count, by: length) {
            try check()
            let room = runsMax - result.runs.count / width
            let part = start..<min(shards.count, start + length)
            let found = ResultSlots([Found](repeating: Found(), count: part.count))
            try parallel(part.count, threads: threads) { i in
                let index = part.lowerBound + i
                found.set(i, try self.search(shards[index], bounds?[index], box, room))
            }
            for one in found.all { append(one, &result, runsMax) }
        }
        return result
    }

    private func append(_ found: Found, _ result: inout MatchingRuns, _ runsMax: Int) {
        let width = reader.grid.extents.count + 1
        result.matches += found.matches
        if found.wasRecalled { result.recalled += 1 }
        let room = runsMax - result.runs.count / width
        let count = min(room, found.runs.count / width)
        if found.hasMore || count < found.runs.count / width { result.isCut = true }
        result.runs += found.runs[..<(count * width)]
    }

    private func search(
        _ shard: Int, _ bounds: [ChannelBounds]?, _ box: [Range<Int>], _ room: Int
    ) throws -> Found {
        let inside = zip(reader.grid.box(shard), box).map { $0.clamped(to: $1) }
        if let bounds,
            let all = predicate.comparison.decided(bounds[predicate.channel], predicate.value)
        {
            return all ? everything(inside, room) : Found()
        }
        if let cells = try reader.cells(of: shard),
            let found = decided(
                cells, first: reader.grid.box(shard).map(\.lowerBound), inside, room)
        {
            return found
        }
        var bytes: [UInt8] = []
        try reader.read(Selection(box: inside), threads: 1) { bytes.append(contentsOf: $0) }
        var found = bytes.withUnsafeBytes { scan($0, inside, room) }
        found.wasRecalled = true
        return found
    }

    private func forEachLine(_ box: [Range<Int>], _ body: ([Int]) -> Void) {
        var at = box.map(\.lowerBound)
        let last = box.count - 1
        while true {
            body(at)
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

    /// The runs in a part of a shard whose cells all tell; nil where one of them does not.
    private func decided(
        _ cells: ShardCells, first: [Int], _ box: [Range<Int>], _ room: Int
    ) -> Found? {
        let area = CellBox(cells, first: first, box)
        var holds: [Int: Bool] = [:]
        for cell in area.cells {
            let bounds = cells.bounds[cell][predicate.channel]
            guard let all = predicate.comparison.decided(bounds, predicate.value) else {
                return nil
            }
            holds[cell] = all
        }
        var found = Found()
        let side = cells.sides.last!
        forEachLine(box) { start in
            var begin: Int?
            var x = start.last!
            while x < box.last!.upperBound {
                let next = min(x + side - (x - first.last!) % side, box.last!.upperBound)
                var point = start
                point[point.count - 1] = x
                if holds[area.cell(of: point)]! {
                    begin = begin ?? x
                } else if let from = begin {
                    found.add(start, from: from, x - from, room)
                    begin = nil
                }
                x = next
            }
            if let from = begin { found.add(start, from: from, x - from, room) }
        }
        return found
    }

    private func everything(_ box: [Range<Int>], _ room: Int) -> Found {
        var found = Found()
        let length = box.last!.count
        forEachLine(box) { start in
            found.add(start, from: start.last!, length, room)
        }
        return found
    }

    private func scan(
        _ bytes: UnsafeRawBufferPointer, _ box: [Range<Int>], _ room: Int
    ) -> Found {
        let description = reader.manifest.description
        let channels = description.channels.count
        let values = SampleValues.load(bytes, description.sampleType)
        let width = box.last!.count
        var found = Found()
        var offset = predicate.channel
        forEachLine(box) { start in
            var begin = -1
            for x in 0...width {
                let holds =
                    x < width
                    && predicate.comparison.holds(values[offset + x * channels], predicate.value)
                if holds, begin < 0 { begin = x }
                if !holds, begin >= 0 {
                    found.add(start, from: start.last! + begin, x - begin, room)
                    begin = -1
                }
            }
            offset += width * channels
        }
        return found
    }
}
