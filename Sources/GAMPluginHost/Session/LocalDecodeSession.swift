// What always holds here:
// - The description was checked before the session exists; rows come in order and never more of
//   them than it declares; values outside the declared bits are refused as a fault of the adapter.
// - The plugin runs in the process that opens the session: a worker, or a host that trusts it.

import CGAMPlugin
import GAMCore

/// A file being decoded by a library of this process. One thread.
final class LocalDecodeSession: DecodeEngine {
    let header: DecodedHeader
    /// Canonical bytes not yet read.
    private(set) var bytesLeft: UInt64

    private let context: HostContext
    private let library: PluginLibrary
    private let handle: OpaquePointer
    private let rowBytes: Int
    private var rowsLeft: UInt64
    private var carry: [UInt8] = []
    private var carryUsed = 0

    init(library: PluginLibrary, _ request: DecodeRequest) throws(PluginError) {
        let context = HostContext(
            plugin: library.id, fileName: request.fileName, file: request.file,
            options: request.options,
            metadata: [], limits: request.limits)
        let handle = try Self.open(library, context)
        do {
            let raw = try Self.describe(library, context, handle)
            header = try DecodedHeader(
                raw, plugin: library.id, metadata: context.metadata, request: request)
        } catch {
            library.functions.close_decode(handle)
            throw error
        }
        let rows = gam_description.rows(of: header.description.signal)
        rowBytes = rows.bytes
        rowsLeft = rows.count
        bytesLeft = UInt64(header.description.signal.rawBytes)
        self.context = context
        self.library = library
        self.handle = handle
    }

    deinit { library.functions.close_decode(handle) }

    private static func open(
        _ library: PluginLibrary, _ context: HostContext
    ) throws(PluginError) -> OpaquePointer {
        var handle: OpaquePointer?
        context.acceptsMetadata = true
        try context.call {
            library.functions.open_decode(
                library.context, context.host, context.input, &handle, $0)
        }
        context.acceptsMetadata = false
        guard let handle else {
            throw .fault(plugin: library.id, reason: "open_decode succeeded without a handle")
        }
        return handle
    }

    private static func describe(
        _ library: PluginLibrary, _ context: HostContext, _ handle: OpaquePointer
    ) throws(PluginError) -> gam_description {
        var raw = gam_description()
        raw.struct_size = MemoryLayout<gam_description>.size
        try context.call { library.functions.describe(handle, &raw, $0) }
        return raw
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
        var done = 0
        while done < buffer.count, bytesLeft > 0 {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            if carryUsed < carry.count {
                done += takeCarry(target)
            } else if target.count >= rowBytes {
                let bytes = try readRows(into: target)
                bytesLeft -= UInt64(bytes)
                done += bytes
            } else {
                try fillCarry()
            }
        }
        return done
    }

    private func takeCarry(_ target: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(target.count, carry.count - carryUsed)
        target.copyBytes(from: carry[carryUsed..<carryUsed + count])
        carryUsed += count
        bytesLeft -= UInt64(count)
        return count
    }

    private func fillCarry() throws(PluginError) {
        var rows = [UInt8](repeating: 0, count: rowBytes)
        let result = rows.withUnsafeMutableBytes { buffer -> Result<Int, PluginError> in
            Result { () throws(PluginError) in try readRows(into: buffer) }
        }
        _ = try result.get()
        carry = rows
        carryUsed = 0
    }

    /// Whole rows into `target`, which has room for at least one; bytes written.
    private func readRows(into target: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
        let capacity = Int(min(UInt64(target.count / rowBytes), rowsLeft)) * rowBytes
        var rows: UInt64 = 0
        try context.call {
            library.functions.read_rows(handle, target.baseAddress, capacity, &rows, $0)
        }
        guard rows > 0, rows <= UInt64(capacity / rowBytes) else {
            throw .fault(
                plugin: library.id,
                reason: "read_rows gave \(rows) rows where 1 to \(capacity / rowBytes) fit")
        }
        rowsLeft -= rows
        let bytes = Int(rows) * rowBytes
        let written = UnsafeRawBufferPointer(rebasing: target[..<bytes])
        guard SampleRange.holds(written, header.description.signal.sampleType) else {
            throw .fault(
                plugin: library.id,
                reason:
                    "a sample is outside its declared \(header.description.signal.sampleType.bits) bits"
            )
        }
        return bytes
    }
}
