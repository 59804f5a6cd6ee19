// Reads gamd.toml. One table names every key with its type and range; a key outside it is an
// error that names the key, so that no misspelled option is ignored.

import TOMLKit

/// One option: how its value gets into the configuration.
struct ConfigurationKey: Sendable {
    enum Target: Sendable {
        case integer(@Sendable (inout ServerConfiguration, Int) -> Void, ClosedRange<Int>)
        case boolean(@Sendable (inout ServerConfiguration, Bool) -> Void)
        case choice(@Sendable (inout ServerConfiguration, String) -> Void, [String])
        case octal(@Sendable (inout ServerConfiguration, Int) -> Void)
        case integers(@Sendable (inout ServerConfiguration, [Int]) -> Void, ClosedRange<Int>)
        case strings(@Sendable (inout ServerConfiguration, [String]) -> Void)
    }
    let name: String
    let target: Target
}

enum ConfigurationKeys {
    private static let byteRange = 1...(1 << 50)
    private static let seconds = 1...86_400

    static let all: [ConfigurationKey] =
        [
            .init(name: "socket.mode", target: .octal { $0.socket.mode = $1 }),
            .init(name: "socket.backlog", target: .integer({ $0.socket.backlog = $1 }, 1...4096)),
            .init(
                name: "access.read_only_users",
                target: .integers({ $0.access.readOnlyUsers = $1 }, 0...0xFFFF_FFFF)),
            .init(
                name: "limits.connections_max",
                target: .integer({ $0.limits.connectionsMax = $1 }, 1...10_000)),
            .init(
                name: "limits.requests_per_connection_max",
                target: .integer({ $0.limits.requestsPerConnectionMax = $1 }, 1...1_000)),
            .init(
                name: "limits.active_per_connection_max",
                target: .integer({ $0.limits.activePerConnectionMax = $1 }, 1...1_000)),
            .init(
                name: "limits.put_bytes_max",
                target: .integer({ $0.limits.putBytesMax = $1 }, byteRange)),
            .init(
                name: "limits.samples_bytes_max",
                target: .integer({ $0.limits.samplesBytesMax = $1 }, byteRange)),
            .init(
                name: "limits.metadata_bytes_max",
                target: .integer({ $0.limits.metadataBytesMax = $1 }, 1...(1 << 30))),
            .init(
                name: "limits.free_bytes_min",
                target: .integer({ $0.limits.freeBytesMin = $1 }, 0...(1 << 50))),
            .init(
                name: "timeouts.idle_seconds",
                target: .integer({ $0.timeouts.idleSeconds = $1 }, seconds)),
            .init(
                name: "timeouts.header_seconds",
                target: .integer({ $0.timeouts.headerSeconds = $1 }, seconds)),
            .init(
                name: "timeouts.body_seconds",
                target: .integer({ $0.timeouts.bodySeconds = $1 }, seconds)),
            .init(
                name: "timeouts.write_seconds",
                target: .integer({ $0.timeouts.writeSeconds = $1 }, seconds)),
            .init(
                name: "timeouts.shutdown_seconds",
                target: .integer({ $0.timeouts.shutdownSeconds = $1 }, 0...6)),
            .init(name: "threads.puts", target: .integer({ $0.threads.puts = $1 }, 1...256)),
            .init(name: "threads.reads", target: .integer({ $0.threads.reads = $1 }, 1...1_024)),
            .init(name: "threads.codec", target: .integer({ $0.threads.codec = $1 }, 0...256)),
            .init(name: "refit.enabled", target: .boolean { $0.refit.enabled = $1 }),
            .init(
                name: "refit.idle_seconds",
                target: .integer({ $0.refit.idleSeconds = $1 }, seconds)),
            .init(name: "refit.effort", target: .integer({ $0.refit.effort = $1 }, 1...9)),
            .init(
                name: "log.level",
                target: .choice(
                    { $0.log.level = $1 },
                    ["trace", "debug", "info", "notice", "warning", "error", "critical"])),
        ] + plugins

