// What a Read asks for, checked against its signal, and how it is answered.
//
// What always holds: a plan that exists can be carried out; its byte count is exact for samples.

import GAMCodec
import GAMCore
import GAMProtocol
import GAMQuery

/// The container samples travel in.
enum SampleFormat: String {
    case raw, npy

    init(named name: String, default fallback: SampleFormat) throws(Failure) {
        if name.isEmpty {
            self = fallback
            return
        }
        guard let format = SampleFormat(rawValue: name) else {
            throw Failure(.badRequest, "format \"\(name)\" is not known; use raw or npy")
        }
        self = format
    }
}

/// The file format of a Get: a name and options for its adapter, as "tiff,drop_metadata=1".
struct FileFormat {
    let name: String
    let options: [String: String]

    init(_ text: String) throws(Failure) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        name = String(parts.first ?? "")
        var options: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty else {
                throw Failure(.badRequest, "\"\(part)\" of the format is not name=value")
            }
            options[String(pair[0])] = String(pair[1])
        }
        self.options = options
    }
}

struct ReadPlan {
    let selection: Selection
    let format: SampleFormat
    /// A file of an adapter instead of samples.
    let fileFormat: FileFormat?
    let byteCount: Int
    let isWhole: Bool
    private let areaLevel: Int?
    private let planes: BitPlanes?
    /// More bits than are stored.
    private let expandedBits: Int?
    /// A level below 0; the selection is of its grid.
    private let finerLevel: Int?
    private let pool: (memory: MemoryPool, offset: Int)?

    init(wholeOf description: SignalDescription, _ format: SampleFormat) {
        selection = Selection(wholeOf: description)
        self.format = format
        fileFormat = nil
        byteCount = description.rawBytes
        isWhole = true
        areaLevel = nil
        planes = nil
        expandedBits = nil
        finerLevel = nil
        pool = nil
    }

    init(_ read: WireRead, of description: SignalDescription, pools: MemoryPools?) throws {
        let wanted = try FileFormat(read.format)
        let samples = SampleFormat(rawValue: wanted.name.isEmpty ? "raw" : wanted.name)
        format = samples ?? .raw
        fileFormat = samples == nil ? wanted : nil
        guard samples == nil || wanted.options.isEmpty else {
            throw Failure(.badRequest, "the format \"\(wanted.name)\" takes no options")
        }
        let level = Int(read.level)
        guard level <= 30 else {
            throw Failure(
                .badRequest,
                "level \(level) is not within \(SuperResolutionReader.levelMin) to 30")
        }
        guard ["", "nearest", "area"].contains(read.filter) else {
            throw Failure(
                .badRequest, "filter \"\(read.filter)\" is not known; use nearest or area")
        }
        areaLevel = read.filter == "area" && level > 0 ? level : nil
        let type = description.sampleType
        expandedBits = read.bits > UInt32(type.bits) ? Int(read.bits) : nil
        planes = try expandedBits == nil ? BitPlanes(wanted: read.bits, of: type) : nil
        guard expandedBits == nil || (areaLevel == nil && type.family != .float && read.bits <= 32)
        else {
            throw Failure(
                .badRequest,
                "\(read.bits) bits of samples that have \(type.bits): only integers, without the filter"
                    + " area, are given with more bits, up to 32")
        }
        guard level >= 0 || (read.filter != "area" && read.bits == 0) else {
            throw Failure(
                .badRequest,
                "level \(level) is an estimate: it goes with neither the filter area nor bits")
        }
        finerLevel = level < 0 ? level : nil
        selection = try Selection(
            region: read.region.isEmpty ? nil : read.region.map { try AxisInterval($0) },
            level: max(0, level),
            of: level < 0
                ? SuperResolutionReader.description(of: description, level: level) : description)
        byteCount =
            selection.pointCount * description.channels.count
            * (expandedBits ?? type.bits).containerBytes
        isWhole =
            areaLevel == nil && planes == nil && expandedBits == nil && finerLevel == nil
            && selection.isWhole(of: description)
        pool = try read.pool == 0 ? nil : Self.place(read, pools)
    }

