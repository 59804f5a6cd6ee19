// What always holds here:
// - One PluginTable lives as long as the library; its C table points back to it as `context`.
// - Boxes of open decoders and encoders are retained by the host's handle and released by close.

import CGAMPlugin

/// The C entry table of an adapter. A plugin exports it with three lines:
///
///     private let table = PluginTable(MyAdapter())
///     @_cdecl("gam_plugin_entry_v1")
///     public func pluginEntry() -> UnsafeRawPointer { table.entry }
public final class PluginTable: Sendable {
    let adapter: any SignalAdapter
    /// What `gam_plugin_entry_v1` returns.
    public nonisolated(unsafe) let entry: UnsafeRawPointer
    nonisolated(unsafe) let parameters: [gam_parameter]

    // nonisolated(unsafe): all C memory is written in init, before the table is shared.
    public init(_ adapter: any SignalAdapter) {
        self.adapter = adapter
        parameters = adapter.parameters.map {
            gam_parameter(
                name: permanentText($0.name), default_value: permanentText($0.defaultValue),
                help: permanentText($0.help))
        }
        let functions = UnsafeMutablePointer<gam_functions_v1>.allocate(capacity: 1)
        functions.initialize(to: kitFunctions())
        let plugin = UnsafeMutablePointer<gam_plugin_v1>.allocate(capacity: 1)
        entry = UnsafeRawPointer(plugin)
        plugin.initialize(
            to: gam_plugin_v1(
                struct_size: MemoryLayout<gam_plugin_v1>.size,
                abi_major: UInt32(GAM_ABI_MAJOR), abi_minor: UInt32(GAM_ABI_MINOR),
                id: permanentText(adapter.id), version: permanentText(adapter.version),
                sdk_version: permanentText("swift \(GAM_ABI_MAJOR).\(GAM_ABI_MINOR)"),
                context: Unmanaged.passRetained(self).toOpaque(),
                functions: UnsafePointer(functions)))
    }
}

/// A copy that is never freed: the host may read it as long as the library is loaded.
private func permanentText(_ text: String) -> gam_text {
    let bytes = Array(text.utf8)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: max(1, bytes.count))
    for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
    return gam_text(bytes: copy, length: bytes.count)
}

/// A decoder with what the kit must check around it.
final class DecoderBox {
    let decoder: any SignalDecoder
    let description: AdapterDescription
    var rowsLeft: Int

    init(_ decoder: any SignalDecoder) {
        self.decoder = decoder
        description = decoder.description
        rowsLeft = decoder.description.rowCount
    }
}

/// An encoder with what the kit must check around it.
final class EncoderBox {
    let encoder: any SignalEncoder
    let rowBytes: Int
    var rowsLeft: Int

    init(_ encoder: any SignalEncoder, _ description: AdapterDescription) {
        self.encoder = encoder
        rowBytes = description.rowBytes
        rowsLeft = description.rowCount
    }
}

/// Runs `body`; writes the text of what it throws into `message`.
func status(
    _ message: UnsafeMutablePointer<gam_message>?, _ body: () throws(AdapterError) -> Void
) -> gam_status {
    do {
        try body()
        return gam_status(GAM_OK)
    } catch {
        if let message, let text = message.pointee.text {
            let bytes = Array(error.text.utf8.prefix(message.pointee.capacity))
            for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
            message.pointee.length = bytes.count
        }
        return error.kind.rawValue
    }
}
