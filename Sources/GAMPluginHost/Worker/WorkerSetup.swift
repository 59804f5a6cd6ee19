// How a worker loses its rights and loads its plugin.
// What always holds: limits first, then the wall for loading, then the library, then the wall for
// work; a wall that is demanded and cannot be built is an error.

import CLinux
import Glibc

struct WorkerSetup<Walls: WorkerWalls> {
    let socket: Int32
    let walls: Walls

    /// Where libraries that a plugin needs may lie, besides its own folder and the folders of what
    /// this process has loaded already.
    private static var libraryFolders: [String] {
        ["/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache"]
    }

    /// Nil when the host's first packet is not one of this version.
    func run() throws(PluginError) -> (PluginLibrary, SharedSlots, isWalled: Bool)? {
        guard let received = WorkerLoop.receive(socket), let memory = received.file,
            received.packet.kind == .load
        else { return nil }
        var packet = received.packet
        guard let order = try? LoadOrder(&packet), order.version == workerProtocol,
            let slots = SharedSlots(mapping: memory)
        else { return nil }
        close(memory)
        clinux_name_thread("gamd-" + order.library.id)
        let identity = order.library
        func wall(
            _ status: Int32, _ what: String, or choices: String = "\"off\""
        ) throws(PluginError) {
            guard status < 0, order.sandbox != .off else { return }
            let reason = String(cString: strerror(-status))
            throw .incompatible(
                plugin: identity.id,
                reason: "no sandbox: \(what) is not available (\(reason)); use a kernel with"
                    + " Landlock and seccomp, or allow sandbox = \(choices) in the configuration")
        }
        let landlock = order.sandbox != .off && walls.hasLandlock
        if order.sandbox == .required && !landlock {
            try wall(-ENOSYS, "Landlock", or: "\"available\" or \"off\"")
        }
        try wall(
            walls.limit(
                memoryBytes: order.memoryBytes, fileBytes: order.fileBytes,
                descriptors: WorkerLoop.descriptorsMax), "setting limits")
        if order.sandbox != .off {
            try wall(
                walls.beforeLoading(readable: Self.readable(identity.path), landlock: landlock),
                "the wall for loading")
        }
        let library = try PluginLibrary(identity)
        if order.sandbox != .off {
            try wall(walls.beforeWorking(landlock: landlock), "the wall for work")
        }
        return (library, slots, order.sandbox != .off)
    }

    private static func readable(_ library: String) -> [String] {
        let parts = library.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return [parts.joined(separator: "/")] + libraryFolders + mappedFolders()
    }

    /// Folders of the files that are mapped into this process: where its own libraries lie.
    private static func mappedFolders() -> [String] {
        guard let file = fopen("/proc/self/maps", "re") else { return [] }
        defer { fclose(file) }
        var folders: Set<String> = []
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = line.withUnsafeBytes {
                String(decoding: $0.prefix { $0 != 0 && $0 != 10 }, as: UTF8.self)
            }
            guard let start = text.firstIndex(of: "/"), let end = text.lastIndex(of: "/"),
                start < end
            else { continue }
            folders.insert(String(text[start..<end]))
        }
        return folders.sorted()
    }
}

/// The first packet of a host.
private struct LoadOrder {
    let version: UInt32
    let sandbox: WorkerOptions.Sandbox
    let memoryBytes: UInt64
    let fileBytes: UInt64
    let library: LibraryIdentity

    init(_ packet: inout PacketReader) throws(MalformedPacket) {
        version = try packet.number()
        guard let sandbox = WorkerOptions.Sandbox(rawValue: try packet.text()) else {
            throw MalformedPacket()
        }
        self.sandbox = sandbox
        memoryBytes = try packet.number()
        fileBytes = try packet.number()
        let path = try packet.text()
        let id = try packet.text()
        library = LibraryIdentity(
            path: path, id: id, abiMajor: try packet.number(), abiMinor: try packet.number())
    }
}
