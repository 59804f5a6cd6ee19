// One shard's canonical bytes <-> its records.
//
// What always holds here:
// - `encode` returns records from which `recall` has just given the same bytes back.

import CGAMKernels
import GAMCore
import GAMFit
import GAMFormat
import Glibc

/// What all shards of a signal have in common.
struct CodingContext: Sendable {
    let description: SignalDescription
    let transform: ColourTransform
    let networks: [NetworkSet.Domain: NetworkSet]
    /// How many lower bits have records of their own; 0: none.
    var lowerBits = 0

    var channels: Int { description.channels.count }
    var container: Int { description.sampleType.containerBytes }

    func byteCount(_ layout: ShardLayout) -> Int { layout.sampleCount * container }
}

/// Records of one shard.
struct EncodedShard {
    var overview: [UInt8]?
    var shard: [UInt8]
    var lower: [UInt8]?

    var byteCount: Int { (overview?.count ?? 0) + shard.count + (lower?.count ?? 0) }
}

/// Bytes of the records of one shard that need no network, and when they are kept.
struct PlainCosts: Sendable {
    let raw: Int
    let packed: Int?
    let likened: Int?

    /// Where the network leaves much or next to nothing, the signal may be a string of repeats.
    static func mayPack(_ best: Int, raw: Int) -> Bool {
        best * 10 < raw * 3 || best * 10 > raw * 9
    }

    /// Likeness must save a twelfth: recalling it takes ten times as long as a network does.
    static func likenedMost(_ best: Int) -> Int { best - best / 12 }

    /// Bytes of the record that is kept beside a network's.
    func kept(besides modelled: Int) -> Int {
        var best = min(raw, modelled)
        if let packed, Self.mayPack(best, raw: raw) { best = min(best, packed) }
        if let likened, likened <= Self.likenedMost(best) { best = likened }
        return best
    }
}

/// Encodes and recalls shards with its own working memory. One per thread.
final class ShardWorker {
    let coder: ShardCoder
    let likeness: LikenessCoder
    /// zstd level of the floor.
    private static let plainLevel = 9

    init(engine: Engine) {
        coder = ShardCoder(engine: engine)
        likeness = LikenessCoder(engine: engine)
    }

    // MARK: planes

    /// Canonical bytes into transformed planes.
    func planes(_ bytes: UnsafeRawBufferPointer, _ layout: ShardLayout, _ context: CodingContext)
        -> [Int32]
    {
        precondition(bytes.count == context.byteCount(layout), "byte count")
        let outer = layout.planes / context.channels
        let points = layout.pointCount / outer
        return Array(unsafeUninitializedCapacity: layout.sampleCount) { out, count in
            for w in 0..<outer {
                let to = out.baseAddress! + w * points * context.channels
                SampleMapping.load(
                    bytes.baseAddress! + w * points * context.channels * context.container,
                    context.description.sampleType, channels: context.channels, points: points,
                    into: to)
                if let c = context.description.colourChannels {
                    context.transform.forward(
                        to + c.red * points, to + c.green * points, to + c.blue * points,
                        count: points)
                }
            }
            count = layout.sampleCount
        }
    }

    /// Transformed planes into canonical bytes; the planes are used up.
    func bytes(_ planes: inout [Int32], _ layout: ShardLayout, _ context: CodingContext)
        -> [UInt8]
    {
        let outer = layout.planes / context.channels
        let points = layout.pointCount / outer
        return Array(unsafeUninitializedCapacity: context.byteCount(layout)) { out, count in
            planes.withUnsafeMutableBufferPointer { planes in
                for w in 0..<outer {
                    let from = planes.baseAddress! + w * points * context.channels
                    if let c = context.description.colourChannels {
                        context.transform.inverse(
                            from + c.red * points, from + c.green * points,
                            from + c.blue * points, count: points)
                    }
                    let to = UnsafeMutableRawPointer(out.baseAddress!)
                    SampleMapping.store(
                        from, context.description.sampleType, channels: context.channels,
                        points: points,
                        into: to + w * points * context.channels * context.container)
                }
            }
            count = context.byteCount(layout)
        }
    }

    // MARK: encode

    /// Records of shard `index` with extents `extents`; recalled and compared.
    func encode(
        _ bytes: UnsafeRawBufferPointer, extents: [Int], index: Int, _ context: CodingContext
    ) throws -> EncodedShard {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        let planes = planes(bytes, layout, context)
        var result = EncodedShard(overview: nil, shard: [])
        var known: [Int32]?
        if let coarse = layout.overview,
            let lattice = ShardCoder.overview(planes, layout: layout)
        {
            var copy = lattice
            let coarseBytes = self.bytes(&copy, coarse, context)
            result.overview = coarseBytes.withUnsafeBytes {
                encodeRecord(
                    $0, lattice, coarse, overview: nil, seed: RecordSeed.overview(index), context)
            }
            known = lattice
        }
        if context.lowerBits > 0 {
            result.shard = encodeUpper(planes, layout, overview: known, index, context)
            result.lower = encodeLower(bytes, planes, layout, overview: known, index, context)
        } else {
            result.shard = encodeRecord(
                bytes, planes, layout, overview: known, seed: RecordSeed.shard(index), context)
        }
        let back = try recall(
            ShardRecords(
                shard: result.shard, lower: result.lower, overview: result.overview),
            extents: extents, index: index, context)
        guard back.withUnsafeBytes({ equal($0, bytes) }) else {
            throw CodecError.integrity(shard: index, reason: "recall differs right after encoding")
        }
        return result
    }

