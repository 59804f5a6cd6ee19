// From an executable to a worker that has its plugin loaded and its rights lost.
// What always holds: a worker that reports ready has taken every step its options demand; one that
// cannot is ended, and the error says which wall is missing.

import CLinux
import Glibc

struct WorkerStart {
    let library: LibraryIdentity
    let options: WorkerOptions

    /// Loading a library and what its constructors do.
    private static let secondsMax: UInt64 = 20
    private static let fallbackFolder = "/usr/lib/gamd"

    func run() throws(PluginError) -> (WorkerProcess, PluginProfile) {
        let path = try executable()
        var sockets: [Int32] = [-1, -1]
        try check(clinux_packet_pair(&sockets), "making a socket pair")
        let memory = SharedSlots.make()
        guard memory >= 0, let slots = SharedSlots(mapping: memory) else {
            for descriptor in sockets { close(descriptor) }
            if memory >= 0 { close(memory) }
            throw .outOfMemory(plugin: library.id, reason: "no shared memory for a worker")
        }
        defer { close(memory) }
        let process = WorkerSpawner.shared.start(path, socket: sockets[1])
        close(sockets[1])
        guard process > 0 else {
            close(sockets[0])
            throw refused("starting \(path) failed: \(String(cString: strerror(-process)))")
        }
        let worker = WorkerProcess(
            plugin: library.id, process: process, socket: sockets[0], slots: slots)
        try worker.send(loadPacket(), descriptors: [memory], seconds: Self.secondsMax)
        var answer = try worker.receive(seconds: Self.secondsMax, "loading its library")
        return (worker, try profile(&answer, worker))
    }

    private func loadPacket() -> PacketWriter {
        var packet = PacketWriter(.load)
        packet.number(workerProtocol)
        packet.text(options.sandbox.rawValue)
        packet.number(options.memoryBytesMax &+ WorkerOptions.memoryReserveBytes)
        packet.number(options.outputBytesMax)
        packet.text(library.path)
        packet.text(library.id)
        packet.number(library.abiMajor)
        packet.number(library.abiMinor)
        return packet
    }

    private func profile(
        _ answer: inout PacketReader, _ worker: WorkerProcess
    ) throws(PluginError) -> PluginProfile {
        let refusal: PluginError
        do throws(MalformedPacket) {
            switch answer.kind {
            case .ready: return try PluginProfile(&answer)
            case .failed: refusal = try answer.error(plugin: library.id)
            default: refusal = worker.unexpected(answer.kind)
            }
        } catch {
            throw worker.broken("it described itself with bytes that are no description")
        }
        worker.end()
        throw refusal
    }

    private func check(_ status: Int32, _ doing: String) throws(PluginError) {
        guard status >= 0 else {
            throw refused("\(doing) failed: \(String(cString: strerror(-status)))")
        }
    }

    private func refused(_ reason: String) -> PluginError {
        .incompatible(plugin: library.id, reason: reason)
    }

    private func executable() throws(PluginError) -> String {
        if let path = options.executable { return path }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let parts = String(decoding: buffer[..<max(0, count)], as: UTF8.self).split(separator: "/")
        let folder = "/" + parts.dropLast().joined(separator: "/")
        let places = [folder, folder + "/../lib/gamd", Self.fallbackFolder]
            .map { $0 + "/gamd-worker" }
        guard let found = places.first(where: { access($0, X_OK) == 0 }) else {
            throw refused(
                "gamd-worker is in none of: \(places.joined(separator: ", "));"
                    + " install it there, or allow plugins in the process itself")
        }
        return found
    }
}

extension PluginProfile {
    /// As a worker reports it.
    init(_ packet: inout PacketReader) throws(MalformedPacket) {
        let version = try packet.text()
        let sdk = try packet.text()
        var parameters: [PluginParameter] = []
        for _ in 0..<(try packet.number(UInt32.self)) {
            let name = try packet.text()
            let value = try packet.text()
            parameters.append(
                PluginParameter(name: name, defaultValue: value, help: try packet.text()))
        }
        self.init(version: version, sdkVersion: sdk, parameters: parameters)
    }

    func write(_ packet: inout PacketWriter) {
        packet.text(version, limit: 64)
        packet.text(sdkVersion, limit: 64)
        packet.number(UInt32(parameters.count))
        for parameter in parameters {
            packet.text(parameter.name, limit: 64)
            packet.text(parameter.defaultValue, limit: 128)
            packet.text(parameter.help, limit: 400)
        }
    }
}
