import ArgumentParser
import GAMClient
import GAMProtocol
import Glibc

/// `gamctl plugin new NAME --lang swift|c`
struct PluginNew: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Makes a plugin that builds and passes its tests at once.",
        discussion: "Writes a folder with a small working format; replace it by yours.")

    enum Language: String, ExpressibleByArgument, CaseIterable {
        case swift, c
    }

    @Argument(help: "Name: 1 to 24 of a-z and 0-9, a letter first. Also the folder.")
    var name: String

    @Option(help: "swift or c.")
    var lang: Language

    @Option(help: "Folder of the plugin kit. Default: $GAMD_KIT, or the one of this gamctl.")
    var kit: String?

    func run() throws {
        try reporting(json: false) {
            let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789")
            guard (1...24).contains(name.utf8.count), name.allSatisfy(allowed.contains),
                name.first?.isLetter == true
            else {
                throw ClientError(
                    .badRequest, "\"\(name)\" is not 1 to 24 of a-z and 0-9, a letter first")
            }
            let template = PluginTemplate(name: name, kit: try kitFolder())
            try makeFolder(name)
            let files = lang == .c ? template.cFiles : template.swiftFiles
            for (path, bytes) in files { try write(bytes, to: name + "/" + path) }
            show("\(name)/ is ready: cd \(name) && make test")
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let parts = path.split(separator: "/").dropLast()
        for count in 2..<max(2, parts.count + 1) {
            try makeFolder(parts.prefix(count).joined(separator: "/"), mayExist: true)
        }
        try writeFile(path, bytes)
    }

    private func makeFolder(_ path: String, mayExist: Bool = false) throws(ClientError) {
        if mkdir(path, 0o755) == 0 || (mayExist && errno == EEXIST) { return }
        throw ClientError(
            errno == EEXIST ? .alreadyExists : .cannotWrite,
            "cannot make the folder \(path): \(String(cString: strerror(errno)))")
    }

    /// The kit that was named, or the one that belongs to this executable: installed beside it, or
    /// in the source tree it was built in.
    private func kitFolder() throws(ClientError) -> String {
        if let kit { return try Self.checked(kit) }
        if let named = getenv("GAMD_KIT") { return try Self.checked(String(cString: named)) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        var parts = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
            .split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let folder = "/" + parts.joined(separator: "/")
            for kit in [folder + "/share/gamd/plugin-kit", folder + "/PluginKit"]
            where access(kit + "/Package.swift", R_OK) == 0 {
                return kit
            }
        }
        throw ClientError(
            .configuration, "the plugin kit was not found; name its folder with --kit")
    }

    private static func checked(_ folder: String) throws(ClientError) -> String {
        guard let path = realpath(folder, nil) else {
            throw ClientError(.configuration, "there is no plugin kit in \(folder)")
        }
        defer { free(path) }
        guard access(folder + "/Package.swift", R_OK) == 0 else {
            throw ClientError(.configuration, "there is no plugin kit in \(folder)")
        }
        return String(cString: path)
    }
}
