// A file being decoded by a worker.
// What always holds:
// - Bytes are copied out of shared memory before they are looked at.
// - The worker's stream has exactly the bytes it announced: metadata, then whole samples, or none
//   where they lie in the file as they are.
// - A session ends with its worker given back: in order after the last byte or a refusal, else to
//   be ended.

import CGAMPlugin
import CLinux
import GAMCore
import Glibc

final class RemoteDecodeSession: DecodeEngine {
    let header: DecodedHeader
    private(set) var bytesLeft: UInt64
    private let stream: IncomingStream
    private let sampleBytes: Int
    /// Checked bytes of a piece that the caller had no room for.
    private var carry: [UInt8] = []
    private var carryUsed = 0

    init(
        pool: WorkerPool, library: LibraryIdentity, _ request: DecodeRequest, fresh: Bool = false
    ) throws(PluginError) {
        let worker = try pool.lease(library, fresh: fresh)
        stream = IncomingStream(pool, worker, request)
        let opened = try stream.open(request)
        let metadata = try stream.metadata(opened.metadataBytes)
        do {
            header = try DecodedHeader(
                opened.description, plugin: library.id, metadata: metadata, request: request)
        } catch {
            stream.abandon(after: error)
            throw error
        }
        bytesLeft = header.samplesAt == nil ? UInt64(header.description.signal.rawBytes) : 0
        sampleBytes = header.description.signal.sampleType.containerBytes
        try stream.expectSamples(bytesLeft, sampleBytes: sampleBytes)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
        var done = 0
        while done < buffer.count, bytesLeft > 0 {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count: Int
            if carryUsed < carry.count {
                count = min(target.count, carry.count - carryUsed)
                target.copyBytes(from: carry[carryUsed..<carryUsed + count])
                carryUsed += count
            } else if target.count >= sampleBytes {
                let room = target.count / sampleBytes * sampleBytes
                count = try stream.take(into: .init(rebasing: target[..<room]))
                try check(UnsafeRawBufferPointer(rebasing: target[..<count]))
                stream.settle()
            } else {
                try fillCarry()
                continue
            }
            bytesLeft -= UInt64(count)
            done += count
        }
        return done
    }

    private func fillCarry() throws(PluginError) {
        var sample = [UInt8](repeating: 0, count: sampleBytes)
        let result = sample.withUnsafeMutableBytes { bytes -> Result<Void, PluginError> in
            Result { () throws(PluginError) in
                _ = try stream.take(into: bytes)
                try check(UnsafeRawBufferPointer(bytes))
            }
        }
        try result.get()
        stream.settle()
        carry = sample
        carryUsed = 0
    }

    private func check(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        let type = header.description.signal.sampleType
        guard SampleRange.holds(bytes, type) else {
            throw stream.broken("a sample is outside its declared \(type.bits) bits")
        }
    }
}

/// The bytes that a worker decodes, as they come through the slots.
private final class IncomingStream {
    private let pool: WorkerPool
    private let worker: WorkerProcess
    private let seconds: UInt64
    private let limits: PluginLimits
    /// Bytes of the stream that no packet has announced yet; nil before the samples are counted.
    private var unannounced: UInt64?
    private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
    private var pieceSlot: UInt8 = 0
    private var sawLast = false
    private var isOver = false
    /// A piece that is not the last fills its slot, but for what whole samples leave free: the
    /// time-out of a piece is then a lower bound of the speed.
    private static let pieceBytesMin = SharedSlots.slotBytes - 15

    init(_ pool: WorkerPool, _ worker: WorkerProcess, _ request: DecodeRequest) {
        self.pool = pool
        self.worker = worker
        seconds = request.limits.secondsMax
        limits = request.limits
    }

    deinit { end(inOrder: false) }

    private func end(inOrder: Bool) {
        guard !isOver else { return }
        isOver = true
        pool.giveBack(worker, inOrder: inOrder)
    }

    /// The caller does not want the rest.
    func abandon(after error: PluginError) {
        if case .fault = error { end(inOrder: false) } else { end(inOrder: sawLast) }
    }

    /// Once the last bytes were taken and checked: another session may have the worker.
    func settle() {
        if piece.isEmpty && sawLast { end(inOrder: true) }
    }

    func broken(_ reason: String) -> PluginError {
        // A worker that was given back may be another session's: it is not ended for this one.
        guard !isOver else { return .fault(plugin: worker.plugin, reason: reason) }
        let error = worker.broken(reason)
        end(inOrder: false)
        return error
    }

