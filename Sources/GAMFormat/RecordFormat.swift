// A record: one shard or one overview as the store keeps it. docs/format.md draws the bytes.
//
// What always holds here:
// - A record that was parsed is well formed for its layout: as many ranges, predictors and states
//   as the layout has planes. Whether its trace leads to the right samples, its hash tells.

import CXXHash
import GAMCore

/// What a record holds after its header.
package enum RecordBody: Equatable, Sendable {
    /// One canonical sample per channel, the same at every point.
    case constant([UInt8])
    /// Canonical samples through a plain coder.
    case packed(method: PlainMethod, [UInt8])
    case modelled(CodedShard)
    case raw([UInt8])
    /// Points by their likeness to what lies around them.
    case likened([UInt8])
}

/// A parsed record.
package struct Record: Equatable, Sendable {
    /// XXH3-64 of the canonical bytes of the record's samples, seeded with `RecordSeed`.
    package let hash: UInt64
    package let body: RecordBody

    package init(hash: UInt64, body: RecordBody) {
        self.hash = hash
        self.body = body
    }

    static let magic: UInt8 = 0x47
    static let version: UInt8 = 1
    /// Bytes before the body.
    package static let headerBytes = 11
}

/// Where a record belongs: mixed into its hash, so that swapped records are noticed.
package enum RecordSeed {
    package static func shard(_ index: Int) -> UInt64 { UInt64(index) << 1 }
    package static func overview(_ index: Int) -> UInt64 { UInt64(index) << 1 | 1 }
    package static func upper(_ index: Int) -> UInt64 { UInt64(index) << 1 | 1 << 63 }
}

/// XXH3-64 of bytes with a seed.
package func recordHash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    XXH3_64bits_withSeed(bytes.baseAddress, bytes.count, seed)
}

extension Record {
    private enum Kind: UInt8 {
        case constant = 0
        case packed = 1
        case modelled = 2
        case raw = 3
        case likened = 4
    }

    private var kind: Kind {
        switch body {
        case .constant: .constant
        case .packed: .packed
        case .modelled: .modelled
        case .raw: .raw
        case .likened: .likened
        }
    }

    package func serialized() -> [UInt8] {
        var w = ByteWriter()
        w.u8(Self.magic)
        w.u8(Self.version)
        w.u8(kind.rawValue)
        w.fixed(hash)
        switch body {
        case .constant(let bytes), .raw(let bytes), .likened(let bytes): w.raw(bytes)
        case .packed(let method, let bytes):
            w.u8(method.rawValue)
            w.raw(bytes)
        case .modelled(let shard): Self.write(shard, to: &w)
        }
        return w.bytes
    }

    private static func write(_ shard: CodedShard, to w: inout ByteWriter) {
        for range in shard.ranges {
            w.zigzag(Int64(range.lowerBound))
            w.varint(UInt64(Int64(range.upperBound) - Int64(range.lowerBound)))
        }
        for plane in shard.statistics { w.raw(plane.values.map { UInt8(bitPattern: $0) }) }
        PredictorTable.write(shard.predictors, to: &w)
        for state in shard.trace.states { w.fixed(state) }
        w.count(shard.trace.words.count)
        shard.trace.words.withUnsafeBytes { w.raw($0) }
        w.raw(shard.trace.bits)
    }

    /// Parses the bytes of a record of a given layout.
    package init(parsing bytes: [UInt8], layout: ShardLayout) throws(FormatError) {
        var r = ByteReader(bytes, what: "record")
        guard try r.u8() == Self.magic else { throw .malformed("record") }
        let version = try r.u8()
        guard version == Self.version else { throw .version("record", found: Int(version)) }
        guard let kind = Kind(rawValue: try r.u8()) else { throw .malformed("record kind") }
        hash = try r.fixed(UInt64.self)
        switch kind {
        case .constant: body = .constant(Array(r.rest()))
        case .raw: body = .raw(Array(r.rest()))
        case .likened: body = .likened(Array(r.rest()))
        case .packed:
            guard let method = PlainMethod(rawValue: try r.u8()) else {
                throw .malformed("plain coder")
            }
            body = .packed(method: method, Array(r.rest()))
        case .modelled: body = .modelled(try Self.readShard(&r, layout))
        }
    }

