// Minimum, maximum and mean of every shard, kept beside the shards: what a predicate asks first.
//
// What always holds:
// - Bounds are those of the samples the shard was made of, per channel, over the whole shard.
// - NaN is in none of the three; a channel of nothing but NaN has NaN for all three.
// - A signal may have none (a .gam file, an older store): whoever asks recalls instead.
//
//   u8 1 | count of shards | per shard, per channel:
//     integers: zigzag minimum, varint maximum - minimum, zigzag sum
//     floats:   fixed Float minimum, fixed Float maximum, fixed Double mean, u8 has NaN
//   h64 of all before, seeded with the low half of the content hash plus the record's number
//
// One record holds 4,096 shards: an RGB photo of 24 megapixels pays 12 KB of 9 MB.

import CXXHash
import GAMCore
import GAMFormat

public struct ChannelBounds: Equatable, Sendable {
    public let minimum: Double
    public let maximum: Double
    public let mean: Double
    /// Samples that are NaN are among the shard's.
    public let hasNaN: Bool

    public init(minimum: Double, maximum: Double, mean: Double, hasNaN: Bool) {
        self.minimum = minimum
        self.maximum = maximum
        self.mean = mean
        self.hasNaN = hasNaN
    }

    /// The exact sum of so many integers, those the mean is of.
    public func sum(_ points: Int) -> Int64 { Int64((mean * Double(points)).rounded()) }

    public static func == (a: ChannelBounds, b: ChannelBounds) -> Bool {
        a.minimum.bitPattern == b.minimum.bitPattern && a.hasNaN == b.hasNaN
            && a.maximum.bitPattern == b.maximum.bitPattern
            && a.mean.bitPattern == b.mean.bitPattern
    }
}

public enum SignalBounds {
    static let shardsPerRecord = 4096
    private static let version: UInt8 = 1

    /// Bounds of every channel of one shard's canonical bytes.
    public static func measure(
        _ bytes: UnsafeRawBufferPointer, _ description: SignalDescription
    ) -> [ChannelBounds] {
        let values = SampleValues.load(bytes, description.sampleType)
        let channels = description.channels.count
        let isFloat = description.sampleType.family == .float
        return (0..<channels).map { channel in
            isFloat
                ? ofFloats(values, channel, channels) : ofIntegers(values, channel, channels)
        }
    }

    private static func ofIntegers(
        _ values: [Double], _ channel: Int, _ channels: Int
    ) -> ChannelBounds {
        var (low, high, sum) = (Double.infinity, -Double.infinity, Int64(0))
        for i in stride(from: channel, to: values.count, by: channels) {
            let value = values[i]
            low = min(low, value)
            high = max(high, value)
            sum += Int64(value)
        }
        let count = Double(values.count / channels)
        return ChannelBounds(minimum: low, maximum: high, mean: Double(sum) / count, hasNaN: false)
    }

    private static func ofFloats(
        _ values: [Double], _ channel: Int, _ channels: Int
    ) -> ChannelBounds {
        var (low, high, sum, count) = (Double.infinity, -Double.infinity, 0.0, 0)
        for i in stride(from: channel, to: values.count, by: channels) where !values[i].isNaN {
            let value = values[i]
            low = min(low, value)
            high = max(high, value)
            sum += value
            count += 1
        }
        let hasNaN = count < values.count / channels
        guard count > 0 else {
            return ChannelBounds(minimum: .nan, maximum: .nan, mean: .nan, hasNaN: true)
        }
        return ChannelBounds(
            minimum: low, maximum: high, mean: sum / Double(count), hasNaN: hasNaN)
    }

    /// Sums are exact: at most 4 MiB of 32-bit samples.
    static func serialized(
        _ shards: [[ChannelBounds]], pointCounts: [Int], _ type: SampleType, seed: UInt64
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(version)
        writer.count(shards.count)
        for (shard, points) in zip(shards, pointCounts) {
            for channel in shard {
                if type.family == .float {
                    writer.fixed(Float(channel.minimum).bitPattern)
                    writer.fixed(Float(channel.maximum).bitPattern)
                    writer.double(channel.mean)
                    writer.u8(channel.hasNaN ? 1 : 0)
                } else {
                    writer.zigzag(Int64(channel.minimum))
                    writer.varint(UInt64(channel.maximum - channel.minimum))
                    writer.zigzag(Int64((channel.mean * Double(points)).rounded()))
                }
            }
        }
        writer.fixed(XXH3_64bits_withSeed(writer.bytes, writer.bytes.count, seed))
        return writer.bytes
    }

    static func parsed(
        _ bytes: [UInt8], pointCounts: [Int], channels: Int, _ type: SampleType, seed: UInt64
    ) throws(FormatError) -> [[ChannelBounds]] {
        var tail = ByteReader(Array(bytes.suffix(8)), what: "the bounds of the shards")
        let hash = try tail.fixed(UInt64.self)
        guard hash == XXH3_64bits_withSeed(bytes, bytes.count - 8, seed) else {
            throw .checksum("the record with the bounds of the shards")
        }
        var reader = ByteReader(bytes, what: "the bounds of the shards")
        guard try reader.u8() == version else { throw .malformed("the bounds of the shards") }
        guard try reader.count(max: shardsPerRecord) == pointCounts.count else {
            throw .malformed("the bounds of the shards")
        }
        var shards: [[ChannelBounds]] = []
        for points in pointCounts {
            var shard: [ChannelBounds] = []
            for _ in 0..<channels {
                shard.append(
                    try type.family == .float ? floats(&reader) : integers(&reader, points))
            }
            shards.append(shard)
        }
        guard reader.remaining == 8 else { throw .malformed("the bounds of the shards") }
        return shards
    }

    private static func floats(_ reader: inout ByteReader) throws(FormatError) -> ChannelBounds {
        let low = Double(Float(bitPattern: try reader.fixed(UInt32.self)))
        let high = Double(Float(bitPattern: try reader.fixed(UInt32.self)))
        return ChannelBounds(
            minimum: low, maximum: high, mean: try reader.double(),
            hasNaN: try reader.count(max: 1) == 1)
    }

    private static func integers(
        _ reader: inout ByteReader, _ points: Int
    ) throws(FormatError) -> ChannelBounds {
        let low = try reader.zigzag()
        let width = try reader.varint()
        guard abs(low) <= 1 << 32, width <= 1 << 32 else {
            throw .malformed("the bounds of the shards")
        }
        let sum = try reader.zigzag()
        return ChannelBounds(
            minimum: Double(low), maximum: Double(low + Int64(width)),
            mean: Double(sum) / Double(points), hasNaN: false)
    }
}
