// What always holds here:
// - No function of a library is called before its entry table passed the handshake: size, ABI,
//   id, and every mandatory function present.
// - A loaded library is never unloaded.

import CGAMPlugin
import Glibc

/// A loaded plugin library that speaks our ABI.
final class PluginLibrary: @unchecked Sendable {
    // @unchecked: the table and functions are immutable after init and the ABI allows calls for
    // different handles from several threads.
    let id: String
    let version: String
    let context: UnsafeMutableRawPointer?
    let functions: gam_functions_v1

    /// Loads the library at `path` and shakes hands.
    init(path: String, manifest: PluginManifest) throws(PluginError) {
        func refused(_ reason: String) -> PluginError {
            .incompatible(plugin: manifest.id, reason: "\(path): \(reason)")
        }
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw refused("it cannot be loaded: \(String(cString: dlerror()))")
        }
        guard let symbol = dlsym(handle, GAM_ENTRY_SYMBOL) else {
            throw refused(
                "it does not export \(GAM_ENTRY_SYMBOL); it is not a gamd plugin of ABI 1")
        }
        let entry = unsafeBitCast(symbol, to: gam_plugin_entry_v1_function.self)
        guard let table = entry() else { throw refused("its entry returned nothing") }
        try Self.checkTable(table, manifest: manifest, refused: refused)
        id = manifest.id
        version = String(gamText: table.pointee.version)
        context = table.pointee.context
        functions = table.pointee.functions.pointee
    }

    private static func checkTable(
        _ table: UnsafePointer<gam_plugin_v1>, manifest: PluginManifest,
        refused: (String) -> PluginError
    ) throws(PluginError) {
        // The first three fields are the same in every version of the struct.
        let size = table.pointee.struct_size
        let major = table.pointee.abi_major
        let minor = table.pointee.abi_minor
        guard major == UInt32(GAM_ABI_MAJOR) else {
            throw refused("it was built for ABI \(major).\(minor), this host speaks \(hostABI)")
        }
        guard minor <= UInt32(GAM_ABI_MINOR) else {
            throw refused(
                "it was built for the newer ABI \(major).\(minor), this host offers \(hostABI);"
                    + " update the host")
        }
        guard size >= MemoryLayout<gam_plugin_v1>.size else {
            throw refused("its entry table has \(size) bytes, too few for ABI \(hostABI)")
        }
        guard major == manifest.abiMajor, minor == manifest.abiMinor else {
            throw refused("its code has ABI \(major).\(minor), its manifest says \(manifest.abi)")
        }
        let id = String(gamText: table.pointee.id)
        guard id == manifest.id else {
            throw refused("its code calls itself '\(id)', its manifest '\(manifest.id)'")
        }
        guard let functions = table.pointee.functions,
            functions.pointee.struct_size >= MemoryLayout<gam_functions_v1>.size
        else { throw refused("its function table is missing or too small for ABI \(hostABI)") }
        guard functions.pointee.isComplete else {
            throw refused("its function table lacks a function that is not optional")
        }
    }

    private static var hostABI: String { "\(GAM_ABI_MAJOR).\(GAM_ABI_MINOR)" }
}

extension gam_functions_v1 {
    /// Everything but `parameters` is there.
    fileprivate var isComplete: Bool {
        probe != nil && open_decode != nil && describe != nil && read_rows != nil
            && close_decode != nil && open_encode != nil && write_rows != nil && finish != nil
            && close_encode != nil
    }
}

extension String {
    /// A copy of borrowed text; bytes that are not UTF-8 are replaced.
    init(gamText text: gam_text) {
        let bytes = UnsafeRawBufferPointer(
            start: text.bytes, count: text.bytes == nil ? 0 : text.length)
        self = String(decoding: bytes, as: UTF8.self)
    }
}
