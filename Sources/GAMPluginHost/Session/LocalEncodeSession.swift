// What always holds here:
// - The plugin gets whole rows, in order, exactly as many as the description has.
// - `finish` is the only way to a complete file; a session dropped before leaves garbage.

import CGAMPlugin
import GAMCore

/// A file being encoded by a library of this process. One thread.
final class LocalEncodeSession: EncodeEngine {
    private let description: SignalDescription
    private let context: HostContext
    private let library: PluginLibrary
    private let handle: OpaquePointer
    private let rowBytes: Int
    private var rowsLeft: UInt64
    /// The beginning of a row whose rest has not come yet.
    private var carry: [UInt8] = []

    init(library: PluginLibrary, _ request: EncodeRequest) throws(PluginError) {
        let context = HostContext(
            plugin: library.id, fileName: request.fileName, file: request.file,
            options: request.options,
            metadata: request.metadata, limits: request.limits)
        try request.limits.check(
            request.description, plugin: library.id, file: request.fileName)
        let rows = gam_description.rows(of: request.description)
        var raw = gam_description(request.description)
        var opened: OpaquePointer?
        try context.call {
            library.functions.open_encode(
                library.context, context.host, &raw, context.output, &opened, $0)
        }
        guard let opened else {
            throw .fault(plugin: library.id, reason: "open_encode succeeded without a handle")
        }
        description = request.description
        self.context = context
        self.library = library
        handle = opened
        rowBytes = rows.bytes
        rowsLeft = rows.count
    }

    deinit { library.functions.close_encode(handle) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        var rest = bytes
        if !carry.isEmpty {
            let count = min(rowBytes - carry.count, rest.count)
            carry.append(contentsOf: rest[..<count])
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if carry.count == rowBytes { try writeCarry() }
        }
        let whole = rest.count / rowBytes
        if whole > 0 {
            try writeRows(UnsafeRawBufferPointer(rebasing: rest[..<(whole * rowBytes)]))
        }
        carry.append(contentsOf: rest[(whole * rowBytes)...])
    }

    private func writeCarry() throws(PluginError) {
        let row = carry
        carry.removeAll(keepingCapacity: true)
        let result = row.withUnsafeBytes { buffer -> Result<Void, PluginError> in
            Result { () throws(PluginError) in try writeRows(buffer) }
        }
        try result.get()
    }

    private func writeRows(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        let rows = UInt64(bytes.count / rowBytes)
        guard rows <= rowsLeft else {
            throw .usage(plugin: library.id, reason: "more samples than the description has")
        }
        guard SampleRange.holds(bytes, description.sampleType) else {
            throw .usage(
                plugin: library.id,
                reason: "a sample is outside its declared \(description.sampleType.bits) bits")
        }
        try context.call { library.functions.write_rows(handle, bytes.baseAddress, rows, $0) }
        rowsLeft -= rows
    }

    func finish() throws(PluginError) {
        guard rowsLeft == 0, carry.isEmpty else {
            throw .usage(plugin: library.id, reason: "\(rowsLeft) rows are missing")
        }
        try context.call { library.functions.finish(handle, $0) }
    }
}
