// Stored signals for tests, and what reads of them must give, straight from the samples.

import GAMCodec
import GAMCore
import GAMTestSupport

/// A stored signal beside its samples as numbers.
struct StoredSignal {
    let description: SignalDescription
    let bytes: [UInt8]
    let values: [Double]
    let reader: SignalReader
    let records: MemoryRecords

    init(
        _ extents: [Int], channels: Int = 1, _ type: SampleType, shard: [Int]? = nil,
        spacing: [Double]? = nil, keepsBounds: Bool = true, kind: Axis.Kind = .space,
        _ sample: (Int) -> Double
    ) throws {
        description = try SignalDescription(
            axes: extents.indices.map {
                Axis(extent: extents[$0], kind: kind, spacing: spacing?[$0] ?? 1)
            },
            channels: [ChannelMeaning](repeating: .other, count: channels), sampleType: type)
        var bytes: [UInt8] = []
        for i in 0..<description.sampleCount { bytes += Self.container(sample(i), type) }
        var options = WriteOptions()
        options.shardExtents = shard
        options.keepsBounds = keepsBounds
        let records = MemoryRecords()
        let manifest = try SignalWriter(priors: .shipped).write(
            description, from: MemorySamples(bytes: bytes), options: options, into: records
        ) { _ in true }
        reader = try SignalReader(manifest: manifest, source: records, priors: .shipped)
        self.records = records
        self.bytes = bytes
        values = bytes.withUnsafeBytes { SampleValues.load($0, type) }
    }

    private static func container(_ value: Double, _ type: SampleType) -> [UInt8] {
        let raw: UInt32
        switch (type.family, type.bits) {
        case (.float, 16): raw = UInt32(Float16(value).bitPattern)
        case (.float, _): raw = Float(value).bitPattern
        case (.unsigned, _): raw = UInt32(value)
        case (.signed, _): raw = UInt32(bitPattern: Int32(value))
        }
        return (0..<type.containerBytes).map { UInt8(truncatingIfNeeded: raw >> UInt32(8 * $0)) }
    }

    /// The sample at a point, coordinates cut to the signal.
    func value(_ point: [Int], _ channel: Int = 0) -> Double {
        var index = 0
        for (at, extent) in zip(point, description.extents) {
            index = index * extent + min(max(at, 0), extent - 1)
        }
        return values[index * description.channels.count + channel]
    }
}

/// All points of a box in C order.
func points(_ box: [[Int]]) -> [[Int]] {
    box.reduce([[]]) { list, axis in list.flatMap { start in axis.map { start + [$0] } } }
}

extension SignalReader {
    func bytes(_ selection: Selection, threads: Int = 1) throws -> [UInt8] {
        var out: [UInt8] = []
        try read(selection, threads: threads) { out += $0 }
        return out
    }
}
