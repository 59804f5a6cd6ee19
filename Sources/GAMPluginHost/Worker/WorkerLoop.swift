// What runs inside gamd-worker: one plugin, one file at a time.
// What always holds:
// - The plugin's library is loaded behind the first wall, its functions are called behind the
//   second.
// - Before a session is reported as ended its handle is closed and no descriptor is left behind.
// - Any surprise on the control socket ends the process: the host starts another one.

import CGAMPlugin
import CLinux
import Glibc

/// The walls of a worker; gamd-worker has the real ones.
package protocol WorkerWalls {
    var hasLandlock: Bool { get }
    /// Each returns 0 or the negated errno.
    func limit(memoryBytes: UInt64, fileBytes: UInt64, descriptors: UInt64) -> Int32
    func beforeLoading(readable: [String], landlock: Bool) -> Int32
    func beforeWorking(landlock: Bool) -> Int32
}

package final class WorkerLoop {
    /// Descriptors a worker can have: the streams, the control socket, and a file.
    static let descriptorsMax: UInt64 = 64

    let socket: Int32
    let library: PluginLibrary
    let slots: SharedSlots
    /// Descriptors that are open while it waits for work; nil behind the wall, where no new ones
    /// can be made.
    private let descriptorsIdle: Int32?

    /// Never returns: serves `socket` until its host is gone.
    package static func run(socket: Int32, walls: some WorkerWalls) -> Never {
        let setup = WorkerSetup(socket: socket, walls: walls)
        do throws(PluginError) {
            guard let (library, slots, isWalled) = try setup.run() else { _exit(2) }
            let loop = WorkerLoop(socket, library, slots, isWalled)
            var ready = PacketWriter(.ready)
            library.profile.write(&ready)
            loop.send(ready)
            loop.serve()
        } catch {
            var packet = PacketWriter(.failed)
            packet.error(error)
            WorkerLoop.send(packet, socket)
            _exit(1)
        }
    }

    private init(
        _ socket: Int32, _ library: PluginLibrary, _ slots: SharedSlots, _ isWalled: Bool
    ) {
        self.socket = socket
        self.library = library
        self.slots = slots
        let last = Int32(Self.descriptorsMax) - 1
        descriptorsIdle = isWalled ? nil : clinux_open_descriptors(last)
        HostLog.sink = { _, file, level, text in
            var packet = PacketWriter(.log)
            packet.number(level)
            packet.text(file, limit: 255)
            packet.text(text, limit: 500)
            _ = packet.bytes.withUnsafeBytes {
                clinux_send_packet(socket, $0.baseAddress, $0.count, nil, 0, 0)
            }
        }
    }

    private func serve() -> Never {
        while true {
            guard let received = receive() else { _exit(0) }
            var packet = received.packet
            do throws(MalformedPacket) {
                try serve(&packet, received.file)
            } catch {
                _exit(2)
            }
        }
    }

    private func serve(_ packet: inout PacketReader, _ file: Int32?) throws(MalformedPacket) {
        switch (packet.kind, file) {
        case (.probe, nil): try probe(&packet)
        case (.decode, let file?): try DecodeService(self, file).run(&packet)
        case (.encode, let file?): try EncodeService(self, file).run(&packet)
        // Sent by the host before it heard that the file is finished or refused.
        case (.slotFree, nil), (.slotFilled, nil): return
        default: throw MalformedPacket()
        }
    }

    private func probe(_ packet: inout PacketReader) throws(MalformedPacket) {
        let head = Array(try packet.blob())
        let size = try packet.number(UInt64.self)
        let confidence = LocalHost(library: library)
            .probe(head: head, size: size, fileName: try packet.text())
        var answer = PacketWriter(.probed)
        answer.number(Int32(clamping: confidence))
        send(answer)
    }

    /// The error when a session left descriptors behind, which is the end of this worker.
    func leak() -> PluginError? {
        guard let descriptorsIdle else { return nil }
        let open = clinux_open_descriptors(Int32(Self.descriptorsMax) - 1)
        guard open != descriptorsIdle else { return nil }
        return .fault(
            plugin: library.id, reason: "it left \(open - descriptorsIdle) descriptors open")
    }

    func fail(_ error: PluginError) {
        var packet = PacketWriter(.failed)
        packet.error(error)
        send(packet)
    }

    func send(_ packet: PacketWriter) { Self.send(packet, socket) }

    private static func send(_ packet: PacketWriter, _ socket: Int32) {
        let status = packet.bytes.withUnsafeBytes {
            clinux_send_packet(socket, $0.baseAddress, $0.count, nil, 0, -1)
        }
        if status < 0 { _exit(0) }
    }

    /// The next packet and the descriptor it brought; nil when the host is gone.
    func receive() -> (packet: PacketReader, file: Int32?)? { Self.receive(socket) }

    static func receive(_ socket: Int32) -> (packet: PacketReader, file: Int32?)? {
        var file: Int32 = -1
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(CLINUX_PACKET_BYTES_MAX)) {
            buffer, used in
            var descriptors: [Int32] = [-1, -1]
            var count = 0
            let length = clinux_receive_packet(
                socket, buffer.baseAddress, buffer.count, &descriptors, &count, -1)
            used = max(0, length)
            if count > 0 { file = descriptors[0] }
        }
        guard let packet = try? PacketReader(bytes) else { return nil }
        return (packet, file >= 0 ? file : nil)
    }
}
