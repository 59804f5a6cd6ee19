// Records of one shard -> its canonical bytes.
//
// What always holds here: `recall` never returns bytes whose hash is not the record's.

import CGAMKernels
import GAMCore
import GAMFormat

extension ShardWorker {
    /// Canonical bytes of a shard.
    func recall(
        _ record: [UInt8], overview: [UInt8]?, extents: [Int], index: Int,
        _ context: CodingContext
    ) throws -> [UInt8] {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        return try recallRecord(
            record, layout, seed: RecordSeed.shard(index), index, context
        ) {
            guard let coarse = layout.overview else { return nil }
            guard let overview else { throw CodecError.missingRecord("overview of shard \(index)") }
            let bytes = try recallRecord(
                overview, coarse, seed: RecordSeed.overview(index), index, context
            ) { nil }
            return bytes.withUnsafeBytes { planes($0, coarse, context) }
        }
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

    private func recallRecord(
        _ record: [UInt8], _ layout: ShardLayout, seed: UInt64, _ index: Int,
        _ context: CodingContext, overview: () throws -> [Int32]?
    ) throws -> [UInt8] {
        let parsed: Record
        do {
            parsed = try Record(parsing: record, layout: layout)
        } catch {
            throw CodecError.integrity(shard: index, reason: error.description)
        }
        let bytes = try samples(parsed.body, layout, index, context, overview)
        guard bytes.withUnsafeBytes({ recordHash($0, seed: seed) }) == parsed.hash else {
            throw CodecError.integrity(shard: index, reason: "the recalled samples' hash differs")
        }
        return bytes
    }

    private func samples(
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
        guard let networks = context.networks[layout.domain] else {
            throw CodecError.integrity(shard: index, reason: "its network is not named")
        }
        var planes = [Int32](repeating: 0, count: layout.sampleCount)
        do {
            try overview.withOptionalPointer { known in
                try coder.recall(
                    coded, layout: layout, independent: context.description.independentChannels,
                    networks: networks, overview: known, into: &planes)
            }
        } catch is TraceExhausted {
            throw CodecError.integrity(shard: index, reason: "the trace leads nowhere")
        }
        return bytes(&planes, layout, context)
    }
}
