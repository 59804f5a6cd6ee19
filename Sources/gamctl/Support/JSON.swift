// What --json prints. The keys are stable: scripts read them.

import Foundation
import GAMProtocol

/// A value as pretty JSON with sorted keys.
func jsonText(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let data = try? encoder.encode(value) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
}

/// A signal as `stat`, `ls` and `put` print it.
struct SignalReport: Encodable {
    let key: String
    let kind: String
    /// numpy's shape: extents slowest first, then channels when there is more than one.
    let shape: [UInt64]
    let channels: Int
    let dtype: String
    let bits: UInt32
    /// Lower bits stored apart.
    let lowerBits: UInt32
    let rawBytes: UInt64
    let storedBytes: UInt64
    let fileBytes: UInt64
    let contentHash: String
    let order: String
    let networkSize: String
    let prior: String
    let transform: String
    let effort: UInt32
    let energyRounds: [Double]?
    let shardExtents: [UInt64]
    let shardCount: UInt64
    let generation: UInt64
    let adapter: String
    let adapterVersion: String
    let exactness: String
    let fileName: String
    let mediaType: String
    let createdUnixMs: Int64
    let axes: [AxisReport]

    struct AxisReport: Encodable {
        let extent: UInt64
        let kind: String
        let spacing: Double
        let unit: String
    }

    init(_ stat: WireStatResult, energy: Bool) {
        key = stat.key
        kind = stat.kind
        let description = stat.description_p
        channels = description.channels.count
        shape = description.axes.map(\.extent) + (channels > 1 ? [UInt64(channels)] : [])
        axes = description.axes.map {
            AxisReport(
                extent: $0.extent, kind: $0.kind == 1 ? "time" : "space", spacing: $0.spacing,
                unit: $0.unit)
        }
        dtype = stat.dtype
        bits = stat.bits
        lowerBits = stat.lowerBits
        rawBytes = stat.rawBytes
        storedBytes = stat.storedBytes
        fileBytes = stat.fileBytes
        contentHash = stat.contentHash
        order = stat.order
        networkSize = stat.networkSize
        prior = stat.prior
        transform = stat.transform
        effort = stat.effort
        energyRounds = energy ? stat.energyRounds : nil
        shardExtents = stat.shardExtents
        shardCount = stat.shardCount
        generation = stat.generation
        adapter = stat.adapter
        adapterVersion = stat.adapterVersion
        exactness = stat.exactness
        fileName = stat.fileName
        mediaType = stat.mediaType
        createdUnixMs = stat.createdUnixMs
    }

    /// Stored bytes as part of the raw bytes.
    var ratio: Double { rawBytes == 0 ? 0 : Double(storedBytes) / Double(rawBytes) }

    /// For example "512x768x3".
    var shapeText: String { shape.map(String.init).joined(separator: "x") }
}

/// A number with a fixed count of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
}

/// Bytes in a unit people read.
func readableBytes(_ count: Double) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"]
    var value = count
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
        value /= 1000
        unit += 1
    }
    return unit == 0 ? "\(Int(value)) B" : "\(fixed(value, 1)) \(units[unit])"
}
