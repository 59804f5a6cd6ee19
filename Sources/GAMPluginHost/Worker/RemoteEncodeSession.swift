// A file being encoded by a worker, which writes it through the descriptor it is lent.
// What always holds:
// - The stream is metadata, then exactly the samples of the description.
// - A slot that the worker has is not touched before the worker says that it took it.

import CGAMPlugin
import CLinux
import GAMCore
import Glibc

final class RemoteEncodeSession: EncodeEngine {
    private let pool: WorkerPool
    private let worker: WorkerProcess
    private let request: EncodeRequest
    private let seconds: UInt64
    private let metadata: [UInt8]
    private var samplesLeft: UInt64
    /// The slot being filled, and how far.
    private var slot = 0
    private var used = 0
    /// Slots the worker has not taken yet.
    private var underWay: Set<Int> = []
    private var isOpened = false
    private var lastIsSent = false
    private var isOver = false

    init(
        pool: WorkerPool, library: LibraryIdentity, _ request: EncodeRequest
    ) throws(PluginError) {
        try request.limits.check(request.description, plugin: library.id, file: request.fileName)
        self.pool = pool
        self.request = request
        seconds = request.limits.secondsMax
        metadata = MetadataStream.bytes(of: request.metadata)
        samplesLeft = UInt64(request.description.rawBytes)
        worker = try pool.lease(library)
        do {
            try metadata.withUnsafeBytes { bytes in
                Result { () throws(PluginError) in try send(bytes) }
            }.get()
        } catch {
            end(inOrder: false)
            throw error
        }
    }

    deinit { end(inOrder: false) }

    private func end(inOrder: Bool) {
        guard !isOver else { return }
        isOver = true
        pool.giveBack(worker, inOrder: inOrder)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        guard UInt64(bytes.count) <= samplesLeft else {
            throw .usage(plugin: worker.plugin, reason: "more samples than the description has")
        }
        samplesLeft -= UInt64(bytes.count)
        try send(bytes)
    }

    private func send(_ bytes: UnsafeRawBufferPointer) throws(PluginError) {
        var rest = bytes
        while !rest.isEmpty {
            if used == SharedSlots.slotBytes { try dispatch(isLast: false) }
            try awaitSlot()
            let count = min(rest.count, SharedSlots.slotBytes - used)
            UnsafeMutableRawBufferPointer(rebasing: worker.slots[slot][used..<used + count])
                .copyMemory(from: .init(rebasing: rest[..<count]))
            used += count
            rest = .init(rebasing: rest[count...])
        }
    }

    func finish() throws(PluginError) {
        guard samplesLeft == 0 else {
            throw .usage(plugin: worker.plugin, reason: "\(samplesLeft) bytes are missing")
        }
        try awaitSlot()
        try dispatch(isLast: true)
        while !isOver { try hear() }
    }

    /// Until the current slot is the host's.
    private func awaitSlot() throws(PluginError) {
        while underWay.contains(slot) { try hear() }
    }

    private func dispatch(isLast: Bool) throws(PluginError) {
        // A worker that was given back may be another session's.
        guard !isOver else {
            throw .usage(plugin: worker.plugin, reason: "the session is over")
        }
        var packet = PacketWriter(isOpened ? .slotFilled : .encode)
        packet.number(UInt8(slot))
        packet.number(UInt32(used))
        packet.number(UInt8(isLast ? 1 : 0))
        if !isOpened {
            packet.number(UInt64(metadata.count))
            packet.description(gam_description(request.description))
            packet.text(request.fileName)
            packet.table(request.options)
            packet.limits(request.limits)
        }
        do {
            try worker.send(
                packet, descriptors: isOpened ? [] : [request.file.descriptor], seconds: seconds)
        } catch {
            end(inOrder: false)
            throw error
        }
        isOpened = true
        worker.holdToAccount()
        lastIsSent = isLast
        underWay.insert(slot)
        slot = (slot + 1) % SharedSlots.count
        used = 0
    }

    private func hear() throws(PluginError) {
        guard !isOver else {
            throw .usage(plugin: worker.plugin, reason: "the session is over")
        }
        var packet: PacketReader
        do {
            packet = try worker.receive(seconds: seconds, "encoding")
        } catch {
            end(inOrder: false)
            throw error
        }
        let outcome: PluginError?
        do throws(MalformedPacket) {
            outcome = try accept(&packet)
        } catch {
            outcome = worker.broken("it answered with bytes that are no answer")
        }
        guard let outcome else { return }
        if case .fault = outcome { end(inOrder: false) } else { end(inOrder: true) }
        throw outcome
    }

    /// The host's callbacks count what is written through them; a plugin may write past them.
    private var writtenBytes: UInt64 {
        var status = stat()
        return fstat(request.file.descriptor, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }

    /// The error that the packet means, if it means one.
    private func accept(_ packet: inout PacketReader) throws(MalformedPacket) -> PluginError? {
        switch packet.kind {
        case .taken:
            guard underWay.remove(Int(try packet.number(UInt8.self))) != nil else {
                throw MalformedPacket()
            }
        case .done where lastIsSent:
            guard writtenBytes <= request.limits.outputBytesMax else {
                return worker.broken("it wrote \(writtenBytes) bytes, more than its limit")
            }
            end(inOrder: true)
        case .failed: return try packet.error(plugin: worker.plugin)
        default: return worker.unexpected(packet.kind)
        }
        return nil
    }
}
