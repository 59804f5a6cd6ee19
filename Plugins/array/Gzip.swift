// What always holds here:
// - zlib's stream lives in one allocation, because zlib keeps a pointer to it.
// - A stream that ends early, goes on after the last element, or has a wrong checksum is an error.

import CZlib
import GAMPluginKit

/// Inflates the gzip data of a file.
final class GzipReader {
    private let input: AdapterInput
    private var offset: UInt64
    private let stream: UnsafeMutablePointer<z_stream>
    private var compressed: [UInt8] = []
    private var used = 0
    private var hasEnded = false

    private static let windowBytes = 64 << 10
    /// 15-bit window, gzip wrapper only.
    private static let gzipWindowBits: Int32 = 15 + 16

    init(_ input: AdapterInput, at offset: UInt64) throws(AdapterError) {
        self.input = input
        self.offset = offset
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = inflateInit2_(
            stream, Self.gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else { throw AdapterError(.outOfMemory, "zlib cannot start") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Exactly `count` bytes.
    func read(_ count: Int) throws(AdapterError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = try inflateSome(&bytes, from: done)
            guard got > 0 || !hasEnded else {
                throw AdapterError(
                    .badInput, "the gzip data end early: cut off; get a complete copy")
            }
            done += got
        }
        return bytes
    }

    /// Throws unless the stream ends here, with a good checksum.
    func expectEnd() throws(AdapterError) {
        var extra: [UInt8] = [0]
        while !hasEnded {
            guard try inflateSome(&extra, from: 0) == 0 else {
                throw AdapterError(
                    .badInput, "the gzip data hold more elements than the header declares")
            }
        }
    }

    private func inflateSome(_ bytes: inout [UInt8], from start: Int) throws(AdapterError) -> Int {
        guard !hasEnded else { return 0 }
        if used == compressed.count {
            compressed = try input.readUpTo(Self.windowBytes, at: offset)
            offset += UInt64(compressed.count)
            used = 0
            guard !compressed.isEmpty else {
                throw AdapterError(
                    .badInput, "the gzip data are cut off; get a complete copy")
            }
        }
        // avail_out is 32 bits wide: at most 1 GiB at once.
        let room = min(bytes.count - start, 1 << 30)
        var result = Z_OK
        compressed.withUnsafeMutableBufferPointer { source in
            bytes.withUnsafeMutableBufferPointer { target in
                stream.pointee.next_in = source.baseAddress! + used
                stream.pointee.avail_in = UInt32(source.count - used)
                stream.pointee.next_out = target.baseAddress! + start
                stream.pointee.avail_out = UInt32(room)
                result = inflate(stream, Z_NO_FLUSH)
            }
        }
        used = compressed.count - Int(stream.pointee.avail_in)
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
            throw AdapterError(.badInput, "the gzip data are damaged; get a clean copy")
        }
        hasEnded = result == Z_STREAM_END
        return room - Int(stream.pointee.avail_out)
    }
}

/// Deflates into gzip data at the end of a file.
final class GzipWriter {
    private let output: AdapterOutput
    private(set) var offset: UInt64
    private let stream: UnsafeMutablePointer<z_stream>
    private static let gzipWindowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8

    init(_ output: AdapterOutput, at offset: UInt64) throws(AdapterError) {
        self.output = output
        self.offset = offset
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = deflateInit2_(
            stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Self.gzipWindowBits, Self.memoryLevel,
            Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else { throw AdapterError(.outOfMemory, "zlib cannot start") }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    func write(_ bytes: [UInt8]) throws(AdapterError) {
        for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
            let end = min(start + 1 << 30, bytes.count)
            try deflateAll(Array(bytes[start..<end]), Z_NO_FLUSH)
        }
    }

    func finish() throws(AdapterError) { try deflateAll([], Z_FINISH) }

    private func deflateAll(_ bytes: [UInt8], _ flush: Int32) throws(AdapterError) {
        var source = bytes
        var used = 0
        var target = [UInt8](repeating: 0, count: 64 << 10)
        var result = Z_OK
        repeat {
            source.withUnsafeMutableBufferPointer { input in
                target.withUnsafeMutableBufferPointer { output in
                    stream.pointee.next_in = input.baseAddress.map { $0 + used }
                    stream.pointee.avail_in = UInt32(input.count - used)
                    stream.pointee.next_out = output.baseAddress
                    stream.pointee.avail_out = UInt32(output.count)
                    result = deflate(stream, flush)
                }
            }
            used = source.count - Int(stream.pointee.avail_in)
            let count = target.count - Int(stream.pointee.avail_out)
            try output.write(target[..<count], at: offset)
            offset += UInt64(count)
        } while stream.pointee.avail_out == 0 || (flush == Z_FINISH && result != Z_STREAM_END)
    }
}