    private static func place(
        _ read: WireRead, _ pools: MemoryPools?
    ) throws -> (memory: MemoryPool, offset: Int) {
        guard let memory = pools?.pool(read.pool) else {
            throw Failure(
                .badRequest, "pool \(read.pool) is not attached to this connection; see Attach")
        }
        guard let offset = Int(exactly: read.poolOffset), offset <= memory.byteCount else {
            throw Failure(
                .badRequest,
                "offset \(read.poolOffset) is behind the pool's \(memory.byteCount) bytes")
        }
        return (memory, offset)
    }

    /// Bytes of samples and what goes before them.
    var answerBytesMax: Int { byteCount + (format == .npy ? NPYHeader.bytesMax : 0) }
    var errorMax: Double { planes?.errorMax ?? 0 }
    var isEstimate: Bool { expandedBits != nil || finerLevel != nil }
    /// The part of the stored signal's own grid that is read; nil: of another grid.
    var storedSelection: Selection? { finerLevel == nil ? selection : nil }

    /// Shape and type of the answer.
    func description(_ reader: SignalReader) throws -> SignalDescription {
        if let finerLevel {
            return try SuperResolutionReader(reader, level: finerLevel, threads: 1)
                .description(of: selection)
        }
        let description = try reader.resultDescription(selection)
        guard let expandedBits else { return description }
        return try SignalDescription(
            axes: description.axes, channels: description.channels,
            sampleType: try reader.expandedType(expandedBits))
    }

    /// The part of a pool that so many bytes go to; nil: they travel inline.
    func target(bytes: Int) throws(Failure) -> PoolRange? {
        guard let pool else { return nil }
        guard bytes <= pool.memory.byteCount - pool.offset else {
            throw Failure(
                .badRequest,
                "\(bytes) bytes do not fit the pool of \(pool.memory.byteCount) from offset "
                    + "\(pool.offset)")
        }
        return PoolRange(pool: pool.memory, range: pool.offset..<pool.offset + bytes)
    }

    /// Reads what the plan says, in C order.
    func read(
        _ reader: SignalReader, threads: Int, yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if let finerLevel {
            return try SuperResolutionReader(reader, level: finerLevel, threads: threads)
                .read(selection, yield: yield)
        }
        if let expandedBits {
            return try reader.readExpanded(
                selection, bits: expandedBits, threads: threads, yield: yield)
        }
        guard let planes else { return try readPoints(reader, threads, yield) }
        let upper = areaLevel == nil ? reader.limited(toBits: planes.kept) : reader
        try readPoints(upper, threads) { bytes in
            var cleared = [UInt8](bytes)
            try cleared.withUnsafeMutableBytes {
                planes.clear($0)
                try yield(UnsafeRawBufferPointer($0))
            }
        }
    }

    private func readPoints(
        _ reader: SignalReader, _ threads: Int, _ yield: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let areaLevel else {
            return try reader.read(selection, threads: threads, yield: yield)
        }
        try AreaReader(reader, level: areaLevel, threads: threads).read(selection, yield: yield)
    }
}

extension BitPlanes {
    /// nil for all planes.
    fileprivate init?(wanted bits: UInt32, of type: SampleType) throws {
        guard bits != 0, bits != UInt32(type.bits) else { return nil }
        try self.init(kept: Int(bits), of: type)
    }
}

extension Int {
    /// Bytes of the container of samples with so many bits.
    fileprivate var containerBytes: Int { self <= 8 ? 1 : self <= 16 ? 2 : 4 }
}

extension AxisInterval {
    init(_ interval: WireInterval) throws(Failure) {
        guard let start = Int(exactly: interval.start), let stop = Int(exactly: interval.stop),
            let step = Int(exactly: interval.step)
        else { throw Failure(.badRequest, "an interval that no signal has") }
        self.init(start: start, stop: stop, step: step == 0 ? 1 : step)
    }
}
