// What always holds here:
// - One context serves one handle and outlives it; C reaches it through an unretained pointer.
// - Memory handed to C (names, option values, metadata) is allocated once and freed with the
//   context, so that it stays valid until the handle is closed, as the ABI promises.

import CGAMPlugin

/// The host side of one open handle: file, options, metadata, limits, and the C structs on them.
final class HostContext {
    let plugin: String
    let fileName: String
    let file: PositionedFile
    let limits: PluginLimits
    private(set) var metadata: [PluginMetadata] = []
    private var metadataBytes: UInt64 = 0
    private var metadataKeys: Set<String> = []
    var acceptsMetadata = false
    /// Set by the first failed callback, for the error text.
    var systemFailure: String?
    /// Log lines that are passed on for one file; the rest is dropped.
    static let logLinesMax = 20
    /// More lines than this are a fault.
    static let logLinesFault = 10_000
    private(set) var logLines = 0

    private let arena = TextArena()
    private let optionTexts: [String: gam_text]
    private let metadataTexts: [String: gam_text]
    let host: UnsafeMutablePointer<gam_host>
    let input: UnsafeMutablePointer<gam_input>
    let output: UnsafeMutablePointer<gam_output>
    private let limitsStruct: UnsafeMutablePointer<gam_limits>

    init(
        plugin: String, fileName: String, file: PositionedFile, options: [String: String],
        metadata: [PluginMetadata], limits: PluginLimits
    ) {
        self.plugin = plugin
        self.fileName = fileName
        self.file = file
        self.limits = limits
        let arena = self.arena
        optionTexts = options.mapValues { arena.text(Array($0.utf8)) }
        metadataTexts = Dictionary(
            metadata.map { ($0.key, arena.text($0.bytes)) }, uniquingKeysWith: { first, _ in first }
        )
        limitsStruct = .allocate(capacity: 1)
        limitsStruct.initialize(
            to: gam_limits(
                struct_size: MemoryLayout<gam_limits>.size, samples_max: limits.samplesMax,
                metadata_bytes_max: limits.metadataBytesMax,
                memory_bytes_max: limits.memoryBytesMax, points_max: limits.pointsMax,
                channels_max: limits.channelsMax, output_bytes_max: limits.outputBytesMax,
                seconds_max: limits.secondsMax))
        host = .allocate(capacity: 1)
        input = .allocate(capacity: 1)
        output = .allocate(capacity: 1)
        fillStructs()
    }

    deinit {
        host.deallocate()
        input.deallocate()
        output.deallocate()
        limitsStruct.deallocate()
    }

    private func fillStructs() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        host.initialize(
            to: gam_host(
                struct_size: MemoryLayout<gam_host>.size, context: context, limits: limitsStruct,
                log: hostLog, metadata_put: hostMetadataPut, metadata_get: hostMetadataGet,
                option_get: hostOptionGet))
        input.initialize(
            to: gam_input(
                struct_size: MemoryLayout<gam_input>.size, context: context, size: file.size,
                file_name: arena.text(Array(fileName.utf8)), read_at: hostReadAt))
        output.initialize(
            to: gam_output(
                struct_size: MemoryLayout<gam_output>.size, context: context,
                write_at: hostWriteAt, read_at: hostReadAt))
    }

    func put(key: String, bytes: [UInt8]) -> gam_status {
        guard acceptsMetadata, (1...128).contains(key.utf8.count),
            metadataKeys.insert(key).inserted
        else {
            systemFailure = "metadata '\(key)' put twice, too late, or with a bad key"
            return gam_status(GAM_INTERNAL)
        }
        metadataBytes += UInt64(bytes.count)
        guard metadataBytes <= limits.metadataBytesMax, metadata.count < MetadataStream.blobsMax
        else { return gam_status(GAM_LIMIT) }
        metadata.append(PluginMetadata(key: key, bytes: bytes))
        return gam_status(GAM_OK)
    }

    /// Passes a line on; only so many of them.
    func log(level: Int32, _ text: gam_text) {
        logLines += 1
        guard logLines <= Self.logLinesMax else { return }
        HostLog.sink(plugin, fileName, level, String(gamText: text))
    }

    func kept(_ key: String) -> gam_text? { metadataTexts[key] }
    func option(_ name: String) -> gam_text? { optionTexts[name] }

    /// Calls `body` with a message buffer; throws what its status means.
    func call(
        _ body: (UnsafeMutablePointer<gam_message>) -> gam_status
    ) throws(PluginError) {
        let capacity = 1024
        var status = gam_status(GAM_OK)
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
            var message = gam_message(
                struct_size: MemoryLayout<gam_message>.size, text: buffer.baseAddress,
                capacity: capacity, length: 0)
            status = body(&message)
            let length = min(message.length, capacity)
            return String(gamText: gam_text(bytes: buffer.baseAddress, length: length))
        }
        if status != gam_status(GAM_OK) { throw error(status, text) }
        guard logLines <= Self.logLinesFault else {
            throw .fault(plugin: plugin, reason: "it wrote \(logLines) log lines for one file")
        }
    }

    private func error(_ status: gam_status, _ text: String) -> PluginError {
        let reason = text.isEmpty ? systemFailure ?? "no reason given" : text
        switch Int(status) {
        case Int(GAM_BAD_INPUT):
            return .badInput(plugin: plugin, file: fileName, reason: reason)
        case Int(GAM_UNSUPPORTED):
            return .unsupported(plugin: plugin, file: fileName, reason: reason)
        case Int(GAM_LIMIT): return .limit(plugin: plugin, file: fileName, reason: reason)
        case Int(GAM_IO):
            let detail = systemFailure.map { "\(reason) (\($0))" } ?? reason
            return .inputOutput(plugin: plugin, file: fileName, reason: detail)
        case Int(GAM_USAGE): return .usage(plugin: plugin, reason: reason)
        case Int(GAM_NO_MEMORY): return .outOfMemory(plugin: plugin, reason: reason)
        default: return .fault(plugin: plugin, reason: "status \(status): \(reason)")
        }
    }
}

/// Owns the bytes behind texts handed to C.
private final class TextArena {
    private var blocks: [UnsafeMutableRawBufferPointer] = []

    func text(_ bytes: [UInt8]) -> gam_text {
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, bytes.count), alignment: 16)
        block.copyBytes(from: bytes)
        blocks.append(block)
        return gam_text(
            bytes: UnsafePointer(block.baseAddress!.assumingMemoryBound(to: CChar.self)),
            length: bytes.count)
    }

    deinit { for block in blocks { block.deallocate() } }
}
