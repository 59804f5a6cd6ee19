// Levels below 0: the samples between those stored, predicted by a network.
//
// What always holds:
// - Level -n has 2^n (extent - 1) + 1 points along every axis; those at multiples of 2^n are the
//   stored samples, bit for bit. Level -2 is level -1 of level -1.
// - A sample depends on the samples around it alone, so a region is the same part of the whole, and
//   of a region only the shards under it and `window` samples around are recalled.
// - Memory: one piece of about `pieceBytesMax`, and the reader's.

import CGAMKernels
import GAMCodec
import GAMCore

public struct SuperResolutionReader: Sendable {
    /// The finest level there is, of pictures.
    public static let levelMin = -2
    /// That of sound: its level -2 was measured to lose to the cubic kernel.
    public static let soundLevelMin = -1
    /// The signal as it is at this level: its extents and spacings.
    public let description: SignalDescription
    private let reader: SignalReader
    private let level: Int
    private let network: SuperResolutionNetwork
    private let engine: Engine
    private let threads: Int
    private let range: ClosedRange<Int64>
    private let pieceBytesMax: Int

    /// - Throws: `QueryError` where no network beats the cubic kernel.
    public init(
        _ reader: SignalReader, level: Int, threads: Int, engine: Engine = .best,
        pieceBytesMax: Int = 48 << 20
    ) throws {
        let stored = reader.manifest.description
        description = try Self.description(of: stored, level: level)
        network = try Self.network(for: stored, level: level)
        self.reader = reader
        self.level = level
        self.threads = threads
        self.engine = engine
        self.pieceBytesMax = pieceBytesMax
        let type = stored.sampleType
        let half = Int64(1) << Int64(type.bits - 1)
        range = type.family == .signed ? -half...half - 1 : 0...2 * half - 1
    }

    /// What a signal is at a level below 0.
    /// - Throws: `QueryError` where no network beats the cubic kernel, and beyond limits.
    public static func description(
        of stored: SignalDescription, level: Int
    ) throws(QueryError) -> SignalDescription {
        _ = try network(for: stored, level: level)
        let axes = stored.axes.map {
            Axis(
                extent: (($0.extent - 1) << -level) + 1, kind: $0.kind,
                spacing: $0.spacing / Double(1 << -level), unit: $0.unit)
        }
        do {
            return try SignalDescription(
                axes: axes, channels: stored.channels, sampleType: stored.sampleType)
        } catch {
            throw QueryError("level \(level) is more than a signal can be: \(error)")
        }
    }

    private static func network(
        for stored: SignalDescription, level: Int
    ) throws(QueryError) -> SuperResolutionNetwork {
        guard (levelMin..<0).contains(level) else {
            throw QueryError("level \(level) is not within \(levelMin) to 30")
        }
        let network = SuperResolutionNetwork.shipped(axes: stored.axes.count)
        let kinds = Set(stored.axes.map(\.kind))
        let what: String?
        if stored.sampleType.family == .float {
            what = "float samples"
        } else if stored.channels.contains(where: { $0 == .paletteIndex || $0 == .alpha }) {
            what = "palette indices and alpha"
        } else if let network, kinds == [network.axes == 1 ? .time : .space] {
            guard network.axes == 1, level < soundLevelMin else { return network }
            what = "sound"
        } else {
            what = "signals with these \(stored.axes.count) axes"
        }
        throw QueryError(
            "level \(level): no network predicts \(what!) better than the cubic kernel; query the"
                + " points between with the method cubic")
    }

    /// Shape and type of what `read` gives.
    public func description(of selection: Selection) throws -> SignalDescription {
        let axes = zip(description.axes, selection.axes).map {
            Axis(
                extent: $1.positions.count, kind: $0.kind,
                spacing: $0.spacing * Double($1.stride.magnitude), unit: $0.unit)
        }
        return try SignalDescription(
            axes: axes, channels: description.channels, sampleType: description.sampleType)
    }

