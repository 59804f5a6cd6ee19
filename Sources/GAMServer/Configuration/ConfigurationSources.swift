// Puts the configuration together: defaults, folders systemd has made, files, environment,
// command line, each over the ones before.
// What always holds: every option has one origin, the last place that set it.

import Glibc

/// Where to look for settings.
public struct ConfigurationSources: Sendable {
    public static let systemFile = "/etc/gamd/gamd.toml"

    /// A file that must exist; nil: that of systemd's ConfigurationDirectory=, else the system's, if
    /// it exists.
    public var file: String?
    public var environment: [String: String]
    /// Options as "section.key", the text of their value, and how the user wrote them.
    public var options: [(key: String, value: String, origin: String)]

    public init(
        file: String?, environment: [String: String],
        options: [(key: String, value: String, origin: String)]
    ) {
        self.file = file
        self.environment = environment
        self.options = options
    }

    /// The environment of this process.
    public static func processEnvironment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return result
    }

    /// Reads everything; throws the first fault.
    public func resolve() throws(ConfigurationError) -> ResolvedConfiguration {
        var result = ResolvedConfiguration()
        try addFoldersOfSystemd(&result)
        for path in try files() {
            for entry in try ConfigurationFile(try Self.text(of: path), path: path).entries {
                try result.set(entry.key, entry.value, entry.place)
            }
        }
        try addEnvironment(&result)
        for option in options {
            guard let key = ConfigurationKeys.byName[option.key] else {
                throw .unknownKey(place: option.origin, key: option.key)
            }
            try result.set(key, key.value(written: option.value), option.origin)
        }
        return result
    }

    /// StateDirectory= and RuntimeDirectory= of the unit, for the system and for a user's session.
    private func addFoldersOfSystemd(
        _ result: inout ResolvedConfiguration
    ) throws(ConfigurationError) {
        let places = [
            ("STATE_DIRECTORY", "store.path", ""),
            ("RUNTIME_DIRECTORY", "socket.path", "/gamd.sock"),
        ]
        for (name, key, suffix) in places {
            guard let folder = environment[name]?.split(separator: ":").first,
                let option = ConfigurationKeys.byName[key]
            else { continue }
            try result.set(option, .text(folder + suffix), "systemd \(name)")
        }
    }

    /// The file and, in order of their names, what lies in the folder of the same name with ".d".
    private func files() throws(ConfigurationError) -> [String] {
        // ConfigurationDirectory= of a user's own instance.
        let own = environment["CONFIGURATION_DIRECTORY"].map { "\($0)/gamd.toml" }
        let main = file ?? own ?? Self.systemFile
        let exists = access(main, F_OK) == 0
        var paths = exists || file != nil ? [main] : []
        guard let folder = opendir(main + ".d") else { return paths }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".toml"), !name.hasPrefix(".") { names.append(name) }
        }
        paths += names.sorted().map { "\(main).d/\($0)" }
        return paths
    }

    private func addEnvironment(_ result: inout ResolvedConfiguration) throws(ConfigurationError) {
        let byEnvironment = Dictionary(
            uniqueKeysWithValues: ConfigurationKeys.all.map { ($0.environmentName, $0) })
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) {
            let place = "environment \(name)"
            if let key = byEnvironment[name] {
                try result.set(key, key.value(written: text), place)
            } else if let section = ConfigurationKeys.sections.first(where: {
                name.hasPrefix("GAMD_\($0.uppercased())_")
            }) {
                throw .unknownKey(place: place, key: "of section [\(section)]")
            }
        }
    }

    private static func text(of path: String) throws(ConfigurationError) -> String {
        guard let file = fopen(path, "re") else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { fclose(file) }
        // A configuration is a few kilobytes; a file of more is something else.
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count < bytes.count, ferror(file) == 0 else {
            throw .unreadable(path: path, reason: "it is larger than 1 MiB or not a file")
        }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw .syntax(place: path, reason: "it is not UTF-8")
        }
        return text
    }
}

/// Settings and where each came from.
public struct ResolvedConfiguration: Sendable {
    public private(set) var settings = ServerConfiguration()
    private var origins: [String: String] = [:]

    public init() {}

    /// Settings that somebody chose in code.
    public init(_ settings: ServerConfiguration) { self.settings = settings }

    mutating func set(
        _ key: ConfigurationKey, _ value: ConfigurationValue, _ place: String
    ) throws(ConfigurationError) {
        try key.set(value, in: &settings, place: place)
        origins[key.name] = place
    }

    /// The options that take effect at once, over all others of `old`.
    func reloaded(over old: ResolvedConfiguration) -> ResolvedConfiguration {
        var result = old
        for key in ConfigurationKeys.all where key.isLive {
            key.copy(from: settings, to: &result.settings)
            result.origins[key.name] = origins[key.name]
        }
        return result
    }

    /// Every option in the order of the table: name, value as TOML, origin.
    public var entries: [(key: String, value: String, origin: String)] {
        ConfigurationKeys.all.map {
            ($0.name, $0.text(in: settings), origins[$0.name] ?? "default")
        }
    }
}
