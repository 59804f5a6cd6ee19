// Get and Read: samples and files on their way out.
// What always holds: whole signals are compared with their content hash before the last byte
// leaves; a file is written completely before its first byte leaves.

import GAMCodec
import GAMCore
import GAMProtocol

extension RequestHandlers {
    func read(
        _ key: String, _ read: WireRead, _ job: RequestJob, _ sink: any ReplySink, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let signal = try catalog.open(key)
        let plan = try ReadPlan(read, of: signal.record.manifest.description, pools: job.pools)
        let isLarge = plan.fileFormat != nil || plan.answerBytesMax > Lane.lightBytesMax
        if lane == .light && isLarge { throw LargeRequest() }
        return try answer(signal, plan, job.context, sink, codecThreads, lane)
    }

    /// One Read of a signal that is open already.
    func answer(
        _ signal: OpenSignal, _ read: WireRead, _ job: RequestJob, _ sink: any ReplySink,
        threads: Int
    ) throws -> (WireReply, [UInt8]) {
        let plan = try ReadPlan(read, of: signal.record.manifest.description, pools: job.pools)
        return try answer(signal, plan, job.context, sink, threads, .bulk)
    }

    private func answer(
        _ signal: OpenSignal, _ plan: ReadPlan, _ context: RequestContext, _ sink: any ReplySink,
        _ threads: Int, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        guard let format = plan.fileFormat else {
            return try sendSamples(signal, plan, context, sink, threads, lane)
        }
        return try sendFile(signal, format, plan, context, sink)
    }

    func get(
        _ key: String, _ get: WireGet, _ context: RequestContext, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let signal = try catalog.open(key)
        let wanted = try FileFormat(get.format)
        let isOwn = wanted.name.isEmpty && !signal.record.message.adapter.isEmpty
        let description = signal.record.manifest.description
        if !isOwn, wanted.options.isEmpty,
            let format = try? SampleFormat(named: wanted.name, default: .npy)
        {
            let plan = ReadPlan(wholeOf: description, format)
            return try sendSamples(signal, plan, context, sink, codecThreads, .bulk)
        }
        return try sendFile(signal, wanted, ReadPlan(wholeOf: description, .raw), context, sink)
    }

    private func sendSamples(
        _ signal: OpenSignal, _ plan: ReadPlan, _ context: RequestContext, _ sink: any ReplySink,
        _ threads: Int, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let reader = try readers.reader(for: signal, answerBytes: plan.byteCount)
        let description = try plan.description(reader)
        let header = plan.format == .npy ? NPYHeader.bytes(for: description) : []
        var first = WireSamplesResult()
        first.description_p = WireDescription(description)
        first.fileName = signal.record.message.fileName
        first.errorMax = plan.errorMax
        first.isEstimate = plan.isEstimate
        let total = header.count + description.rawBytes
        let stream = ReplyStream(
            sink, context, first: first, totalBytes: total,
            target: try plan.target(bytes: total))
        try header.withUnsafeBytes { try stream.write($0) }
        var check = ContentCheck(signal, isWhole: plan.isWhole)
        try context.naming {
            try plan.read(reader.serving(context, lane), threads: threads) { bytes in
                check.update(bytes)
                try stream.write(bytes)
            }
        }
        try check.finish()
        if plan.byteCount <= Lane.lightBytesMax, let selection = plan.storedSelection {
            prefetcher.saw(signal, reader, selection)
        }
        return try stream.finish()
    }

    private func sendFile(
        _ signal: OpenSignal, _ wanted: FileFormat, _ plan: ReadPlan, _ context: RequestContext,
        _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let message = signal.record.message
        try signal.attachments.verify()
        let reader = try readers.reader(for: signal, answerBytes: plan.byteCount)
        let limit = settings.limits.putBytesMax
        try spools.checkFreeSpace(before: plan.byteCount)
        let file = try spools.file("the file", bytesMax: limit)
        // Metadata of the whole may not fit a part of it: a crop of a picture has no page number.
        let metadata =
            plan.isWhole
            ? try signal.attachments.metadata().items.map { ($0.key, Array($0.value)) } : []
        var input = EncodeInput(
            adapter: message.adapter, kind: message.kind, mediaType: message.mediaType,
            fileName: message.fileName,
            description: try plan.description(reader), metadata: metadata,
            fileBytesMax: limit)
        input.format = wanted.name
        input.options = wanted.options
        var check = ContentCheck(signal, isWhole: plan.isWhole)
        try context.naming {
            try adapters.encode(input, output: file.descriptor) { write in
                try plan.read(reader.serving(context, .bulk), threads: codecThreads) { bytes in
                    try context.check()
                    check.update(bytes)
                    try write(bytes)
                }
            }
        }
        try check.finish()
        try file.adoptWrittenSize()
        var first = WireSamplesResult()
        first.fileName = message.fileName
        first.isEstimate = plan.isEstimate
        let stream = ReplyStream(
            sink, context, first: first, totalBytes: file.byteCount,
            target: try plan.target(bytes: file.byteCount))
        try file.forEachPiece { try stream.write($0) }
        return try stream.finish()
    }
}

/// Compares the samples of a whole signal with its content hash as they pass.
struct ContentCheck: ~Copyable {
    private let signal: OpenSignal
    private let isWhole: Bool
    private var hasher = BodyHasher()

    init(_ signal: OpenSignal, isWhole: Bool) {
        self.signal = signal
        self.isWhole = isWhole
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if isWhole { hasher.update(bytes) }
    }

    func finish() throws(Failure) {
        let expected = signal.record.manifest.contentHash
        let found = hasher.value()
        guard !isWhole || (found.low == expected.low && found.high == expected.high) else {
            throw Failure(
                .integrity,
                "the recalled samples are not those of hash \(expected.hex); put the signal again"
                    + " or restore a backup")
        }
    }
}
