// What always holds here:
// - The description was checked before the session exists; rows come in order and never more of
//   them than it declares; values outside the declared bits are refused as a fault of the adapter.
// - The plugin runs in this process for now; nothing outside this file depends on that.

import CGAMPlugin
import GAMCore

/// A file being decoded: description and metadata at once, samples as a stream. One thread.
public final class DecodeSession {
    public let description: SignalDescription
    public let exactness: Exactness
    public let order: OrderHint
    /// "image", "audio", "sdf", "array" ...
    public let kind: String
    public let mediaType: String
    /// What must come back when the signal is encoded, in the adapter's order.
    public let metadata: [PluginMetadata]
    /// Canonical bytes not yet read.
    public private(set) var bytesLeft: UInt64

    private let context: HostContext
    private let library: PluginLibrary
    private let handle: OpaquePointer
    private let rowBytes: Int
    private var rowsLeft: UInt64
    private var carry: [UInt8] = []
    private var carryUsed = 0

    init(
        library: PluginLibrary, descriptor: Int32, fileName: String, options: [String: String],
        limits: PluginLimits
    ) throws(PluginError) {
        let file = try PositionedFile(descriptor: descriptor, plugin: library.id, name: fileName)
        let context = HostContext(
            plugin: library.id, fileName: fileName, file: file, options: options, metadata: [],
            limits: limits)
        let handle = try Self.open(library, context)
        do {
            let described = try Self.describe(library, context, handle)
            let rows = gam_description.rows(of: described.signal)
            try Self.check(described.signal, rowBytes: rows.bytes, context)
            description = described.signal
            exactness = described.exactness
            order = described.order
            kind = described.kind
            mediaType = described.mediaType
            rowBytes = rows.bytes
            rowsLeft = rows.count
            bytesLeft = UInt64(described.signal.rawBytes)
        } catch {
            library.functions.close_decode(handle)
            throw error
        }
        metadata = context.metadata
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
    ) throws(PluginError) -> AdapterDescription {
        var raw = gam_description()
        raw.struct_size = MemoryLayout<gam_description>.size
        try context.call { library.functions.describe(handle, &raw, $0) }
        return try AdapterDescription(raw, plugin: library.id, file: context.fileName)
    }

    private static func check(
        _ signal: SignalDescription, rowBytes: Int, _ context: HostContext
    ) throws(PluginError) {
        guard UInt64(signal.sampleCount) <= context.limits.samplesMax else {
            throw .limit(
                plugin: context.plugin, file: context.fileName,
                reason:
                    "\(signal.sampleCount) samples and the limit is \(context.limits.samplesMax)"
            )
        }
        guard UInt64(rowBytes) <= context.limits.memoryBytesMax else {
            throw .limit(
                plugin: context.plugin, file: context.fileName,
                reason: "one row has \(rowBytes) bytes; raise the plugin memory limit")
        }
    }

    /// Fills `buffer` with the next canonical bytes; fewer than asked for only at the end of the
    /// signal, then 0. After an error the session is of no further use.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
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
        guard SampleRange.holds(written, description.sampleType) else {
            throw .fault(
                plugin: library.id,
                reason: "a sample is outside its declared \(description.sampleType.bits) bits")
        }
        return bytes
    }
}
