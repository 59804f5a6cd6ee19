// What always holds here:
// - Options are checked against what the adapter declares before it sees them.
// - An Adapter is a value: where the code runs is known only to its host.

import CGAMPlugin
import GAMCore

/// Where the code of an adapter runs.
protocol AdapterHost: Sendable {
    func probe(head: [UInt8], size: UInt64, fileName: String) throws(PluginError) -> Int
    func decode(_ request: DecodeRequest) throws(PluginError) -> any DecodeEngine
    func encode(_ request: EncodeRequest) throws(PluginError) -> any EncodeEngine
}

/// A plugin, ready to decode and encode.
public struct Adapter: Sendable {
    public let manifest: PluginManifest
    let host: any AdapterHost
    let profile: PluginProfile
    let faults: FaultBook

    public var id: String { manifest.id }
    /// The options that it understands.
    public var parameters: [PluginParameter] { profile.parameters }
    /// The version its code tells, and the kit it was built with.
    public var codeVersion: String { profile.version }
    public var kitVersion: String { profile.sdkVersion }

    /// 0 (not mine) ... 100 for a file that starts with `head`.
    public func probe(head: [UInt8], size: UInt64, fileName: String) throws(PluginError) -> Int {
        try faults.noting { () throws(PluginError) in
            try host.probe(head: head, size: size, fileName: fileName)
        }
    }

    /// Opens the file behind `descriptor` (borrowed; regular, readable) for decoding. `fileName`
    /// is a hint and names the file in errors.
    public func decode(
        descriptor: Int32, fileName: String, options: [String: String] = [:],
        limits: PluginLimits = PluginLimits()
    ) throws(PluginError) -> DecodeSession {
        try decode(
            descriptor: descriptor, fileName: fileName, options: options, limits: limits,
            asksForRows: false)
    }

    /// `asksForRows`: also for samples that the host could read by itself.
    package func decode(
        descriptor: Int32, fileName: String, options: [String: String], limits: PluginLimits,
        asksForRows: Bool
    ) throws(PluginError) -> DecodeSession {
        try check(options)
        let request = DecodeRequest(
            file: try PositionedFile(descriptor: descriptor, plugin: id, name: fileName),
            fileName: fileName, options: options, limits: limits.bounded(by: manifest.limits),
            asksForRows: asksForRows)
        return DecodeSession(
            try faults.noting { () throws(PluginError) in try host.decode(request) }, faults)
    }

    /// Starts a file in `descriptor` (borrowed; regular, empty, readable and writable) for a
    /// signal of `description` with the metadata that its decoding gave.
    public func encode(
        description: SignalDescription, metadata: [PluginMetadata], descriptor: Int32,
        fileName: String = "", options: [String: String] = [:],
        limits: PluginLimits = PluginLimits()
    ) throws(PluginError) -> EncodeSession {
        try check(options)
        let request = EncodeRequest(
            description: description, metadata: metadata,
            file: try PositionedFile(descriptor: descriptor, plugin: id, name: fileName),
            fileName: fileName, options: options, limits: limits.bounded(by: manifest.limits))
        return EncodeSession(
            description,
            try faults.noting { () throws(PluginError) in try host.encode(request) }, faults)
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

/// A library loaded into this process.
struct LocalHost: AdapterHost {
    let library: PluginLibrary

    func probe(head: [UInt8], size: UInt64, fileName: String) -> Int {
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

    func decode(_ request: DecodeRequest) throws(PluginError) -> any DecodeEngine {
        var request = request
        request.limits = request.limits.withoutTime
        let session = try LocalDecodeSession(library: library, request)
        return StoredSamples(session.header, request, plugin: library.id) ?? session
    }

    func encode(_ request: EncodeRequest) throws(PluginError) -> any EncodeEngine {
        var request = request
        request.limits = request.limits.withoutTime
        return try LocalEncodeSession(library: library, request)
    }
}
