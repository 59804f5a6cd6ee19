// What always holds here:
// - Options are checked against what the adapter declares before it sees them.
// - An Adapter is a value: where the code runs is known only to the sessions it opens.

import CGAMPlugin
import GAMCore

/// A loaded plugin, ready to decode and encode.
public struct Adapter: Sendable {
    public let manifest: PluginManifest
    let library: PluginLibrary

    public var id: String { manifest.id }

    /// 0 (not mine) ... 100 for a file that starts with `head`.
    public func probe(head: [UInt8], size: UInt64, fileName: String) -> Int {
        var name = fileName
        return name.withUTF8 { nameBytes in
            nameBytes.withMemoryRebound(to: CChar.self) { characters in
                let text = gam_text(bytes: characters.baseAddress, length: characters.count)
                return head.withUnsafeBytes { bytes in
                    Int(
                        library.functions.probe(
                            library.context, bytes.baseAddress, bytes.count, size, text))
                }
            }
        }
    }

    /// The options that it understands.
    public var parameters: [PluginParameter] {
        guard let function = library.functions.parameters else { return [] }
        let capacity = 64
        var entries = [gam_parameter](repeating: gam_parameter(), count: capacity)
        let count = min(function(library.context, &entries, capacity), capacity)
        return entries.prefix(count).map {
            PluginParameter(
                name: String(gamText: $0.name), defaultValue: String(gamText: $0.default_value),
                help: String(gamText: $0.help))
        }
    }

    /// Opens the file behind `descriptor` (borrowed; regular, readable) for decoding. `fileName`
    /// is a hint and names the file in errors.
    public func decode(
        descriptor: Int32, fileName: String, options: [String: String] = [:],
        limits: PluginLimits = PluginLimits()
    ) throws(PluginError) -> DecodeSession {
        try check(options)
        return try DecodeSession(
            library: library, descriptor: descriptor, fileName: fileName, options: options,
            limits: limits.bounded(by: manifest.limits))
    }

    /// Starts a file in `descriptor` (borrowed; regular, empty, readable and writable) for a
    /// signal of `description` with the metadata that its decoding gave.
    public func encode(
        description: SignalDescription, metadata: [PluginMetadata], descriptor: Int32,
        fileName: String = "", options: [String: String] = [:],
        limits: PluginLimits = PluginLimits()
    ) throws(PluginError) -> EncodeSession {
        try check(options)
        return try EncodeSession(
            library: library, description: description, metadata: metadata,
            descriptor: descriptor, fileName: fileName, options: options,
            limits: limits.bounded(by: manifest.limits))
    }

    private func check(_ options: [String: String]) throws(PluginError) {
        guard !options.isEmpty else { return }
        let known = parameters.map(\.name)
        for name in options.keys.sorted() where !known.contains(name) {
            let list = known.isEmpty ? "it has none" : "it knows: \(known.joined(separator: ", "))"
            throw .usage(plugin: id, reason: "there is no option '\(name)'; \(list)")
        }
    }
}