    private static let plugins: [ConfigurationKey] = [
        .init(name: "plugins.folders", target: .strings { $0.plugins.folders = $1 }),
        .init(
            name: "plugins.library_folders", target: .strings { $0.plugins.libraryFolders = $1 }),
        .init(
            name: "plugins.isolation",
            target: .choice({ $0.plugins.isolation = $1 }, ["workers", "in-process"])),
        .init(
            name: "plugins.sandbox",
            target: .choice({ $0.plugins.sandbox = $1 }, ["required", "available", "off"])),
        .init(
            name: "plugins.verify",
            target: .choice({ $0.plugins.verify = $1 }, ["all", "file", "off"])),
        .init(
            name: "plugins.idle_workers_max",
            target: .integer({ $0.plugins.idleWorkersMax = $1 }, 0...64)),
        .init(
            name: "plugins.memory_bytes_max",
            target: .integer({ $0.plugins.memoryBytesMax = $1 }, 1...(1 << 40))),
        .init(
            name: "plugins.points_max",
            target: .integer({ $0.plugins.pointsMax = $1 }, 1...(1 << 40))),
        .init(
            name: "plugins.channels_max",
            target: .integer({ $0.plugins.channelsMax = $1 }, 1...64)),
        .init(
            name: "plugins.output_bytes_max",
            target: .integer({ $0.plugins.outputBytesMax = $1 }, byteRange)),
        .init(
            name: "plugins.seconds_max",
            target: .integer({ $0.plugins.secondsMax = $1 }, seconds)),
        .init(
            name: "plugins.faults_max",
            target: .integer({ $0.plugins.faultsMax = $1 }, 1...1_000)),
        .init(
            name: "plugins.fault_window_seconds",
            target: .integer({ $0.plugins.faultWindowSeconds = $1 }, seconds)),
        .init(
            name: "plugins.quarantine_seconds",
            target: .integer({ $0.plugins.quarantineSeconds = $1 }, 1...31_536_000)),
    ]
}

extension ServerConfiguration {
    /// - Parameter path: names the text in errors.
    public init(parsing text: String, path: String) throws(ConfigurationError) {
        self.init()
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch {
            throw .syntax(path: path, reason: "\(error)")
        }
        for section in root.keys {
            guard let table = root[section]?.table else {
                throw .unknownKey(path: path, key: section)
            }
            for key in table.keys {
                let name = "\(section).\(key)"
                guard let option = ConfigurationKeys.all.first(where: { $0.name == name }),
                    let value = table[key]
                else { throw .unknownKey(path: path, key: name) }
                try set(option, value, path)
            }
        }
    }

    private mutating func set(
        _ option: ConfigurationKey, _ value: any TOMLValueConvertible, _ path: String
    ) throws(ConfigurationError) {
        func wrongType(_ expected: String) -> ConfigurationError {
            .wrongType(path: path, key: option.name, expected: expected)
        }
        func checked(_ number: Int, _ range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
            if range.contains(number) { return number }
            let allowed = "\(range.lowerBound) to \(range.upperBound)"
            throw .outOfRange(path: path, key: option.name, allowed: allowed)
        }
        switch option.target {
        case .integer(let assign, let range):
            guard let number = value.int else { throw wrongType("an integer") }
            assign(&self, try checked(number, range))
        case .boolean(let assign):
            guard let flag = value.bool else { throw wrongType("true or false") }
            assign(&self, flag)
        case .choice(let assign, let choices):
            let allowed = "one of " + choices.joined(separator: ", ")
            guard let text = value.string else { throw wrongType(allowed) }
            guard choices.contains(text) else {
                throw .outOfRange(path: path, key: option.name, allowed: allowed)
            }
            assign(&self, text)
        case .octal(let assign):
            let expected = "an octal number in quotes, for example \"0660\""
            guard let text = value.string else { throw wrongType(expected) }
            guard let mode = Int(text, radix: 8), (0...0o777).contains(mode) else {
                throw .outOfRange(path: path, key: option.name, allowed: expected)
            }
            assign(&self, mode)
        case .integers(let assign, let range):
            guard let array = value.array else { throw wrongType("a list of integers") }
            var numbers: [Int] = []
            for element in array {
                guard let number = element.int else { throw wrongType("a list of integers") }
                numbers.append(try checked(number, range))
            }
            assign(&self, numbers)
        case .strings(let assign):
            guard let array = value.array else { throw wrongType("a list of strings") }
            let texts = array.compactMap { $0.string }
            guard texts.count == array.count else { throw wrongType("a list of strings") }
            assign(&self, texts)
        }
    }
}

extension ServerConfiguration {
    /// Every key a file may set, as "section.key".
    public static var keyNames: Set<String> { Set(ConfigurationKeys.all.map(\.name)) }
}
