// What always holds here:
// - The C structs behind these values are valid as long as the decoder or encoder lives (ABI).
// - Reads give all bytes asked for or throw; a count is compared with the file's size before
//   memory is taken for it.

import CGAMPlugin

/// The host side that decoders and encoders share.
struct HostHandle {
    let host: UnsafePointer<gam_host>

    var limits: AdapterLimits {
        let limits = host.pointee.limits.pointee
        return AdapterLimits(
            samplesMax: limits.samples_max, metadataBytesMax: limits.metadata_bytes_max,
            memoryBytesMax: limits.memory_bytes_max, pointsMax: limits.points_max,
            channelsMax: limits.channels_max, outputBytesMax: limits.output_bytes_max,
            secondsMax: limits.seconds_max)
    }

    func option(_ name: String) -> String? {
        var value = gam_text()
        let found = withText(name) { host.pointee.option_get(host.pointee.context, $0, &value) }
        return found == 1 ? String(gamText: value) : nil
    }

    func warn(_ text: String) {
        withText(text) { host.pointee.log(host.pointee.context, Int32(GAM_LOG_WARNING), $0) }
    }
}

/// The file to decode, with the options, limits and metadata of the request.
public struct AdapterInput {
    let handle: HostHandle
    let input: UnsafePointer<gam_input>

    public var limits: AdapterLimits { handle.limits }
    public var size: UInt64 { input.pointee.size }
    /// The last path component; a hint.
    public var fileName: String { String(gamText: input.pointee.file_name) }

    public func option(_ name: String) -> String? { handle.option(name) }
    public func warn(_ text: String) { handle.warn(text) }

    /// Up to `count` bytes at `offset`; fewer only at the end of the file.
    public func readUpTo(_ count: Int, at offset: UInt64) throws(AdapterError) -> [UInt8] {
        let available = offset < size ? min(UInt64(max(0, count)), size - offset) : 0
        var status = gam_status(GAM_OK)
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(available)) { buffer, used in
            while used < buffer.count, status == gam_status(GAM_OK) {
                var got = 0
                status = input.pointee.read_at(
                    input.pointee.context, offset + UInt64(used), buffer.baseAddress! + used,
                    buffer.count - used, &got)
                if got == 0 { break }
                used += got
            }
        }
        guard status == gam_status(GAM_OK) else {
            throw AdapterError(.inputOutput, "reading the file failed at byte \(offset)")
        }
        return bytes
    }

    /// Exactly `count` bytes at `offset`, or an error saying that the file is cut off.
    public func read(_ count: Int, at offset: UInt64) throws(AdapterError) -> [UInt8] {
        let bytes = try readUpTo(count, at: offset)
        guard bytes.count == count else {
            throw AdapterError(
                .badInput,
                "the file is cut off: it ends at byte \(size), \(count) bytes were expected at"
                    + " \(offset); get a complete copy")
        }
        return bytes
    }

    /// Keeps a blob that must come back when the signal is encoded. Only in `makeDecoder`.
    public func keep(_ key: String, _ bytes: [UInt8]) throws(AdapterError) {
        let host = handle.host
        let status = withText(key) { text in
            bytes.withUnsafeBytes {
                host.pointee.metadata_put(host.pointee.context, text, $0.baseAddress, $0.count)
            }
        }
        guard status == gam_status(GAM_OK) else {
            let kind = AdapterError.Kind(rawValue: status) ?? .fault
            throw AdapterError(
                kind, "metadata \(key) of \(bytes.count) bytes is more than the limit allows")
        }
    }
}

/// The file to write, with the options, limits and metadata of the request.
public struct AdapterOutput {
    let handle: HostHandle
    let output: UnsafePointer<gam_output>

    public var limits: AdapterLimits { handle.limits }
    public func option(_ name: String) -> String? { handle.option(name) }
    public func warn(_ text: String) { handle.warn(text) }

    /// A blob that was kept when the signal was decoded.
    public func kept(_ key: String) -> [UInt8]? {
        let host = handle.host
        var bytes: UnsafeRawPointer?
        var length = 0
        let found = withText(key) {
            host.pointee.metadata_get(host.pointee.context, $0, &bytes, &length)
        }
        guard found == 1 else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : length))
    }

    public func write(_ bytes: [UInt8], at offset: UInt64) throws(AdapterError) {
        try write(bytes[...], at: offset)
    }

    public func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) throws(AdapterError) {
        let status = bytes.withUnsafeBytes {
            output.pointee.write_at(output.pointee.context, offset, $0.baseAddress, $0.count)
        }
        guard status == gam_status(GAM_OK) else {
            let kind = AdapterError.Kind(rawValue: status) ?? .fault
            throw AdapterError(kind, "writing the file failed at byte \(offset)")
        }
    }
}

/// Lends `text` as C text.
func withText<Result>(_ text: String, _ body: (gam_text) -> Result) -> Result {
    var text = text
    return text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
            body(gam_text(bytes: $0.baseAddress, length: $0.count))
        }
    }
}

extension String {
    /// A copy of borrowed text; bytes that are not UTF-8 are replaced.
    init(gamText text: gam_text) {
        let count = text.bytes == nil ? 0 : text.length
        self = String(
            decoding: UnsafeRawBufferPointer(start: text.bytes, count: count), as: UTF8.self)
    }
}
