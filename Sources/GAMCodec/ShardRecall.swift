// Records of one shard -> its canonical bytes.
//
// What always holds here: `recall` never returns bytes whose hash is not the record's.

import CGAMKernels
import GAMCore
import GAMFormat

/// The stored records of one shard, as far as they are wanted.
struct ShardRecords {
    let shard: [UInt8]
    let lower: [UInt8]?
    let overview: [UInt8]?
}

extension ShardWorker {
    /// Canonical bytes of a shard.
    func recall(
        _ records: ShardRecords, extents: [Int], index: Int, _ context: CodingContext
    ) throws -> [UInt8] {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        guard context.lowerBits == 0 else {
            return try recallParts(records, layout, index, context)
        }
        return try recallRecord(
            records.shard, layout, seed: RecordSeed.shard(index), index, context
        ) { try lattice(records, layout, index, context) }
    }

    /// Values of the overview's lattice; nil where the layout has none.
    func lattice(
        _ records: ShardRecords, _ layout: ShardLayout, _ index: Int, _ context: CodingContext
    ) throws -> [Int32]? {
        guard let coarse = layout.overview else { return nil }
        guard let overview = records.overview else {
            throw CodecError.missingRecord("overview of shard \(index)")
        }
        let bytes = try recallRecord(
            overview, coarse, seed: RecordSeed.overview(index), index, context
        ) { nil }
        return bytes.withUnsafeBytes { planes($0, coarse, context) }
    }

    /// Canonical bytes of a shard's overview.
    func recallOverview(
        _ record: [UInt8], extents: [Int], index: Int, _ context: CodingContext
    ) throws -> [UInt8] {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        guard let coarse = layout.overview else {
            throw CodecError.malformed("shard \(index) has no overview")
        }
        return try recallRecord(
            record, coarse, seed: RecordSeed.overview(index), index, context
        ) { nil }
    }

    func recallRecord(
        _ record: [UInt8], _ layout: ShardLayout, seed: UInt64, _ index: Int,
        _ context: CodingContext, overview: () throws -> [Int32]?
    ) throws -> [UInt8] {
        let parsed = try parsed(record, layout, index)
        let bytes = try samples(parsed.body, layout, index, context, overview)
        try check(bytes, parsed.hash, seed: seed, index)
        return bytes
    }

    func parsed(_ record: [UInt8], _ layout: ShardLayout, _ index: Int) throws -> Record {
        do {
            return try Record(parsing: record, layout: layout)
        } catch {
            throw CodecError.integrity(shard: index, reason: error.description)
        }
    }

    func check(_ bytes: [UInt8], _ hash: UInt64, seed: UInt64, _ index: Int) throws {
        guard bytes.withUnsafeBytes({ recordHash($0, seed: seed) }) == hash else {
            throw CodecError.integrity(shard: index, reason: "the recalled samples' hash differs")
        }
    }

    func samples(
        _ body: RecordBody, _ layout: ShardLayout, _ index: Int, _ context: CodingContext,
        _ overview: () throws -> [Int32]?
    ) throws -> [UInt8] {
        let count = context.byteCount(layout)
        let point = context.channels * context.container
        switch body {
        case .raw(let bytes):
            guard bytes.count == count else { throw size(index) }
            return bytes
        case .constant(let bytes):
            guard bytes.count == point else { throw size(index) }
            return [UInt8](unsafeUninitializedCapacity: count) { out, used in
                for i in 0..<count { out[i] = bytes[i % point] }
                used = count
            }
        case .packed(let method, let packed):
            do {
                return try PlainCoder.unpack(
                    packed, method, channels: context.channels, container: context.container,
                    count: count)
            } catch {
                throw CodecError.integrity(shard: index, reason: error.description)
            }
        case .likened(let coded):
            guard let shape = likenessShape(layout, point) else { throw size(index) }
            return likeness.decode(coded, shape)
        case .modelled(let coded):
            return try recallModelled(coded, layout, index, context, overview())
        }
    }

    private func size(_ index: Int) -> CodecError {
        .integrity(shard: index, reason: "the record has the wrong size")
    }

    private func recallModelled(
        _ coded: CodedShard, _ layout: ShardLayout, _ index: Int, _ context: CodingContext,
        _ overview: [Int32]?
    ) throws -> [UInt8] {
        var planes = [Int32](repeating: 0, count: layout.sampleCount)
        try recallPlanes(&planes, coded, layout, index, context, overview, lowerBits: 0)
        return bytes(&planes, layout, context)
    }

    /// - Parameter planes: with `lowerBits` they hold the upper bits already.
    func recallPlanes(
        _ planes: inout [Int32], _ coded: CodedShard, _ layout: ShardLayout, _ index: Int,
        _ context: CodingContext, _ overview: [Int32]?, lowerBits: Int
    ) throws {
        guard let networks = context.networks[layout.domain] else {
            throw CodecError.integrity(shard: index, reason: "its network is not named")
        }
        do {
            try overview.withOptionalPointer { known in
                try coder.recall(
                    coded, layout: layout, independent: context.description.independentChannels,
                    networks: networks, overview: known, into: &planes, lowerBits: lowerBits)
            }
        } catch is TraceExhausted {
            throw CodecError.integrity(shard: index, reason: "the trace leads nowhere")
        }
    }
}