    func open(
        _ request: DecodeRequest
    ) throws(PluginError) -> (description: gam_description, metadataBytes: UInt64) {
        let file = clinux_reopen_read_only(request.file.descriptor)
        guard file >= 0 else {
            end(inOrder: true)
            throw .inputOutput(
                plugin: worker.plugin, file: request.fileName,
                reason: "opening it for the worker failed: \(String(cString: strerror(-file)))")
        }
        defer { close(file) }
        var packet = PacketWriter(.decode)
        packet.number(request.file.size)
        packet.text(request.fileName)
        packet.table(request.options)
        packet.limits(request.limits)
        packet.number(UInt8(request.asksForRows ? 1 : 0))
        var answer: PacketReader
        do {
            try worker.send(packet, descriptors: [file], seconds: seconds)
            answer = try worker.receive(seconds: seconds, "reading the header")
        } catch {
            end(inOrder: false)
            throw error
        }
        try refuseFailure(&answer, expecting: .opened)
        do throws(MalformedPacket) {
            let description = try answer.description()
            let metadataBytes = try answer.number(UInt64.self)
            guard metadataBytes <= MetadataStream.bytesMax(limits) else {
                throw MalformedPacket()
            }
            try accept(&answer)
            return (description, metadataBytes)
        } catch {
            throw broken("it described a file with bytes that are no description")
        }
    }

    /// Throws what the worker says instead of `kind`.
    private func refuseFailure(
        _ answer: inout PacketReader, expecting kind: PacketKind
    ) throws(PluginError) {
        if answer.kind == kind { return }
        guard answer.kind == .failed else {
            let error = worker.unexpected(answer.kind)
            end(inOrder: false)
            throw error
        }
        let error: PluginError
        do throws(MalformedPacket) {
            error = try answer.error(plugin: worker.plugin)
        } catch {
            throw broken("it failed with bytes that are no error")
        }
        if case .fault = error { end(inOrder: false) } else { end(inOrder: true) }
        throw error
    }

    private func accept(_ packet: inout PacketReader) throws(MalformedPacket) {
        let slot = try packet.number(UInt8.self)
        let offset = Int(try packet.number(UInt32.self))
        let count = Int(try packet.number(UInt32.self))
        sawLast = try packet.number(UInt8.self) != 0
        guard slot < SharedSlots.count, offset <= SharedSlots.slotBytes,
            count <= SharedSlots.slotBytes - offset, sawLast || count >= Self.pieceBytesMin
        else { throw MalformedPacket() }
        pieceSlot = slot
        piece = UnsafeRawBufferPointer(
            rebasing: worker.slots[Int(slot)][offset..<offset + count])
        if let left = unannounced {
            guard UInt64(count) <= left else { throw MalformedPacket() }
            unannounced = left - UInt64(count)
        }
    }

    func metadata(_ count: UInt64) throws(PluginError) -> [PluginMetadata] {
        var bytes = [UInt8](repeating: 0, count: Int(count))
        var done = 0
        while done < bytes.count {
            done += try bytes.withUnsafeMutableBytes { all in
                Result { () throws(PluginError) in
                    try take(into: .init(rebasing: all[done...]))
                }
            }.get()
        }
        guard let metadata = MetadataStream.metadata(bytes, limits) else {
            throw broken("its metadata are not well formed")
        }
        return metadata
    }

    /// From here on the stream has `count` bytes, those of the current piece included.
    func expectSamples(_ count: UInt64, sampleBytes: Int) throws(PluginError) {
        let here = UInt64(piece.count)
        guard here <= count, here % UInt64(sampleBytes) == 0, sawLast == (here == count) else {
            throw broken("it gave other samples than it described")
        }
        unannounced = count - here
        settle()
    }

    /// Up to `buffer.count` bytes, at least one.
    func take(into buffer: UnsafeMutableRawBufferPointer) throws(PluginError) -> Int {
        if piece.isEmpty { try next() }
        let count = min(buffer.count, piece.count)
        buffer.copyMemory(from: .init(rebasing: piece[..<count]))
        piece = .init(rebasing: piece[count...])
        return count
    }

    private func next() throws(PluginError) {
        guard !sawLast, !isOver else { throw broken("it gave fewer bytes than it described") }
        var free = PacketWriter(.slotFree)
        free.number(pieceSlot)
        var packet: PacketReader
        do {
            try worker.send(free, seconds: seconds)
            packet = try worker.receive(seconds: seconds, "decoding")
        } catch {
            end(inOrder: false)
            throw error
        }
        try refuseFailure(&packet, expecting: .filled)
        do throws(MalformedPacket) {
            try accept(&packet)
        } catch {
            throw broken("it gave more bytes than it described")
        }
        guard unannounced == nil || sawLast == (unannounced == 0) else {
            throw broken("it gave fewer bytes than it described")
        }
    }
}
