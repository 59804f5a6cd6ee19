// Shards whose lower bits have a record of their own: whoever wants the upper bits reads no others.
//
// What always holds here:
// - The upper bits are coded as values of their own, with the signal's networks; the lower ones under
//   the landscapes of whole values, cut to what the upper ones leave (docs/format.md, "Lower bits").
// - Neither is coded by likeness: it would save bytes of the few that upper bits take, and cost ten
//   times the time.
// - The hash of the upper record is that of the upper bits, the hash of the lower one that of the
//   whole samples.

import GAMCore
import GAMFormat

extension ShardWorker {
    func encodeUpper(
        _ planes: [Int32], _ layout: ShardLayout, overview: [Int32]?, _ index: Int,
        _ context: CodingContext
    ) -> [UInt8] {
        let upper = planes.map { $0 >> context.lowerBits }
        let lattice = overview?.map { $0 >> context.lowerBits }
        var copy = upper
        return bytes(&copy, layout, context).withUnsafeBytes {
            smallestRecord(
                $0, layout, hash: recordHash($0, seed: RecordSeed.upper(index)), context
            ) { networks in model(upper, layout, networks, lattice, context) }
        }
    }

    /// - Parameter whole: canonical bytes of the samples.
    func encodeLower(
        _ whole: UnsafeRawBufferPointer, _ planes: [Int32], _ layout: ShardLayout,
        overview: [Int32]?, _ index: Int, _ context: CodingContext
    ) -> [UInt8] {
        let mask = Int32(1) << context.lowerBits - 1
        var lower = planes.map { $0 & mask }
        let hash = recordHash(whole, seed: RecordSeed.shard(index))
        return bytes(&lower, layout, context).withUnsafeBytes {
            smallestRecord($0, layout, hash: hash, context) { networks in
                model(planes, layout, networks, overview, context, lowerBits: context.lowerBits)
            }
        }
    }

    /// Canonical bytes of a shard, its lower bits 0 where their record is not given.
    func recallParts(
        _ records: ShardRecords, _ layout: ShardLayout, _ index: Int, _ context: CodingContext
    ) throws -> [UInt8] {
        let bits = context.lowerBits
        let known = try lattice(records, layout, index, context)
        let upper = try recallRecord(
            records.shard, layout, seed: RecordSeed.upper(index), index, context
        ) { known?.map { $0 >> bits } }
        var planes = upper.withUnsafeBytes { self.planes($0, layout, context) }
        for i in planes.indices { planes[i] <<= bits }
        guard let lower = records.lower else { return bytes(&planes, layout, context) }
        let record = try parsed(lower, layout, index)
        if case .modelled(let coded) = record.body {
            try recallPlanes(
                &planes, coded, layout, index, context, known, lowerBits: bits)
        } else {
            let rest = try samples(record.body, layout, index, context) { nil }
            let values = rest.withUnsafeBytes { self.planes($0, layout, context) }
            let mask = Int32(1) << bits - 1
            for i in planes.indices { planes[i] |= values[i] & mask }
        }
        let whole = bytes(&planes, layout, context)
        try check(whole, record.hash, seed: RecordSeed.shard(index), index)
        return whole
    }
}
