// What always holds here:
// - No function of a library is called before its entry table passed the handshake: size, ABI,
//   id, and every mandatory function present.
// - A loaded library is never unloaded.

import CGAMPlugin
import Glibc

/// A library as its manifest announces it.
package struct LibraryIdentity: Sendable {
    package let path: String
    package let id: String
    let abiMajor: UInt32
    let abiMinor: UInt32
}

/// What a loaded library says of itself.
package struct PluginProfile: Sendable {
    package let version: String
    package let sdkVersion: String
    package let parameters: [PluginParameter]

    package init(version: String, sdkVersion: String, parameters: [PluginParameter]) {
        self.version = version
        self.sdkVersion = sdkVersion
        self.parameters = parameters
    }
}

/// A loaded plugin library that speaks our ABI.
final class PluginLibrary: @unchecked Sendable {
    // @unchecked: the table and functions are immutable after init and the ABI allows calls for
    // different handles from several threads.
    let id: String
    let context: UnsafeMutableRawPointer?
    let functions: gam_functions_v1
    let profile: PluginProfile

    /// Loads the library and shakes hands.
    init(_ identity: LibraryIdentity) throws(PluginError) {
        func refused(_ reason: String) -> PluginError {
            .incompatible(plugin: identity.id, reason: "\(identity.path): \(reason)")
        }
        guard let handle = dlopen(identity.path, RTLD_NOW | RTLD_LOCAL) else {
            throw refused("it cannot be loaded: \(String(cString: dlerror()))")
        }
        guard let symbol = dlsym(handle, GAM_ENTRY_SYMBOL) else {
            throw refused(
                "it does not export \(GAM_ENTRY_SYMBOL); it is not a gamd plugin of ABI 1")
        }
        let entry = unsafeBitCast(symbol, to: gam_plugin_entry_v1_function.self)
        guard let table = entry() else { throw refused("its entry returned nothing") }
        try Handshake.check(table, identity, refused)
        id = identity.id
        context = table.pointee.context
        functions = gam_functions_v1(copying: table.pointee.functions)
        profile = PluginProfile(
            version: String(gamText: table.pointee.version),
            sdkVersion: String(gamText: table.pointee.sdk_version),
            parameters: Self.parameters(functions, context))
    }

    private static func parameters(
        _ functions: gam_functions_v1, _ context: UnsafeMutableRawPointer?
    ) -> [PluginParameter] {
        guard let function = functions.parameters else { return [] }
        let capacity = 64
        var entries = [gam_parameter](repeating: gam_parameter(), count: capacity)
        let count = max(0, min(function(context, &entries, capacity), capacity))
        return entries.prefix(count).map {
            PluginParameter(
                name: String(gamText: $0.name), defaultValue: String(gamText: $0.default_value),
                help: String(gamText: $0.help))
        }
    }
}

/// The checks before the first call.
private enum Handshake {
    /// Sizes in ABI 1.0: what every plugin of ABI 1 has at least. Fields beyond are looked at only
    /// as far as a table's own size reaches.
    static let tableBytes = 80
    static let functionsBytes = 88

    static func check(
        _ table: UnsafePointer<gam_plugin_v1>, _ identity: LibraryIdentity,
        _ refused: (String) -> PluginError
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
        guard size >= Self.tableBytes else {
            throw refused("its entry table has \(size) bytes, too few for ABI \(major).\(minor)")
        }
        guard major == identity.abiMajor, minor == identity.abiMinor else {
            throw refused(
                "its code has ABI \(major).\(minor), its manifest says"
                    + " \(identity.abiMajor).\(identity.abiMinor)")
        }
        let id = String(gamText: table.pointee.id)
        guard id == identity.id else {
            throw refused("its code calls itself '\(id)', its manifest '\(identity.id)'")
        }
        guard let functions = table.pointee.functions,
            functions.pointee.struct_size >= Self.functionsBytes
        else {
            throw refused("its function table is missing or too small for ABI \(major).\(minor)")
        }
        guard functions.pointee.isComplete else {
            throw refused("its function table lacks a function that is not optional")
        }
    }

    private static var hostABI: String { "\(GAM_ABI_MAJOR).\(GAM_ABI_MINOR)" }
}

extension gam_functions_v1 {
    /// The functions that the owner of `table` knows; newer ones are absent.
    fileprivate init(copying table: UnsafePointer<gam_functions_v1>) {
        self.init()
        let known = min(table.pointee.struct_size, MemoryLayout<gam_functions_v1>.size)
        withUnsafeMutableBytes(of: &self) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: table, count: known))
        }
    }

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
