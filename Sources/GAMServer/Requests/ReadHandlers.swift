// Get and Read: samples and files on their way out.
// What always holds: whole signals are compared with their content hash before the last byte
// leaves; a file is written completely before its first byte leaves.

import GAMCodec
import GAMCore
import GAMProtocol

/// The container samples travel in.
enum SampleFormat: String {
    case raw, npy

    init(named name: String, default fallback: SampleFormat) throws(Failure) {
        if name.isEmpty {
            self = fallback
            return
        }
        guard let format = SampleFormat(rawValue: name) else {
            throw Failure(.badRequest, "format \"\(name)\" is not known; use raw or npy")
        }
        self = format
    }
}

/// The file format of a Get: a name and options for its adapter, as "tiff,drop_metadata=1".
struct FileFormat {
    let name: String
    let options: [String: String]

    init(_ text: String) throws(Failure) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        name = String(parts.first ?? "")
        var options: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty else {
                throw Failure(.badRequest, "\"\(part)\" of the format is not name=value")
            }
            options[String(pair[0])] = String(pair[1])
        }
        self.options = options
    }
}

extension RequestHandlers {
    func read(
        _ key: String, _ read: WireRead, _ context: RequestContext, _ sink: any ReplySink,
        _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let format = try SampleFormat(named: read.format, default: .raw)
        guard read.level <= 30 else {
            throw Failure(.badRequest, "level \(read.level) is not within 0 to 30")
        }
        let signal = try catalog.open(key)
        let description = signal.record.manifest.description
        let region = try Self.region(read.region, of: description)
        let bytes = Self.byteCount(region, Int(read.level), of: description)
        if lane == .light && bytes > Lane.lightBytesMax { throw LargeAnswer() }
        return try sendSamples(
            signal, region: region, level: Int(read.level), format, context, sink)
    }

    func get(
        _ key: String, _ get: WireGet, _ context: RequestContext, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let signal = try catalog.open(key)
        let wanted = try FileFormat(get.format)
        let isOwn = wanted.name.isEmpty && !signal.record.message.adapter.isEmpty
        if !isOwn, wanted.options.isEmpty,
            let format = try? SampleFormat(named: wanted.name, default: .npy)
        {
            return try sendSamples(signal, region: nil, level: 0, format, context, sink)
        }
        return try sendFile(signal, wanted, context, sink)
    }

    /// A peer's region, checked against the signal; nil for everything.
    private static func region(
        _ intervals: [WireInterval], of description: SignalDescription
    ) throws(Failure) -> [Range<Int>]? {
        if intervals.isEmpty { return nil }
        let axes = description.axes
        guard intervals.count == axes.count else {
            throw Failure(
                .badRequest, "\(intervals.count) intervals for a signal of \(axes.count) axes")
        }
        var region: [Range<Int>] = []
        for (index, interval) in intervals.enumerated() {
            let extent = Int64(axes[index].extent)
            guard 0 <= interval.start, interval.start < interval.stop, interval.stop <= extent
            else {
                let text = "interval \(interval.start):\(interval.stop) of axis \(index)"
                throw Failure(.badRequest, text + " is not within 0:\(extent)")
            }
            region.append(Int(interval.start)..<Int(interval.stop))
        }
        return region
    }

    /// Bytes of an answer, before the codec has looked at the request.
    private static func byteCount(
        _ region: [Range<Int>]?, _ level: Int, of description: SignalDescription
    ) -> Int {
        let extents = region.map { $0.map(\.count) } ?? description.extents
        let point = description.channels.count * description.sampleType.containerBytes
        return extents.reduce(point) { $0 * (($1 + (1 << level) - 1) >> level) }
    }

    private func sendSamples(
        _ signal: OpenSignal, region: [Range<Int>]?, level: Int, _ format: SampleFormat,
        _ context: RequestContext, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let bytes = Self.byteCount(region, level, of: signal.record.manifest.description)
        let reader = try readers.reader(for: signal, answerBytes: bytes)
        let description = try reader.resultDescription(region: region, level: level)
        let header = format == .npy ? NPYHeader.bytes(for: description) : []
        var first = WireSamplesResult()
        first.description_p = WireDescription(description)
        first.fileName = signal.record.message.fileName
        let stream = ReplyStream(
            sink, context, first: first, totalBytes: header.count + description.rawBytes)
        try header.withUnsafeBytes { try stream.write($0) }
        var check = ContentCheck(signal, isWhole: region == nil && level == 0)
        try context.naming {
            try reader.read(region: region, level: level, threads: codecThreads) { bytes in
                check.update(bytes)
                try stream.write(bytes)
            }
        }
        try check.finish()
        return try stream.finish()
    }

    private func sendFile(
        _ signal: OpenSignal, _ wanted: FileFormat, _ context: RequestContext, _ sink: any ReplySink
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let message = signal.record.message
        let metadata = try signal.attachments.metadata()
        try signal.attachments.verify()
        let reader = try readers.reader(
            for: signal, answerBytes: signal.record.manifest.description.rawBytes)
        let limit = settings.limits.putBytesMax
        try spools.checkFreeSpace(before: signal.record.manifest.description.rawBytes)
        let file = try spools.file("the file", bytesMax: limit)
        var input = EncodeInput(
            adapter: message.adapter, kind: message.kind, mediaType: message.mediaType,
            fileName: message.fileName, description: signal.record.manifest.description,
            metadata: metadata.items.map { ($0.key, Array($0.value)) }, fileBytesMax: limit)
        input.format = wanted.name
        input.options = wanted.options
        var check = ContentCheck(signal, isWhole: true)
        try context.naming {
            try adapters.encode(input, output: file.descriptor) { write in
                try reader.read(region: nil, level: 0, threads: codecThreads) { bytes in
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
        let stream = ReplyStream(sink, context, first: first, totalBytes: file.byteCount)
        try file.forEachPiece { try stream.write($0) }
        return try stream.finish()
    }
}

/// Compares the samples of a whole signal with its content hash as they pass.
private struct ContentCheck: ~Copyable {
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
