// One worker as the host sees it.
// What always holds:
// - Everything it sends is checked; whatever it does instead of answering ends in a typed error
//   and in its end.
// - One session uses it at a time. Nothing of one session is left for the next: a worker whose
//   session did not end in order is ended too.

import CLinux
import Glibc

package final class WorkerProcess: @unchecked Sendable {
    // @unchecked: a lease gives it to one session at a time.
    let plugin: String
    let process: Int32
    let slots: SharedSlots
    private let socket: Int32
    private(set) var isAlive = true
    private var buffer = [UInt8](repeating: 0, count: Int(CLINUX_PACKET_BYTES_MAX))
    private var logLinesLeft = HostContext.logLinesMax
    private var hasAnswered = false
    private(set) var sessionsServed = 0

    /// The reason of a fault that is not the plugin's: somebody ended the worker before this
    /// session began.
    static let goneReason = "its worker was ended while it waited for work"

    package init(plugin: String, process: Int32, socket: Int32, slots: SharedSlots) {
        self.plugin = plugin
        self.process = process
        self.socket = socket
        self.slots = slots
    }

    deinit {
        if isAlive { _ = clinux_end_child(process) }
        close(socket)
    }

    /// Sends a packet; a worker that does not take it is at fault.
    func send(
        _ packet: PacketWriter, descriptors: [Int32] = [], seconds: UInt64
    ) throws(PluginError) {
        guard packet.fits else {
            throw .usage(plugin: plugin, reason: "its options or names take more than 64 KiB")
        }
        let milliseconds = Self.milliseconds(seconds)
        let status = packet.bytes.withUnsafeBytes { bytes in
            descriptors.withUnsafeBufferPointer {
                clinux_send_packet(
                    socket, bytes.baseAddress, bytes.count, $0.baseAddress, $0.count, milliseconds)
            }
        }
        if status == -EAGAIN { throw timedOut(seconds, "taking a request") }
        if status < 0 { throw died() }
    }

    /// The next packet that is not a log line, within `seconds`.
    func receive(seconds: UInt64, _ doing: String) throws(PluginError) -> PacketReader {
        let end = clinux_milliseconds() + Int64(Self.milliseconds(seconds))
        var lines = 0
        while true {
            let left = Int32(clamping: max(0, end - clinux_milliseconds()))
            var descriptors = [Int32](repeating: -1, count: Int(CLINUX_PACKET_DESCRIPTORS_MAX))
            var count = 0
            let length = clinux_receive_packet(
                socket, &buffer, buffer.count, &descriptors, &count, left)
            // No worker has anything to hand over.
            for descriptor in descriptors.prefix(count) { close(descriptor) }
            if length == -Int(EAGAIN) || (lines > 0 && clinux_milliseconds() >= end) {
                throw timedOut(seconds, doing)
            }
            if length == -Int(EMSGSIZE) {
                throw broken("it sent a packet longer than \(buffer.count) bytes")
            }
            guard length > 0 else { throw died() }
            do throws(MalformedPacket) {
                var packet = try PacketReader(Array(buffer[..<length]))
                guard packet.kind == .log else {
                    hasAnswered = true
                    return packet
                }
                try show(&packet)
                lines += 1
            } catch {
                throw broken("it sent bytes that are no packet")
            }
            // An honest worker stops there by itself (HostContext); a plugin may write its own lines.
            guard lines <= HostContext.logLinesFault else {
                throw broken("it logged more than \(HostContext.logLinesFault) lines")
            }
        }
    }

    private func show(_ packet: inout PacketReader) throws(MalformedPacket) {
        let level = try packet.number(Int32.self)
        let file = try packet.text()
        let text = try packet.text()
        guard logLinesLeft > 0 else { return }
        logLinesLeft -= 1
        HostLog.write(plugin: plugin, file: file, level: level, text: text)
    }

    /// A new session may log again.
    func beginSession() {
        logLinesLeft = HostContext.logLinesMax
        hasAnswered = false
        sessionsServed += 1
    }

    /// From here on its end is its own: what it was given cannot be given to another one.
    func holdToAccount() { hasAnswered = true }

    /// The error for something it must not send; ends it.
    func broken(_ reason: String) -> PluginError {
        end()
        return .fault(plugin: plugin, reason: reason)
    }

    func unexpected(_ kind: PacketKind) -> PluginError {
        broken("its worker sent '\(kind)' where something else was due")
    }

    private func timedOut(_ seconds: UInt64, _ doing: String) -> PluginError {
        end()
        return .fault(
            plugin: plugin,
            reason: "it did not answer within \(seconds) s while \(doing) and was stopped")
    }

    private func died() -> PluginError {
        let status = end()
        let wasWaiting = sessionsServed > 1 && !hasAnswered
        let reason =
            wasWaiting && (status == 0 || status & 0x7f == SIGKILL)
            ? Self.goneReason : Self.meaning(of: status)
        return .fault(plugin: plugin, reason: reason)
    }

    /// Ends the process; its wait status.
    @discardableResult
    func end() -> Int32 {
        guard isAlive else { return 0 }
        isAlive = false
        return clinux_end_child(process)
    }

    /// Whether it waits for work: alive, and it has said nothing unasked.
    var isQuiet: Bool {
        isAlive && clinux_wait(socket, Int16(POLLIN), 0) == 0
    }

    private static func milliseconds(_ seconds: UInt64) -> Int32 {
        Int32(clamping: min(seconds, 1_000_000) * 1000)
    }

    private static func meaning(of status: Int32) -> String {
        let signal = status & 0x7f
        let code = (status >> 8) & 0xff
        switch signal {
        case 0 where code != 0: return "its worker ended with exit code \(code)"
        case 0, SIGKILL: return "it closed the connection of its worker, or the system killed it"
        case SIGSYS: return "it made a system call that no adapter may make and was stopped"
        default: return "it crashed: \(String(cString: strsignal(signal))) (signal \(signal))"
        }
    }
}
