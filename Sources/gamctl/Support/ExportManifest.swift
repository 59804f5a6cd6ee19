// What an export says about its files: enough to put every signal again, exactly, anywhere.
// What always holds: a manifest is written last, so a folder with one is a complete export.

import Foundation
import GAMClient
import GAMProtocol

struct ExportManifest: Codable {
    static let fileName = "gamd-export.json"
    static let formatVersion = 1

    struct Axis: Codable {
        let extent: UInt64
        /// "space" or "time".
        let kind: String
        let spacing: Double
        let unit: String
    }

    struct Entry: Codable {
        let key: String
        /// Name in the folder of the export.
        let file: String
        let kind: String
        /// Empty: the file is an .npy with the samples of `axes`, `channels`, `family`, `bits`.
        let adapter: String
        let fileName: String
        let mediaType: String
        let bytes: UInt64
        /// XXH3-128 of the canonical samples.
        let contentHash: String
        let dtype: String
        let axes: [Axis]
        /// Codes of docs/format.md, one per channel.
        let channels: [UInt32]
        /// 0 unsigned, 1 signed, 2 float.
        let family: UInt32
        let bits: UInt32
    }

    var version = formatVersion
    var signals: [Entry] = []

    init() {}

    init(readingFrom folder: String) throws {
        let path = "\(folder)/\(Self.fileName)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ClientError(.badInput, "\(path) cannot be read; is \(folder) an export?")
        }
        do {
            self = try JSONDecoder().decode(ExportManifest.self, from: data)
        } catch {
            throw ClientError(.badInput, "\(path) is no manifest of an export: \(error)")
        }
        guard version == Self.formatVersion else {
            throw ClientError(.unsupported, "\(path) has version \(version), not 1")
        }
        for entry in signals where entry.file.contains("/") || entry.file.hasPrefix(".") {
            throw ClientError(.badInput, "\(path) names \"\(entry.file)\", which is no file of it")
        }
    }
}

extension ExportManifest.Entry {
    init(_ stat: WireStatResult, file: String, bytes: UInt64) {
        let description = stat.description_p
        self.init(
            key: stat.key, file: file, kind: stat.kind, adapter: stat.adapter,
            fileName: stat.fileName, mediaType: stat.mediaType, bytes: bytes,
            contentHash: stat.contentHash, dtype: stat.dtype,
            axes: description.axes.map {
                ExportManifest.Axis(
                    extent: $0.extent, kind: $0.kind == 1 ? "time" : "space", spacing: $0.spacing,
                    unit: $0.unit)
            }, channels: description.channels, family: description.family, bits: description.bits)
    }

    /// The samples the .npy holds, for a put without an adapter.
    var description: WireDescription {
        var message = WireDescription()
        message.axes = axes.map { axis in
            var wire = WireAxis()
            wire.extent = axis.extent
            wire.kind = axis.kind == "time" ? 1 : 0
            wire.spacing = axis.spacing
            wire.unit = axis.unit
            return wire
        }
        message.channels = channels
        message.family = family
        message.bits = bits
        return message
    }

    /// "000001-photos_st-helens.png": a number so that names never meet, then what can be kept of
    /// the key.
    static func fileName(number: Int, _ stat: WireStatResult) -> String {
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        let kept = stat.key.unicodeScalars.prefix(80).map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || isDigit(scalar))
            return isPlain || "-.".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
        }
        return "\(padded)-\(String(kept))\(suffix(stat))"
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar)
    }

    private static func suffix(_ stat: WireStatResult) -> String {
        if stat.adapter.isEmpty { return ".npy" }
        let suffix = stat.fileName.split(separator: ".").last.map(String.init) ?? ""
        let isPlain = suffix.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || isDigit($0))
        }
        return isPlain && stat.fileName.contains(".") && suffix.count <= 8 ? ".\(suffix)" : ""
    }
}
