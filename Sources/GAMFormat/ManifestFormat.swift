// The manifest of a signal: all that is needed besides its records to read it.
//
// What always holds here: a parsed manifest describes a valid signal and a valid shard grid, and
// its own checksum was right.

import CXXHash
import GAMCore

/// XXH3-128 of canonical sample bytes.
public struct ContentHash: Hashable, Sendable {
    public let low: UInt64
    public let high: UInt64

    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// 32 hexadecimal digits, high word first.
    public var hex: String {
        func digits(_ v: UInt64) -> String {
            let text = String(v, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits(high) + digits(low)
    }
}

/// Weights a domain of shards uses.
public struct PriorReference: Hashable, Sendable {
    public let id: UInt64
    public let name: String

    public init(id: UInt64, name: String) {
        self.id = id
        self.name = name
    }
}

/// What a signal's records mean.
public struct SignalManifest: Equatable, Sendable {
    public let description: SignalDescription
    /// Extents of a shard, slowest axis first; the last of an axis may be smaller.
    public let shardExtents: [Int]
    public let contentHash: ContentHash
    public let transformCode: ColourTransform
    public let size: NetworkSize
    /// By domain (plane, volume, causal); the first is the one of whole shards.
    public let priors: [NetworkSet.Domain: PriorReference]
    public let effort: Int
    /// Energy after each kept round of fitting, bits per sample; first: with the prior alone.
    public let energyRounds: [Double]
    /// A network record exists.
    public let hasNetwork: Bool
    /// Records with the bounds of the shards exist.
    public let hasBounds: Bool
    /// Records with the figures of the cells of every shard exist.
    public let hasCells: Bool
    /// How many lower bits of every sample are records of their own; 0 when none are.
    public let lowerBits: Int
    /// Bytes of all records.
    public let recordBytes: Int

    public init(
        description: SignalDescription, shardExtents: [Int], contentHash: ContentHash,
        transform: ColourTransform, size: NetworkSize,
        priors: [NetworkSet.Domain: PriorReference], effort: Int, energyRounds: [Double],
        hasNetwork: Bool, hasBounds: Bool, hasCells: Bool = false, lowerBits: Int = 0,
        recordBytes: Int
    ) {
        self.description = description
        self.shardExtents = shardExtents
        self.contentHash = contentHash
        transformCode = transform
        self.size = size
        self.priors = priors
        self.effort = effort
        self.energyRounds = energyRounds
        self.hasNetwork = hasNetwork
        self.hasBounds = hasBounds
        self.hasCells = hasCells
        self.lowerBits = lowerBits
        self.recordBytes = recordBytes
    }

    public static let roundsMax = 64

    /// How many lower bits of samples of a type can be apart; empty for samples of one bit.
    public static func lowerBits(of type: SampleType) -> Range<Int> { 1..<min(type.bits, 17) }
}

extension SignalManifest {
    private static let magic: [UInt8] = Array("GAMM".utf8)

    public func serialized() -> [UInt8] {
        var w = ByteWriter()
        w.raw(Self.magic)
        w.u8(1)
        writeDescription(&w)
        for extent in shardExtents { w.count(extent) }
        w.fixed(contentHash.low)
        w.fixed(contentHash.high)
        w.u8(transformCode.rawValue)
        w.text(size.rawValue)
        w.u8(UInt8(priors.count))
        for (domain, prior) in priors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            w.u8(domain.rawValue)
            w.fixed(prior.id)
            w.text(prior.name)
        }
        w.u8(UInt8(effort))
        let rounds = energyRounds.prefix(Self.roundsMax)
        w.count(rounds.count)
        for round in rounds { w.double(round) }
        w.u8(
            (hasNetwork ? 1 : 0) | (hasBounds ? 2 : 0) | (lowerBits > 0 ? 4 : 0)
                | (hasCells ? 8 : 0))
        if lowerBits > 0 { w.u8(UInt8(lowerBits)) }
        w.count(recordBytes)
        w.fixed(XXH3_64bits(w.bytes, w.bytes.count))
        return w.bytes
    }

    private func writeDescription(_ w: inout ByteWriter) {
        w.u8(UInt8(description.axes.count))
        for axis in description.axes {
            w.count(axis.extent)
            w.u8(axis.kind.rawValue)
            w.double(axis.spacing)
            w.text(axis.unit)
        }
        w.u8(UInt8(description.channels.count))
        for channel in description.channels { w.u8(channel.rawValue) }
        w.u8(description.sampleType.family.rawValue)
        w.u8(UInt8(description.sampleType.bits))
    }

    public init(parsing bytes: [UInt8]) throws(FormatError) {
        var r = ByteReader(bytes, what: "manifest")
        guard bytes.count > 13, Array(try r.raw(4)) == Self.magic else {
            throw .malformed("manifest")
        }
        let version = try r.u8()
        guard version == 1 else { throw .version("manifest", found: Int(version)) }
        var tail = ByteReader(Array(bytes.suffix(8)), what: "manifest")
        guard try tail.fixed(UInt64.self) == XXH3_64bits(bytes, bytes.count - 8) else {
            throw .checksum("manifest")
        }
        let description = try Self.readDescription(&r)
        var shard: [Int] = []
        for axis in description.axes { shard.append(try r.count(max: axis.extent)) }
        let hash = ContentHash(low: try r.fixed(UInt64.self), high: try r.fixed(UInt64.self))
        guard ShardGrid.isValid(shard, description),
            let transform = ColourTransform(rawValue: try r.u8()),
            let size = NetworkSize(rawValue: try r.text(max: 1))
        else { throw .malformed("manifest") }
        let priors = try Self.readPriors(&r)
        let effort = Int(try r.u8())
        var rounds: [Double] = []
        for _ in 0..<(try r.count(max: Self.roundsMax)) { rounds.append(try r.double()) }
        let optional = try r.u8()
        guard optional <= 15 else { throw .malformed("manifest") }
        let lowerBits = optional & 4 != 0 ? Int(try r.u8()) : 0
        guard
            optional & 4 == 0
                || Self.lowerBits(of: description.sampleType).contains(lowerBits)
        else { throw .malformed("manifest") }
        let recordBytes = try r.count(max: 1 << 50)
        guard r.remaining == 8 else { throw .malformed("manifest") }
        self.init(
            description: description, shardExtents: shard, contentHash: hash,
            transform: transform, size: size, priors: priors, effort: effort,
            energyRounds: rounds, hasNetwork: optional & 1 != 0,
            hasBounds: optional & 2 != 0, hasCells: optional & 8 != 0, lowerBits: lowerBits,
            recordBytes: recordBytes)
    }

    private static func readPriors(_ r: inout ByteReader)
        throws(FormatError) -> [NetworkSet.Domain: PriorReference]
    {
        var priors: [NetworkSet.Domain: PriorReference] = [:]
        for _ in 0..<(try r.u8()) {
            guard let domain = NetworkSet.Domain(rawValue: try r.u8()), priors[domain] == nil else {
                throw .malformed("manifest")
            }
            let id = try r.fixed(UInt64.self)
            priors[domain] = PriorReference(id: id, name: try r.text(max: 64))
        }
        return priors
    }

    private static func readDescription(_ r: inout ByteReader)
        throws(FormatError) -> SignalDescription
    {
        var axes: [Axis] = []
        for _ in 0..<(try r.u8()) {
            let extent = try r.count(max: Limits.extentMax)
            guard let kind = Axis.Kind(rawValue: try r.u8()) else { throw .malformed("axis") }
            let spacing = try r.double()
            axes.append(
                Axis(
                    extent: extent, kind: kind, spacing: spacing,
                    unit: try r.text(max: Axis.unitBytesMax)))
        }
        var channels: [ChannelMeaning] = []
        for _ in 0..<(try r.u8()) {
            guard let meaning = ChannelMeaning(rawValue: try r.u8()) else {
                throw .malformed("channel")
            }
            channels.append(meaning)
        }
        guard let family = SampleType.Family(rawValue: try r.u8()) else {
            throw .malformed("sample type")
        }
        let bits = Int(try r.u8())
        do {
            return try SignalDescription(
                axes: axes, channels: channels,
                sampleType: SampleType(family: family, bits: bits))
        } catch {
            throw .malformed("manifest")
        }
    }
}