    private static func readShard(_ r: inout ByteReader, _ layout: ShardLayout)
        throws(FormatError) -> CodedShard
    {
        var ranges: [ClosedRange<Int32>] = []
        for _ in 0..<layout.planes {
            let low = Int32(exactly: try r.zigzag())
            let span = UInt32(exactly: try r.varint())
            guard let low, let span, let high = Int32(exactly: Int64(low) + Int64(span)) else {
                throw .malformed("value range")
            }
            ranges.append(low...high)
        }
        var statistics: [PlaneStatistics] = []
        for _ in 0..<(layout.hasStatistics ? layout.planes : 0) {
            statistics.append(
                PlaneStatistics(try r.raw(PlaneStatistics.count).map { Int8(bitPattern: $0) }))
        }
        let predictors = try PredictorTable.read(from: &r, layout, ranges)
        var states: [UInt32] = []
        for _ in 0..<8 {
            let state = try r.fixed(UInt32.self)
            guard state >= 65536 else { throw .malformed("trace state") }
            states.append(state)
        }
        let count = try r.count(max: layout.sampleCount)
        let words = try r.raw(2 * count).withUnsafeBytes { raw in
            (0..<count).map { raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
        }
        let trace = Trace(states: states, words: words, bits: Array(r.rest()))
        return CodedShard(
            ranges: ranges, statistics: statistics, predictors: predictors, trace: trace)
    }
}

/// Linear predictors of a causal record.
enum PredictorTable {
    static func write(_ bank: PredictorBank, to w: inout ByteWriter) {
        guard let first = bank.predictors.first else { return w.u8(0) }
        w.u8(UInt8(first.own.count) + 1)
        w.u8(UInt8(first.cross.count))
        w.u8(UInt8(bank.groupLanes.trailingZeroBitCount))
        w.u8(UInt8(bank.adaptiveTaps / 128))
        for origin in bank.origins { w.zigzag(Int64(origin)) }
        var bits = BitWriter()
        for p in bank.predictors + bank.starts {
            // Low bits that every coefficient leaves out.
            let all = (p.own + p.cross).map { Int64($0) }
            let drop = all.map { $0 == 0 ? 20 : $0.trailingZeroBitCount }.min() ?? 0
            bits.bits(UInt64(min(drop, 20)), 5)
            NumberTable.write(p.own.map { Int64($0) >> Int64(min(drop, 20)) }, to: &bits)
            NumberTable.write(p.cross.map { Int64($0) >> Int64(min(drop, 20)) }, to: &bits)
        }
        w.count(bits.bytes.count)
        w.raw(bits.bytes)
    }

    static func read(
        from r: inout ByteReader, _ layout: ShardLayout, _ ranges: [ClosedRange<Int32>]
    ) throws(FormatError) -> PredictorBank {
        let own = Int(try r.u8()) - 1
        guard own >= 0 else { return .none }
        let cross = Int(try r.u8())
        let groupLog2 = Int(try r.u8())
        let adaptiveTaps = 128 * Int(try r.u8())
        guard layout.order == .causal, own <= LinearPredictor.ownMax,
            cross <= LinearPredictor.crossMax, groupLog2 <= 4,
            PredictorBank.tapChoices.contains(adaptiveTaps)
        else { throw .malformed("predictor table") }
        var origins: [Int32] = []
        for range in ranges {
            guard let origin = Int32(exactly: try r.zigzag()),
                PredictorBank.isOrigin(origin, of: range)
            else { throw .malformed("predictor table") }
            origins.append(origin)
        }
        let length = try r.count(max: 1 << 20)
        var bits = BitReader(try r.raw(length), what: "predictor table")
        var predictors: [LinearPredictor] = []
        for _ in 0..<layout.predictorCount(groupLanes: 1 << groupLog2) {
            predictors.append(try predictor(own, cross, &bits))
        }
        var starts: [LinearPredictor] = []
        for _ in 0..<layout.planes {
            starts.append(try predictor(PredictorBank.startTaps, 0, &bits))
        }
        return PredictorBank(
            groupLanes: 1 << groupLog2, predictors: predictors, starts: starts,
            adaptiveTaps: adaptiveTaps, origins: origins)
    }

    private static func predictor(_ own: Int, _ cross: Int, _ bits: inout BitReader)
        throws(FormatError) -> LinearPredictor
    {
        let drop = Int64(try bits.bits(5))
        let o = try coefficients(own, drop, &bits)
        let c = try coefficients(cross, drop, &bits)
        guard let p = LinearPredictor(own: o, cross: c) else {
            throw .malformed("predictor table")
        }
        return p
    }

    private static func coefficients(_ count: Int, _ drop: Int64, _ bits: inout BitReader)
        throws(FormatError) -> [Int32]
    {
        try NumberTable.read(count, from: &bits).map { v throws(FormatError) in
            guard drop <= 20, abs(v) <= 1 << 22, let c = Int32(exactly: v << drop) else {
                throw .malformed("predictor table")
            }
            return c
        }
    }
}