    /// Reads the selected points in C order of their positions.
    /// - Parameter selection: of this level's own grid.
    public func read(
        _ selection: Selection, yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let bytes = Lattice.Box(selection.box).pointCount * description.channels.count * 8
        guard bytes > pieceBytesMax,
            let axis = selection.axes.indices.first(where: {
                selection.axes[$0].positions.count > 1
            })
        else { return try piece(selection, yield) }
        let positions = selection.axes[axis].positions
        // Rounded up: the parts are smaller than the whole, always.
        let perPosition = (bytes + positions.count - 1) / positions.count
        let count = max(1, pieceBytesMax / perPosition)
        for start in stride(from: positions.lowerBound, to: positions.upperBound, by: count) {
            let end = min(start + count, positions.upperBound)
            try read(selection.replacing(axis, with: start..<end), yield: yield)
        }
    }

    private func piece(
        _ selection: Selection, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let lattice = try samples(Lattice.Box(selection.box), level: level)
        try lattice.bytes(of: selection, description).withUnsafeBytes { try yield($0) }
    }

    /// The samples of a box of a level's grid.
    private func samples(_ box: Lattice.Box, level: Int) throws -> Lattice {
        let channels = description.channels.count
        guard level < 0 else {
            var lattice = Lattice(box, channels: channels)
            let wanted = box.ranges(axes: network.axes)
            try reader.read(Selection(box: wanted), threads: threads) {
                lattice.append($0, description.sampleType)
            }
            return lattice
        }
        let extents = reader.manifest.description.extents.map { (($0 - 1) << (-level - 1)) + 1 }
        let cells = box.halved(axes: network.axes)
        let source = try samples(
            cells.grown(network.before, window: network.window, extents: extents), level: level + 1)
        var result = Lattice(box, channels: channels)
        for channel in 0..<channels {
            try fill(&result, channel, cells: cells, from: source)
        }
        return result
    }

    /// Cells of one channel, in tasks of some thousand.
    private func fill(
        _ result: inout Lattice, _ channel: Int, cells: Lattice.Box, from source: Lattice
    ) throws {
        let rows = max(1, 4096 / cells.columns.count)
        let tasks = (cells.rows.count + rows - 1) / rows
        let padded = source.padded(channel, around: cells, network)
        try padded.withUnsafeBufferPointer { values in
            let plane = PaddedPlane(
                values: values.baseAddress!, stride: cells.columns.count + network.window - 1)
            try result.withChannel(channel) { target in
                try parallel(tasks, threads: threads) { task in
                    let scratch = BatchMemory()
                    let from = task * rows
                    for row in from..<min(from + rows, cells.rows.count) {
                        fill(target, row, cells, plane, scratch)
                    }
                }
            }
        }
    }

    /// One row of cells.
    private func fill(
        _ target: ChannelTarget, _ row: Int, _ cells: Lattice.Box, _ plane: PaddedPlane,
        _ scratch: BatchMemory
    ) {
        let y = 2 * (cells.rows.lowerBound + row)
        for column in stride(from: 0, to: cells.columns.count, by: GAM_BATCH_MAX) {
            let x = 2 * (cells.columns.lowerBound + column)
            network.predict(
                plane, first: row * plane.stride + column,
                count: min(GAM_BATCH_MAX, cells.columns.count - column), engine, scratch.batch
            ) { cell, point, value in
                target.store(
                    rounded(value), row: y + (point >> 1), column: x + 2 * cell + (point & 1))
            }
        }
    }

    /// Rounded to the nearest, halves upwards, within the samples' type.
    @inline(__always)
    private func rounded(_ value: Int64) -> Int64 {
        let shift = Int64(4 * network.axes)
        let nearest = (value + (1 << (shift - 1))) >> shift
        return min(max(nearest, range.lowerBound), range.upperBound)
    }
}

/// One batch of the kernel, zeroed; it belongs to one thread.
private final class BatchMemory {
    let batch: UnsafeMutablePointer<gam_batch>

    init() {
        let size = MemoryLayout<gam_batch>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        batch = memory.bindMemory(to: gam_batch.self, capacity: 1)
    }

    deinit { batch.deallocate() }
}
