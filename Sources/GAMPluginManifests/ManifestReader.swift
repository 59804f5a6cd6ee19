// What always holds here:
// - Every field is looked up once, by name, and a wrong or missing one is named in the error.

import GAMPluginHost
import TOMLKit

/// Reads the fields of one manifest.
struct ManifestReader {
    let table: TOMLTable
    let path: String

    init(text: String, path: String) throws(PluginError) {
        do {
            table = try TOMLTable(string: text)
        } catch {
            throw .manifest(path: path, reason: "it is not TOML: \(error)")
        }
        self.path = path
    }

    func invalid(_ reason: String) -> PluginError { .manifest(path: path, reason: reason) }

    func string(_ key: String, in table: TOMLTable? = nil) throws(PluginError) -> String {
        guard let value = (table ?? self.table)[key]?.string, !value.isEmpty,
            value.utf8.count <= 256
        else { throw invalid("'\(key)' must be a text of 1 to 256 bytes") }
        return value
    }

    func strings(_ key: String, in table: TOMLTable? = nil) throws(PluginError) -> [String] {
        guard let array = (table ?? self.table)[key]?.array else {
            throw invalid("'\(key)' must be a list of texts")
        }
        let values = array.compactMap(\.string)
        guard values.count == array.count, values.allSatisfy({ !$0.isEmpty }) else {
            throw invalid("'\(key)' must be a list of texts")
        }
        return values
    }

    func identifier(_ key: String) throws(PluginError) -> String {
        let value = try string(key)
        let valid = value.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
        }
        guard valid, value.utf8.count <= 32 else {
            throw invalid("'\(key)' must be 1 to 32 of a-z, 0-9 and '-', not '\(value)'")
        }
        return value
    }

    func abi() throws(PluginError) -> (UInt32, UInt32) {
        let text = try string("abi")
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else {
            throw invalid("'abi' must be like \"1.0\", not '\(text)'")
        }
        return (major, minor)
    }

    func libraryName() throws(PluginError) -> String {
        let name = try string("library")
        guard !name.contains("/"), name != ".", name != ".." else {
            throw invalid("'library' must be a file name without folders, not '\(name)'")
        }
        return name
    }

    func types() throws(PluginError) -> [PluginManifest.FileType] {
        guard let array = table["types"]?.array, !array.isEmpty else {
            throw invalid("it needs at least one [[types]] table")
        }
        var types: [PluginManifest.FileType] = []
        for entry in array {
            guard let table = entry.table else { throw invalid("'types' must be tables") }
            types.append(try type(table))
        }
        return types
    }

    private func type(_ table: TOMLTable) throws(PluginError) -> PluginManifest.FileType {
        let name = try string("name", in: table)
        var magic: [MagicPattern] = []
        for text in try strings("magic", in: table) {
            guard let pattern = MagicPattern(text) else {
                throw invalid(
                    "magic '\(text)' of type '\(name)' must be OFFSET:HEX, joined by '+',"
                        + " within the first \(MagicPattern.headBytes) bytes")
            }
            magic.append(pattern)
        }
        let exactness: Exactness
        switch try string("exactness", in: table) {
        case "samples": exactness = .samples
        case "file": exactness = .file
        case let other:
            throw invalid("'exactness' must be \"samples\" or \"file\", not '\(other)'")
        }
        return PluginManifest.FileType(
            name: name, mediaType: try string("media_type", in: table),
            suffixes: try strings("suffixes", in: table).map { $0.lowercased() }, magic: magic,
            exactness: exactness)
    }

    func limits() throws(PluginError) -> PluginLimits {
        guard let value = table["limits"] else { return .unlimited }
        guard let limits = value.table else { throw invalid("'limits' must be a table") }
        return PluginLimits(
            samplesMax: try limit("samples_max", in: limits),
            pointsMax: try limit("points_max", in: limits),
            channelsMax: try limit("channels_max", in: limits),
            metadataBytesMax: try limit("metadata_bytes_max", in: limits),
            memoryBytesMax: try limit("memory_bytes_max", in: limits),
            outputBytesMax: try limit("output_bytes_max", in: limits),
            secondsMax: try limit("seconds_max", in: limits))
    }

    private func limit(_ key: String, in table: TOMLTable) throws(PluginError) -> UInt64 {
        guard let value = table[key] else { return .max }
        guard let number = value.int, number > 0 else {
            throw invalid("'\(key)' must be a positive whole number")
        }
        return UInt64(number)
    }
}
