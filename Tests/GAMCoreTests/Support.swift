// Signals for tests, from seeds that failures print.

import GAMCodec
import GAMCore
import GAMFit
import GAMTestSupport

enum Content: String, CaseIterable, Sendable {
    case flat, ramp, smooth, noise, extremes, sparse, drawing
}

func describe(
    _ extents: [Int], channels: Int = 1, family: SampleType.Family = .unsigned, bits: Int = 8,
    time: Bool = false
) throws -> SignalDescription {
    let meanings: [ChannelMeaning]
    switch channels {
    case 3: meanings = [.red, .green, .blue]
    case 4: meanings = [.red, .green, .blue, .alpha]
    default: meanings = [ChannelMeaning](repeating: .other, count: channels)
    }
    return try SignalDescription(
        axes: extents.map { Axis(extent: $0, kind: time ? .time : .space) }, channels: meanings,
        sampleType: SampleType(family: family, bits: bits))
}

/// Canonical bytes of made-up content.
func samples(_ d: SignalDescription, _ content: Content, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let size = d.sampleType.containerBytes
    let bits = d.sampleType.family == .float ? size * 8 : d.sampleType.bits
    let mask = bits == 32 ? UInt32.max : UInt32(1) << UInt32(bits) - 1
    let row = d.extents.last! * d.channels.count
    var value: Int64 = Int64(mask >> 1)
    return (0..<d.sampleCount).flatMap { i -> [UInt8] in
        let random = UInt32(truncatingIfNeeded: generator.next())
        let sample: UInt32
        switch content {
        case .flat: sample = 7 & mask
        case .ramp: sample = UInt32(truncatingIfNeeded: i % row + i / row) & mask
        case .smooth:
            value = min(max(value + Int64(random % 7) - 3, 0), Int64(mask))
            sample = UInt32(value)
        case .noise: sample = random & mask
        case .extremes: sample = random % 3 == 0 ? 0 : random % 3 == 1 ? mask : mask >> 1
        case .drawing:
            let (point, channel) = (i / d.channels.count, i % d.channels.count)
            let (x, y) = (point % d.extents.last!, point / d.extents.last!)
            let colour = (x / 9 + y / 5) % 3 + ((x + y) % 13 == 0 ? 3 : 0)
            sample = UInt32(truncatingIfNeeded: (colour * 91 + channel * 37) * 2_654_435) & mask
        case .sparse: sample = random % 50 == 0 ? random >> 8 & mask : 0
        }
        var stored = sample
        if d.sampleType.family == .signed && bits < 32 && sample >> UInt32(bits - 1) & 1 == 1 {
            stored = sample | ~mask  // sign extension
        }
        return (0..<size).map { UInt8(truncatingIfNeeded: stored >> UInt32(8 * $0)) }
    }
}

/// Writes a signal and returns what is needed to read it.
func stored(
    _ d: SignalDescription, _ bytes: [UInt8], effort: Int = 0, size: NetworkSize = .medium,
    engine: Engine = .best, threads: Int = 1, shard: [Int]? = nil, lowerBits: Int = 0,
    keepsCells: Bool = false
) throws -> (SignalManifest, MemoryRecords) {
    var options = WriteOptions()
    options.effort = effort
    options.size = size
    options.engine = engine
    options.threads = threads
    options.shardExtents = shard
    options.lowerBits = lowerBits
    options.keepsCells = keepsCells
    let records = MemoryRecords()
    let manifest = try SignalWriter(priors: .shipped).write(
        d, from: MemorySamples(bytes: bytes), options: options, into: records
    ) { _ in true }
    return (manifest, records)
}

func read(
    _ manifest: SignalManifest, _ records: some RecordSource, region: [Range<Int>]? = nil,
    level: Int = 0, engine: Engine = .best, threads: Int = 1
) throws -> [UInt8] {
    let reader = try SignalReader(
        manifest: manifest, source: records, priors: .shipped, engine: engine)
    var out: [UInt8] = []
    let selection = try Selection(
        region: region?.map { AxisInterval(start: $0.lowerBound, stop: $0.upperBound) },
        level: level, of: manifest.description)
    try reader.read(selection, threads: threads) { out += $0 }
    return out
}

/// The points a read must give, straight from the canonical bytes.
func expected(_ d: SignalDescription, _ bytes: [UInt8], _ region: [Range<Int>], _ level: Int)
    -> [UInt8]
{
    let step = 1 << level
    let point = d.channels.count * d.sampleType.containerBytes
    var offsets = [0]
    for (axis, range) in region.enumerated() {
        let kept = range.filter { $0 % step == 0 }
        offsets = offsets.flatMap { base in kept.map { base * d.extents[axis] + $0 } }
    }
    return offsets.flatMap { bytes[$0 * point..<($0 + 1) * point] }
}
