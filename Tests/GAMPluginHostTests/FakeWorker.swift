// What always holds here:
// - The host side is the real one, from the registry down; only the process at the other end of the
//   socket and of the shared memory is the test's.
// - A script runs on a thread of its own, once for each worker; when it returns, the connection ends.

import CGAMPlugin
import CLinux
import GAMPluginHost
import GAMPluginManifests
import Glibc
import Synchronization

/// The worker's end of a connection, in the hands of a test.
final class FakeWorker: @unchecked Sendable {
    // @unchecked: used by the thread of its script alone.
    typealias Script = @Sendable (FakeWorker) -> Void

    let slots: SharedSlots
    private let socket: Int32

    private init(_ socket: Int32, _ slots: SharedSlots) {
        self.socket = socket
        self.slots = slots
    }

    deinit { close(socket) }

    /// What the host sends next and the descriptor it brings; nil when the host is gone, or after
    /// ten seconds, so that a test that fails does not hang.
    func receive() -> (packet: PacketReader, file: Int32?)? {
        var buffer = [UInt8](repeating: 0, count: Int(CLINUX_PACKET_BYTES_MAX))
        var files: [Int32] = [-1, -1]
        var count = 0
        let length = clinux_receive_packet(
            socket, &buffer, buffer.count, &files, &count, 10_000)
        guard length > 0, let packet = try? PacketReader(Array(buffer[..<length])) else {
            return nil
        }
        return (packet, count > 0 ? files[0] : nil)
    }

    /// Until the host ends the connection.
    func waitForTheEnd() { while receive() != nil {} }

    func send(_ packet: PacketWriter) { send(packet.bytes) }

    /// Any bytes, of any length, with any descriptors.
    func send(_ bytes: [UInt8], descriptors: [Int32] = []) {
        if bytes.count <= Int(CLINUX_PACKET_BYTES_MAX) {
            _ = clinux_send_packet(
                socket, bytes, bytes.count, descriptors, descriptors.count, 10_000)
        } else {
            _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// A registry whose workers run `script` with plugin "array", whose library is not loaded.
    static func registry(
        quarantine: QuarantineRule = .never, _ script: @escaping Script
    ) -> PluginRegistry {
        PluginRegistry(
            manifestFolders: [PluginTests.packageFolder + "/Plugins"],
            libraryFolders: [PluginTests.buildFolder], quarantine: quarantine
        ) { library throws(PluginError) in
            let profile = PluginProfile(version: "1.0.0", sdkVersion: "fake", parameters: [])
            return (start(library.id, script), profile)
        }
    }

    private static func start(_ plugin: String, _ script: @escaping Script) -> WorkerProcess {
        var sockets: [Int32] = [-1, -1]
        precondition(clinux_packet_pair(&sockets) == 0, "a socket pair is needed")
        let memory = SharedSlots.make()
        guard memory >= 0, let ours = SharedSlots(mapping: memory),
            let theirs = SharedSlots(mapping: memory)
        else { preconditionFailure("shared memory is needed") }
        close(memory)
        // A process that the host can end; it does nothing.
        let process = clinux_spawn_worker("/bin/sleep", "600", STDERR_FILENO)
        precondition(process > 0, "/bin/sleep is needed")
        run(FakeWorker(sockets[1], theirs), script)
        return WorkerProcess(plugin: plugin, process: process, socket: sockets[0], slots: ours)
    }

    private final class Job {
        let worker: FakeWorker
        let script: Script

        init(_ worker: FakeWorker, _ script: @escaping Script) {
            self.worker = worker
            self.script = script
        }
    }

    private static func run(_ worker: FakeWorker, _ script: @escaping Script) {
        let job = Unmanaged.passRetained(Job(worker, script)).toOpaque()
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                let job = Unmanaged<Job>.fromOpaque(pointer).takeRetainedValue()
                job.script(job.worker)
                return nil
            }, job)
        precondition(status == 0, "a thread is needed")
        pthread_detach(thread)
    }
}

extension QuarantineRule {
    static var never: QuarantineRule {
        var rule = QuarantineRule()
        rule.faultsMax = .max
        return rule
    }
}

/// What a worker says of a file of `count` samples on one axis, and of the slot that comes with it;
/// every field can be a lie.
struct FakeAnswer {
    var extents: [UInt64] = [1000]
    var bits: UInt32 = 8
    var metadata: [UInt8] = MetadataStream.bytes(of: [])
    /// Nil: as many as there are.
    var metadataBytes: UInt64?
    var slot: UInt8 = 0
    var offset: UInt32?
    var count: UInt32?
    var last: UInt8 = 1
    var samplesAt: UInt64 = 0

    var raw: gam_description {
        var raw = gam_description()
        raw.struct_size = MemoryLayout<gam_description>.size
        raw.axis_count = UInt32(extents.count)
        raw.channel_count = 1
        raw.bits = bits
        raw.samples_at = samplesAt
        withUnsafeMutableBytes(of: &raw.axes) { bytes in
            let axes = bytes.bindMemory(to: gam_axis.self)
            for (index, extent) in extents.enumerated() {
                axes[index].extent = extent
                axes[index].spacing = 1
            }
        }
        withUnsafeMutableBytes(of: &raw.kind) { $0.copyBytes(from: "array".utf8) }
        return raw
    }

    /// The packet `opened`, with metadata and `samples` at the end of the slot.
    func opened(_ worker: FakeWorker, samples: [UInt8]) -> PacketWriter {
        var packet = PacketWriter(.opened)
        packet.description(raw)
        packet.number(metadataBytes ?? UInt64(metadata.count))
        piece(&packet, worker, metadata + samples)
        return packet
    }

    /// The packet `filled`.
    func filled(_ worker: FakeWorker, samples: [UInt8]) -> PacketWriter {
        var packet = PacketWriter(.filled)
        piece(&packet, worker, samples)
        return packet
    }

    private func piece(_ packet: inout PacketWriter, _ worker: FakeWorker, _ bytes: [UInt8]) {
        let start = SharedSlots.slotBytes - bytes.count
        if slot < UInt8(SharedSlots.count) {
            UnsafeMutableRawBufferPointer(rebasing: worker.slots[Int(slot)][start...])
                .copyBytes(from: bytes)
        }
        packet.number(slot)
        packet.number(offset ?? UInt32(start))
        packet.number(count ?? UInt32(bytes.count))
        packet.number(last)
    }
}