    func encodeRecord(
        _ bytes: UnsafeRawBufferPointer, _ planes: [Int32], _ layout: ShardLayout,
        overview: [Int32]?, seed: UInt64, _ context: CodingContext
    ) -> [UInt8] {
        let hash = recordHash(bytes, seed: seed)
        let best = smallestRecord(bytes, layout, hash: hash, context) { networks in
            model(planes, layout, networks, overview, context)
        }
        let point = context.channels * context.container
        guard !isConstant(bytes, point),
            let likened = likened(bytes, layout, point, limit: best.count - Record.headerBytes)
        else { return best }
        return Record(hash: hash, body: .likened(likened)).serialized()
    }

    /// The smallest record of `bytes` that is recalled quickly; `model` knows one of its forms.
    func smallestRecord(
        _ bytes: UnsafeRawBufferPointer, _ layout: ShardLayout, hash: UInt64,
        _ context: CodingContext, model: (NetworkSet) -> CodedShard
    ) -> [UInt8] {
        let point = context.channels * context.container
        if isConstant(bytes, point) {
            return Record(hash: hash, body: .constant(Array(bytes.prefix(point)))).serialized()
        }
        var best = Record(hash: hash, body: .raw(Array(bytes))).serialized()
        if let networks = context.networks[layout.domain] {
            let coded = model(networks)
            let modelled = Record(hash: hash, body: .modelled(coded)).serialized()
            if modelled.count < best.count { best = modelled }
        }
        if PlainCosts.mayPack(best.count, raw: bytes.count),
            let (method, packed) = PlainCoder.pack(
                bytes, channels: context.channels, container: context.container,
                level: Self.plainLevel, limit: best.count - Record.headerBytes - 1)
        {
            best = Record(hash: hash, body: .packed(method: method, packed)).serialized()
        }
        return best
    }

    /// What records without a network would take.
    func plainCosts(
        _ bytes: UnsafeRawBufferPointer, _ layout: ShardLayout, _ context: CodingContext
    ) -> PlainCosts {
        let point = context.channels * context.container
        if isConstant(bytes, point) { return PlainCosts(raw: point, packed: nil, likened: nil) }
        let packed = PlainCoder.pack(
            bytes, channels: context.channels, container: context.container,
            level: Self.plainLevel, limit: bytes.count)
        let likened = likened(bytes, layout, point, limit: bytes.count)
        return PlainCosts(
            raw: bytes.count, packed: packed.map { $0.1.count }, likened: likened?.count)
    }

    /// Points by their likeness, where half of them repeat a neighbour and a twelfth is saved: recalling
    /// them takes ten times as long as a network does.
    private func likened(
        _ bytes: UnsafeRawBufferPointer, _ layout: ShardLayout, _ point: Int, limit: Int
    ) -> [UInt8]? {
        guard layout.pointCount >= 256, let shape = likenessShape(layout, point),
            LikenessCoder.likeness(bytes, shape) >= 128
        else { return nil }
        return likeness.encode(bytes, shape, limit: PlainCosts.likenedMost(limit))
    }

    func likenessShape(_ layout: ShardLayout, _ point: Int) -> LikenessCoder.Shape? {
        LikenessCoder.Shape(extents: layout.extents, pointBytes: point)
    }

    private func isConstant(_ bytes: UnsafeRawBufferPointer, _ point: Int) -> Bool {
        equal(
            UnsafeRawBufferPointer(rebasing: bytes.dropFirst(point)),
            UnsafeRawBufferPointer(rebasing: bytes.dropLast(point)))
    }

    func model(
        _ planes: [Int32], _ layout: ShardLayout, _ networks: NetworkSet, _ overview: [Int32]?,
        _ context: CodingContext, lowerBits: Int = 0
    ) -> CodedShard {
        overview.withOptionalPointer { known in
            coder.encode(
                planes, layout: layout, independent: context.description.independentChannels,
                networks: networks, predictors: predictors(planes, layout), overview: known,
                lowerBits: lowerBits)
        }
    }

    func predictors(_ planes: [Int32], _ layout: ShardLayout) -> PredictorBank {
        guard layout.order == .causal, layout.pointCount >= 64 else { return .none }
        let bank = LinearPrediction.fit(
            planes, length: layout.pointCount, channels: layout.planes, level: coder.engine.level)
        guard layout.pointCount >= 1024, !bank.predictors.isEmpty else { return bank }
        return coder.adapting(planes, layout: layout, bank: bank)
    }
}

/// Whether two buffers hold the same bytes.
func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let x = a.baseAddress, let y = b.baseAddress else { return true }
    return memcmp(x, y, a.count) == 0
}

extension Optional where Wrapped == [Int32] {
    /// Lends a pointer to the elements, or nil.
    func withOptionalPointer<R>(_ body: (UnsafePointer<Int32>?) throws -> R) rethrows -> R {
        guard let self else { return try body(nil) }
        return try self.withUnsafeBufferPointer { try body($0.baseAddress) }
    }
}
