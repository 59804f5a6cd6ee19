// One file in a worker.
// What always holds:
// - The last packet of a session is sent after its handle is closed, its descriptor too, and
//   nothing is left open.
// - Samples lie at the end of their slot, so that writing past them meets the guard page.

import CGAMPlugin
import CLinux
import GAMCore
import Glibc

/// Decodes one file into the slots.
struct DecodeService {
    private let loop: WorkerLoop
    private let file: Int32

    init(_ loop: WorkerLoop, _ file: Int32) {
        self.loop = loop
        self.file = file
    }

    func run(_ packet: inout PacketReader) throws(MalformedPacket) {
        let request = DecodeRequest(
            file: PositionedFile(descriptor: file, size: try packet.number()),
            fileName: try packet.text(), options: try packet.table(),
            limits: try packet.limits(), asksForRows: try packet.number(UInt8.self) != 0)
        do throws(PluginError) {
            try decode(request)
        } catch {
            close(file)
            loop.fail(error)
        }
    }

    private func decode(_ request: DecodeRequest) throws(PluginError) {
        var session: LocalDecodeSession? = try LocalDecodeSession(library: loop.library, request)
        guard let header = session?.header else { return }
        let metadata = MetadataStream.bytes(of: header.metadata)
        var metadataSent = 0
        // Samples that lie in the file as they are, the host reads there.
        var samplesLeft = header.samplesAt == nil ? header.description.signal.rawBytes : 0
        var free = Array(0..<SharedSlots.count)
        var isFirst = true
        repeat {
            let slot = free.isEmpty ? awaitSlot() : free.removeFirst()
            let metadataHere = min(metadata.count - metadataSent, SharedSlots.slotBytes)
            // Whole samples of any size, and none cut in two by what metadata took.
            let room = (SharedSlots.slotBytes - metadataHere) & ~15
            let samplesHere = min(samplesLeft, room)
            let target = loop.slots.tail(of: slot, metadataHere + samplesHere)
            target.copyBytes(from: metadata[metadataSent..<metadataSent + metadataHere])
            _ = try session?.read(into: .init(rebasing: target[metadataHere...]))
            metadataSent += metadataHere
            samplesLeft -= samplesHere
            let isLast = samplesLeft == 0 && metadataSent == metadata.count
            if isLast {
                session = nil
                close(file)
                if let leak = loop.leak() { return loop.fail(leak) }
            }
            var packet = PacketWriter(isFirst ? .opened : .filled)
            if isFirst {
                packet.description(header.raw)
                packet.number(UInt64(metadata.count))
            }
            packet.number(UInt8(slot))
            packet.number(UInt32(SharedSlots.slotBytes - target.count))
            packet.number(UInt32(target.count))
            packet.number(UInt8(isLast ? 1 : 0))
            loop.send(packet)
            isFirst = false
        } while session != nil
    }

    /// The slot that the host has read.
    private func awaitSlot() -> Int {
        guard let received = loop.receive(), received.file == nil else { _exit(0) }
        var packet = received.packet
        guard packet.kind == .slotFree, let slot = try? packet.number(UInt8.self),
            slot < SharedSlots.count
        else { _exit(0) }
        return Int(slot)
    }
}

/// Encodes one file out of the slots.
struct EncodeService {
    private let loop: WorkerLoop
    private let file: Int32

    init(_ loop: WorkerLoop, _ file: Int32) {
        self.loop = loop
        self.file = file
    }

    func run(_ packet: inout PacketReader) throws(MalformedPacket) {
        let first = try Piece(&packet)
        let metadataBytes = Int(try packet.number(UInt64.self))
        let raw = try packet.description()
        let fileName = try packet.text()
        let options = try packet.table()
        let limits = try packet.limits()
        do throws(PluginError) {
            let description = try SignalDescription(
                raw, plugin: loop.library.id, file: fileName)
            var source = PieceSource(loop, first)
            let bytes = source.bytes(metadataBytes)
            guard let metadata = MetadataStream.metadata(bytes, limits) else {
                throw .limit(
                    plugin: loop.library.id, file: fileName,
                    reason: "its metadata are more than the limit of \(limits.metadataBytesMax)")
            }
            let request = EncodeRequest(
                description: description, metadata: metadata,
                file: PositionedFile(descriptor: file, size: 0), fileName: fileName,
                options: options, limits: limits)
            try encode(request, &source)
        } catch {
            close(file)
            loop.fail(error)
        }
    }

    private func encode(
        _ request: EncodeRequest, _ source: inout PieceSource
    ) throws(PluginError) {
        var session: LocalEncodeSession? = try LocalEncodeSession(library: loop.library, request)
        while let piece = source.next() { try session?.write(piece) }
        try session?.finish()
        session = nil
        close(file)
        if let leak = loop.leak() { return loop.fail(leak) }
        loop.send(PacketWriter(.done))
    }
}

/// What a packet says of a filled slot.
private struct Piece {
    let slot: Int
    let count: Int
    let isLast: Bool

    init(_ packet: inout PacketReader) throws(MalformedPacket) {
        slot = Int(try packet.number(UInt8.self))
        count = Int(try packet.number(UInt32.self))
        isLast = try packet.number(UInt8.self) != 0
        guard slot < SharedSlots.count, count <= SharedSlots.slotBytes else {
            throw MalformedPacket()
        }
    }
}

/// The bytes of a stream, slot by slot.
private struct PieceSource {
    private let loop: WorkerLoop
    private var piece: Piece
    private var used = 0
    private var isAtEnd = false

    init(_ loop: WorkerLoop, _ first: Piece) {
        self.loop = loop
        piece = first
    }

    /// The rest of the current piece, or the next one; nil at the end. Valid until the next call.
    mutating func next() -> UnsafeRawBufferPointer? {
        while used == piece.count {
            guard advance() else { return nil }
        }
        let rest = loop.slots[piece.slot][used..<piece.count]
        used = piece.count
        return UnsafeRawBufferPointer(rebasing: rest)
    }

    /// The next `count` bytes; fewer only at the end.
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            if used == piece.count {
                guard advance() else { break }
                continue
            }
            let here = min(count - bytes.count, piece.count - used)
            bytes.append(contentsOf: loop.slots[piece.slot][used..<used + here])
            used += here
        }
        return bytes
    }

    /// Gives the current slot back and waits for the next; false after the last.
    private mutating func advance() -> Bool {
        guard !isAtEnd, !piece.isLast else {
            isAtEnd = true
            return false
        }
        var taken = PacketWriter(.taken)
        taken.number(UInt8(piece.slot))
        loop.send(taken)
        guard let received = loop.receive(), received.file == nil else { _exit(0) }
        var packet = received.packet
        guard packet.kind == .slotFilled, let next = try? Piece(&packet) else { _exit(0) }
        piece = next
        used = 0
        return true
    }
}
