// Query, Where and Bounds: values between grid points, predicates, and what shards are known to hold.
// What always holds: numbers of answers are binary64 or int64, little endian, in the order asked.

import GAMCodec
import GAMCore
import GAMProtocol
import GAMQuery

extension RequestHandlers {
    /// Points looked up between two looks at whether to go on.
    private static let pointsPerCheck = 100_000
    private static let boundsBytesMax = 64 << 20

    func query(
        _ key: String, _ query: WireQuery, _ job: RequestJob, _ sink: any ReplySink, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let signal = try catalog.open(key)
        let description = signal.record.manifest.description
        let reader = try readers.reader(for: signal, answerBytes: 0).serving(job.context, lane)
        let options = try pointOptions(query)
        let isRay = query.kind == "ray"
        let scale = query.scale == 0 ? 1 : query.scale
        let width = description.axes.count * (isRay ? 2 : 1)
        let coordinates = try Self.coordinates(job.coordinates, per: width)
        let loan = try lendAnswer(query, description, points: coordinates.count / width, job)
        defer { withExtendedLifetime(loan) {} }
        var first = WireSamplesResult()
        let answer: [Double]
        switch query.kind {
        case "", "sample":
            let found = try sample(reader, options, query, coordinates, job.context)
            let isDistance = signal.record.message.kind == "sdf" && description.channels.count == 1
            first.errorMax = isDistance ? found.spreadMax / scale : 0
            answer = found.values + found.gradients
        case "inside", "closest", "ray":
            let queries = try DistanceQueries(reader, options, scale: scale)
            let check = { try job.context.check() }
            switch query.kind {
            case "inside": answer = try queries.inside(coordinates)
            case "closest": answer = try queries.closest(coordinates, check: check)
            default: answer = try queries.rays(coordinates, reach: query.reach, check: check)
            }
        default:
            throw Failure(
                .badRequest,
                "kind \"\(query.kind)\" is not known; use sample, inside, closest or ray")
        }
        return try send(answer, first, job.context, sink)
    }

    /// Memory for an answer, by what the signal makes of one point: 64 channels with gradients are 2 KiB.
    private func lendAnswer(
        _ query: WireQuery, _ description: SignalDescription, points: Int, _ job: RequestJob
    ) throws(Failure) -> ByteBudget.Loan? {
        let axes = description.axes.count
        let perPoint =
            switch query.kind {
            case "ray": 600
            case "closest": 300
            case "inside": 24
            // Values and gradients, the parts they come in, and both in one.
            default: 3 * 8 * description.channels.count * (query.gradient ? 1 + axes : 1)
            }
        guard let loan = job.loan else { return nil }
        let bytes = points * perPoint
        guard bytes <= loan.bytesMax else {
            throw Failure(
                .tooLarge,
                "the answer for \(points) points takes \(bytes) bytes of the \(loan.bytesMax) that queries"
                    + " have; ask for fewer at once")
        }
        guard let more = loan.another(bytes) else {
            throw Failure(.busy, "other queries hold the memory for queries; try again later")
        }
        return more
    }

    private func pointOptions(_ query: WireQuery) throws(Failure) -> PointOptions {
        var options = PointOptions()
        options.threads = codecThreads
        options.isWorld = query.world
        if !query.method.isEmpty {
            guard let method = InterpolationMethod(rawValue: query.method) else {
                throw Failure(
                    .badRequest,
                    "method \"\(query.method)\" is not known; use nearest, linear or cubic")
            }
            options.method = method
        }
        if !query.outside.isEmpty {
            guard let rule = OutsideRule(rawValue: query.outside) else {
                throw Failure(
                    .badRequest,
                    "outside \"\(query.outside)\" is not known; use clamp, nan or error")
            }
            options.outside = rule
        }
        return options
    }

