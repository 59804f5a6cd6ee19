// What always holds here:
// - A kept header is used only when it describes exactly this signal; then the bytes are those of
//   the file it came from (raw data). Otherwise a new header is written.

import GAMPluginKit

/// Writes NPY and NRRD files.
final class ArrayEncoder: SignalEncoder {
    private let output: AdapterOutput
    private let layout: ArrayLayout
    private var offset: UInt64
    private let dataStart: UInt64
    private let tail: [UInt8]
    private var gzip: GzipWriter?
    /// Fortran order only: C-order elements of the slab that is being filled.
    private var slab: [UInt8] = []
    private var slabFirst = 0

    init(npy description: AdapterDescription, _ output: AdapterOutput) throws(AdapterError) {
        let kept = try output.kept("npy.header").map { bytes throws(AdapterError) in
            try NPYHeader(bytes)
        }
        let fitting = kept.flatMap { $0.layout.holds(description) ? $0 : nil }
        let header = fitting ?? NPYHeader(for: description)
        self.output = output
        layout = header.layout
        dataStart = UInt64(header.bytes.count)
        offset = dataStart
        tail = fitting == nil ? [] : output.kept("array.tail") ?? []
        try output.write(header.bytes, at: 0)
    }

    init(nrrd description: AdapterDescription, _ output: AdapterOutput) throws(AdapterError) {
        let kept = try output.kept("nrrd.header").map { bytes throws(AdapterError) in
            try NRRDHeader(bytes)
        }
        let fitting = kept.flatMap { $0.layout.holds(description) ? $0 : nil }
        let header: NRRDHeader
        if let fitting { header = fitting } else { header = try NRRDHeader(for: description) }
        self.output = output
        layout = header.layout
        dataStart = UInt64(header.bytes.count)
        offset = dataStart
        tail = fitting == nil ? [] : output.kept("array.tail") ?? []
        try output.write(header.bytes, at: 0)
        if header.encoding == .gzip { gzip = try GzipWriter(output, at: offset) }
    }

    func writeRows(_ rows: [UInt8]) throws(AdapterError) {
        guard layout.isFortranOrder, layout.extents.count > 1 else {
            try writeSequential(rows)
            return
        }
        slab += rows
        let perIndex = layout.extents.dropFirst().reduce(layout.element.bytes, *)
        let whole = slab.count / perIndex
        let wanted = FortranSlab.count(
            extents: layout.extents, elementBytes: layout.element.bytes,
            memory: output.limits.memoryBytesMax)
        guard UInt64(perIndex) <= output.limits.memoryBytesMax / 3 else {
            throw AdapterError(
                .limit,
                "an array in Fortran order with such long axes needs more memory than"
                    + " allowed; read samples instead")
        }
        if whole >= wanted || (whole > 0 && slabFirst + whole == layout.extents[0]) {
            try writeSlab(indices: whole, bytes: whole * perIndex)
        }
    }

    private func writeSequential(_ rows: [UInt8]) throws(AdapterError) {
        var bytes = rows
        if layout.isBigEndian { swapBytes(&bytes, elementBytes: layout.element.bytes) }
        if let gzip {
            try gzip.write(bytes)
        } else {
            try output.write(bytes, at: offset)
            offset += UInt64(bytes.count)
        }
    }

    private func writeSlab(indices: Int, bytes: Int) throws(AdapterError) {
        let size = layout.element.bytes
        let part = FortranSlab(extents: layout.extents, elementBytes: size, count: indices)
        var runs = part.toRuns(Array(slab[..<bytes]))
        if layout.isBigEndian { swapBytes(&runs, elementBytes: size) }
        if indices == layout.extents[0] {
            try output.write(runs, at: dataStart)
        } else {
            for run in 0..<part.runs {
                let start = (run * layout.extents[0] + slabFirst) * size
                let from = run * indices * size
                try output.write(runs[from..<from + indices * size], at: dataStart + UInt64(start))
            }
        }
        offset += UInt64(bytes)
        slab.removeFirst(bytes)
        slabFirst += indices
    }

    func finish() throws(AdapterError) {
        if let gzip {
            try gzip.finish()
            return
        }
        guard slab.isEmpty else { throw AdapterError(.fault, "elements were left unwritten") }
        if !tail.isEmpty { try output.write(tail, at: offset) }
    }
}
