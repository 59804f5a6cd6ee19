// What always holds here:
// - That the file has all declared elements was checked before the first row (raw data), or is
//   checked when the gzip stream ends.
// - Metadata: "format", the header ("npy.header", "nrrd.header") and, for raw data, bytes behind
//   the elements ("array.tail").

import GAMPluginKit

/// Elements of a file in C order and little endian.
final class ArrayDecoder: SignalDecoder {
    private(set) var description: AdapterDescription
    private let input: AdapterInput
    private let layout: ArrayLayout
    private var offset: UInt64
    private var gzip: GzipReader?
    private var bytesLeft: Int
    /// Fortran order only: elements of the current slab in C order, and where the next starts.
    private var slab: [UInt8] = []
    private var slabUsed = 0
    private var slabFirst = 0

    /// Bytes per read: rows are handed over in pieces of about this size.
    private static let pieceBytes = 1 << 20

    init(_ input: AdapterInput, header: NPYHeader, options: ArrayOptions) throws(AdapterError) {
        self.input = input
        layout = header.layout
        offset = UInt64(header.bytes.count)
        bytesLeft = try layout.checkedByteCount(input.limits)
        description = try layout.description(
            channelsAreLast: options.channelsAreLast, channels: nil, spacings: [],
            kind: options.kind ?? "array", exactness: .file, mediaType: "application/x-npy")
        try input.keep("format", Array("npy".utf8))
        try input.keep("npy.header", header.bytes)
        try keepTail()
    }

    init(_ input: AdapterInput, header: NRRDHeader, options: ArrayOptions) throws(AdapterError) {
        self.input = input
        layout = header.layout
        offset = UInt64(header.bytes.count)
        bytesLeft = try layout.checkedByteCount(input.limits)
        let isRaw = header.encoding == .raw
        description = try layout.description(
            channelsAreLast: options.channelsAreLast || header.channelsAreLast,
            channels: header.channels, spacings: header.spacings,
            kind: options.kind ?? (header.saysDistance ? "sdf" : "array"),
            exactness: isRaw ? .file : .samples, mediaType: "application/x-nrrd")
        try input.keep("format", Array("nrrd".utf8))
        try input.keep("nrrd.header", header.bytes)
        if isRaw {
            try keepTail()
        } else {
            gzip = try GzipReader(input, at: offset)
        }
    }

    /// Checks that all elements are there; says where they need no adapter; keeps what follows.
    private func keepTail() throws(AdapterError) {
        if layout.isCanonical { description.samplesAt = offset }
        let end = offset + UInt64(bytesLeft)
        guard end <= input.size else {
            throw AdapterError(
                .badInput,
                "the file is cut off: \(input.size) bytes where \(end) are declared; get a complete"
                    + " copy")
        }
        guard end < input.size else { return }
        guard input.size - end <= input.limits.metadataBytesMax else {
            throw AdapterError(
                .limit, "\(input.size - end) bytes follow the array; cut them off or split them")
        }
        try input.keep("array.tail", input.read(Int(input.size - end), at: end))
    }

    func readRows(_ rowsMax: Int) throws(AdapterError) -> [UInt8] {
        let rowBytes = description.rowBytes
        let rows = max(1, min(rowsMax, Self.pieceBytes / rowBytes))
        let count = min(rows * rowBytes, bytesLeft)
        let bytes =
            try layout.isFortranOrder && layout.extents.count > 1
            ? readFortran(count) : readSequential(count)
        bytesLeft -= bytes.count
        if bytesLeft == 0, let gzip { try gzip.expectEnd() }
        return bytes
    }

    private func readSequential(_ count: Int) throws(AdapterError) -> [UInt8] {
        var bytes: [UInt8]
        if let gzip {
            bytes = try gzip.read(count)
        } else {
            bytes = try input.read(count, at: offset)
            offset += UInt64(count)
        }
        if layout.isBigEndian { swapBytes(&bytes, elementBytes: layout.element.bytes) }
        return bytes
    }

    private func readFortran(_ count: Int) throws(AdapterError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            if slabUsed == slab.count { try loadSlab() }
            let part = min(count - bytes.count, slab.count - slabUsed)
            bytes.append(contentsOf: slab[slabUsed..<slabUsed + part])
            slabUsed += part
        }
        return bytes
    }

    private func loadSlab() throws(AdapterError) {
        let size = layout.element.bytes
        let indices = FortranSlab.count(
            extents: layout.extents, elementBytes: size, memory: input.limits.memoryBytesMax)
        let count = min(indices, layout.extents[0] - slabFirst)
        let part = FortranSlab(extents: layout.extents, elementBytes: size, count: count)
        guard UInt64(part.byteCount) <= input.limits.memoryBytesMax / 3 else {
            throw AdapterError(
                .limit,
                "an array in Fortran order with such long axes needs more memory than"
                    + " allowed; save it in C order")
        }
        var runs: [UInt8] = []
        if count == layout.extents[0] {
            runs = try input.read(part.byteCount, at: offset)
        } else {
            runs.reserveCapacity(part.byteCount)
            for run in 0..<part.runs {
                let start = (run * layout.extents[0] + slabFirst) * size
                runs += try input.read(count * size, at: offset + UInt64(start))
            }
        }
        if layout.isBigEndian { swapBytes(&runs, elementBytes: size) }
        slab = part.toC(runs)
        slabUsed = 0
        slabFirst += count
    }
}