    private static func coordinates(
        _ bytes: [UInt8], per width: Int
    ) throws(Failure) -> [Double] {
        guard !bytes.isEmpty, bytes.count % (8 * width) == 0 else {
            throw Failure(
                .badRequest,
                "\(bytes.count) bytes are no whole number of points of \(width) float64")
        }
        return bytes.withUnsafeBytes { raw in
            (0..<bytes.count / 8).map {
                Double(
                    bitPattern: UInt64(
                        littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)))
            }
        }
    }

    /// Looks points up part by part, so that a long request can be stopped.
    private func sample(
        _ reader: SignalReader, _ options: PointOptions, _ query: WireQuery,
        _ coordinates: [Double], _ context: RequestContext
    ) throws -> PointValues {
        let sampler = PointSampler(reader, options)
        let axes = reader.manifest.description.axes.count
        let length = Self.pointsPerCheck * axes
        guard coordinates.count > length else {
            return try sampler.sample(coordinates, gradients: query.gradient)
        }
        var all = PointValues(values: [], gradients: [], spreadMax: 0)
        for start in stride(from: 0, to: coordinates.count, by: length) {
            try context.check()
            let part = Array(coordinates[start..<min(coordinates.count, start + length)])
            let found = try sampler.sample(
                part, gradients: query.gradient, firstIndex: start / axes)
            all.values += found.values
            all.gradients += found.gradients
            all.spreadMax = max(all.spreadMax, found.spreadMax)
        }
        return all
    }

    func search(
        _ key: String, _ search: WireWhere, _ job: RequestJob, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        guard let comparison = Comparison(rawValue: search.comparison) else {
            throw Failure(
                .badRequest,
                "comparison \"\(search.comparison)\" is not known; use <, <=, >, >=, == or !=")
        }
        let signal = try catalog.open(key)
        let box = try Self.box(search.region, of: signal.record.manifest.description)
        let reader = try readers.reader(for: signal, answerBytes: 0).serving(job.context, .bulk)
        let found = try PredicateSearch(
            reader,
            Predicate(comparison, search.value, channel: Int(search.channel)),
            threads: codecThreads
        ).runs(in: box, runsMax: try Self.runsMax(search)) { try job.context.check() }
        var first = WireSamplesResult()
        first.matches = UInt64(found.matches)
        first.isCut = found.isCut
        first.shards = UInt64(found.shards)
        first.recalled = UInt64(found.recalled)
        return try send(found.runs, first, job.context, sink)
    }

    private static func runsMax(_ search: WireWhere) throws(Failure) -> Int {
        guard search.runsMax <= 1_000_000 else {
            throw Failure(.badRequest, "at most 1,000,000 runs are given at once")
        }
        return search.runsMax == 0 ? 1_000_000 : Int(search.runsMax)
    }

    private static func box(
        _ region: [WireInterval], of description: SignalDescription
    ) throws -> [Range<Int>] {
        let intervals = try region.isEmpty ? nil : region.map { try AxisInterval($0) }
        guard intervals?.allSatisfy({ $0.step == 1 }) ?? true else {
            throw Failure(.badRequest, "this operation takes regions without steps")
        }
        return try Selection(region: intervals, level: 0, of: description).box
    }

    func bounds(
        _ key: String, _ bounds: WireBounds, _ job: RequestJob, _ sink: any ReplySink, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let signal = try catalog.open(key)
        let description = signal.record.manifest.description
        let box = try Self.box(bounds.region, of: description)
        let reader = try readers.reader(for: signal, answerBytes: 0).serving(job.context, lane)
        let shards = reader.grid.shards(touching: box)
        let perPart = 8 * (2 * reader.grid.extents.count + 3 * description.channels.count)
        let parts =
            bounds.cells
            ? ShardCells.count(in: box, shardExtents: reader.manifest.shardExtents) : shards.count
        guard parts <= Self.boundsBytesMax / perPart else {
            throw Failure(
                .tooLarge,
                "the bounds of \(parts) \(bounds.cells ? "cells" : "shards") are too many at once;"
                    + " name a region")
        }
        if lane == .light && parts * perPart > Lane.lightBytesMax { throw LargeRequest() }
        guard !bounds.cells else { return try cellBounds(reader, shards, box, job, sink) }
        let known = try reader.bounds(of: shards)
        var answer: [Double] = []
        for (place, shard) in shards.enumerated() {
            let ranges = reader.grid.box(shard)
            answer += ranges.map { Double($0.lowerBound) } + ranges.map { Double($0.count) }
            let channels = try known?[place] ?? reader.measuredBounds(shard)
            answer += channels.flatMap { [$0.minimum, $0.maximum, $0.mean] }
        }
        var first = WireSamplesResult()
        first.shards = UInt64(shards.count)
        first.recalled = known == nil ? UInt64(shards.count) : 0
        return try send(answer, first, job.context, sink)
    }

    private func cellBounds(
        _ reader: SignalReader, _ shards: [Int], _ region: [Range<Int>], _ job: RequestJob,
        _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        var answer: [Double] = []
        for shard in shards {
            try job.context.check()
            let cells = try reader.cells(of: shard) ?? reader.measuredCells(shard)
            let box = reader.grid.box(shard)
            let inside = zip(box, region).map { $0.clamped(to: $1) }
            let touched = CellBox(cells, first: box.map(\.lowerBound), inside)
            for cell in touched.cells {
                let start = touched.start(cell)
                answer += start.map { Double($0) }
                answer += start.indices.map {
                    Double(min(cells.sides[$0], box[$0].upperBound - start[$0]))
                }
                answer += cells.bounds[cell].flatMap { [$0.minimum, $0.maximum, $0.mean] }
            }
        }
        var first = WireSamplesResult()
        first.shards = UInt64(shards.count)
        first.recalled = reader.manifest.hasCells ? 0 : UInt64(shards.count)
        return try send(answer, first, job.context, sink)
    }

    private func send<Number: BitwiseCopyable>(
        _ numbers: [Number], _ first: WireSamplesResult, _ context: RequestContext,
        _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        try numbers.withUnsafeBytes { bytes in
            let stream = ReplyStream(sink, context, first: first, totalBytes: bytes.count)
            try stream.write(bytes)
            return try stream.finish()
        }
    }
}
