// The table of all options: name, place, type and range.
// What always holds: what reads, checks, shows and documents options works from this table alone.

/// One option of the daemon.
struct ConfigurationKey: Sendable {
    typealias Place<Value> = WritableKeyPath<ServerConfiguration, Value> & Sendable

    enum Target: Sendable {
        case integer(Place<Int>, ClosedRange<Int>)
        case boolean(Place<Bool>)
        case text(Place<String>)
        case choice(Place<String>, [String])
        /// Permissions, written in octal and in quotes.
        case octal(Place<Int>)
        case integers(Place<[Int]>, ClosedRange<Int>)
        case texts(Place<[String]>)
        /// "prefix=number", each prefix once.
        case prefixLimits(Place<[ServerConfiguration.PrefixLimit]>, ClosedRange<Int>)
    }

    let name: String
    let target: Target
    /// Whether a reload puts a new value into effect; others wait for a restart.
    let isLive: Bool

    init(_ name: String, _ target: Target, isLive: Bool = false) {
        self.name = name
        self.target = target
        self.isLive = isLive
    }

    /// GAMD_ with section and key; the path of the socket has the name clients use, too.
    var environmentName: String {
        if name == "socket.path" { return "GAMD_SOCKET" }
        return "GAMD_" + name.uppercased().replacing(".", with: "_")
    }

    /// The value as TOML.
    func text(in configuration: ServerConfiguration) -> String {
        switch target {
        case .integer(let place, _): "\(configuration[keyPath: place])"
        case .boolean(let place): "\(configuration[keyPath: place])"
        case .text(let place), .choice(let place, _): Self.quoted(configuration[keyPath: place])
        case .octal(let place):
            Self.quoted("0" + String(configuration[keyPath: place], radix: 8))
        case .integers(let place, _):
            "[" + configuration[keyPath: place].map(String.init).joined(separator: ", ") + "]"
        case .texts(let place):
            "[" + configuration[keyPath: place].map(Self.quoted).joined(separator: ", ") + "]"
        case .prefixLimits(let place, _):
            "["
                + configuration[keyPath: place].map { Self.quoted("\($0.prefix)=\($0.limit)") }
                .joined(separator: ", ") + "]"
        }
    }

    /// Takes the value over from another configuration.
    func copy(from other: ServerConfiguration, to configuration: inout ServerConfiguration) {
        switch target {
        case .integer(let place, _): configuration[keyPath: place] = other[keyPath: place]
        case .boolean(let place): configuration[keyPath: place] = other[keyPath: place]
        case .text(let place), .choice(let place, _):
            configuration[keyPath: place] = other[keyPath: place]
        case .octal(let place): configuration[keyPath: place] = other[keyPath: place]
        case .integers(let place, _): configuration[keyPath: place] = other[keyPath: place]
        case .texts(let place): configuration[keyPath: place] = other[keyPath: place]
        case .prefixLimits(let place, _):
            configuration[keyPath: place] = other[keyPath: place]
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

enum ConfigurationKeys {
    private static let bytes = 0...(1 << 50)
    private static let someBytes = 1...(1 << 50)
    private static let seconds = 1...86_400
    private static let users = 0...0xFFFF_FFFF

    static let all = general + plugins

    private static let general: [ConfigurationKey] = [
        .init("store.path", .text(\.store.path)),
        .init("socket.path", .text(\.socket.path)),
        .init("socket.mode", .octal(\.socket.mode)),
        .init("socket.backlog", .integer(\.socket.backlog, 1...4096)),
        .init("access.read_only_users", .integers(\.access.readOnlyUsers, users), isLive: true),
        .init("access.deny_users", .integers(\.access.denyUsers, users), isLive: true),
        .init("access.admin_users", .integers(\.access.adminUsers, users), isLive: true),
        .init("limits.connections_max", .integer(\.limits.connectionsMax, 1...10_000)),
        .init(
            "limits.requests_per_connection_max",
            .integer(\.limits.requestsPerConnectionMax, 1...1_000), isLive: true),
        .init(
            "limits.active_per_connection_max",
            .integer(\.limits.activePerConnectionMax, 1...1_000), isLive: true),
        .init(
            "limits.waiting_requests_max", .integer(\.limits.waitingRequestsMax, 1...1_000_000)),
        .init("limits.waiting_puts_max", .integer(\.limits.waitingPutsMax, 1...100_000)),
        .init(
            "limits.reply_bytes_per_connection",
            .integer(\.limits.replyBytesPerConnection, 65_536...(1 << 30)), isLive: true),
        .init(
            "limits.query_bytes_max", .integer(\.limits.queryBytesMax, 65_536...(64 << 20)),
            isLive: true),
        .init(
            "limits.query_memory_bytes",
            .integer(\.limits.queryMemoryBytes, (1 << 20)...(1 << 50))),
        .init("limits.put_bytes_max", .integer(\.limits.putBytesMax, someBytes), isLive: true),
        .init(
            "limits.samples_bytes_max", .integer(\.limits.samplesBytesMax, someBytes),
            isLive: true),
        .init(
            "limits.metadata_bytes_max", .integer(\.limits.metadataBytesMax, 1...(1 << 30)),
            isLive: true),
        .init("limits.free_bytes_min", .integer(\.limits.freeBytesMin, bytes), isLive: true),
        .init("quota.stored_bytes_max", .integer(\.quota.storedBytesMax, bytes), isLive: true),
        .init("quota.signals_max", .integer(\.quota.signalsMax, 0...(1 << 50)), isLive: true),
        .init(
            "quota.prefix_stored_bytes_max",
            .prefixLimits(\.quota.prefixStoredBytesMax, someBytes)),
        .init(
            "quota.prefix_signals_max", .prefixLimits(\.quota.prefixSignalsMax, 1...(1 << 50))),
        .init("cache.shard_bytes", .integer(\.cache.shardBytes, bytes)),
        .init("cache.prefetch_shards", .integer(\.cache.prefetchShards, 0...64)),
        .init("cache.network_bytes", .integer(\.cache.networkBytes, bytes)),
        .init("cache.store_bytes", .integer(\.cache.storeBytes, 1 << 20...(1 << 50))),
        .init("timeouts.idle_seconds", .integer(\.timeouts.idleSeconds, seconds), isLive: true),
        .init(
            "timeouts.header_seconds", .integer(\.timeouts.headerSeconds, seconds), isLive: true),
        .init("timeouts.body_seconds", .integer(\.timeouts.bodySeconds, seconds), isLive: true),
        .init("timeouts.write_seconds", .integer(\.timeouts.writeSeconds, seconds), isLive: true),
        .init(
            "timeouts.shutdown_seconds", .integer(\.timeouts.shutdownSeconds, 0...6),
            isLive: true),
        .init("threads.puts", .integer(\.threads.puts, 1...256)),
        .init("threads.large", .integer(\.threads.large, 1...256)),
        .init("threads.reads", .integer(\.threads.reads, 1...1_024)),
        .init("threads.codec", .integer(\.threads.codec, 0...256)),
        .init("refit.enabled", .boolean(\.refit.enabled), isLive: true),
        .init("refit.idle_seconds", .integer(\.refit.idleSeconds, seconds), isLive: true),
        .init("refit.effort", .integer(\.refit.effort, 1...9), isLive: true),
        .init("refit.max_cpu", .integer(\.refit.maxCPU, 1...100), isLive: true),
        .init("scrub.bytes_per_second", .integer(\.scrub.bytesPerSecond, bytes), isLive: true),
        .init("backup.folder", .text(\.backup.folder), isLive: true),
        .init(
            "log.level",
            .choice(
                \.log.level,
                ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            isLive: true),
        .init("log.audit", .boolean(\.log.audit), isLive: true),
    ]

    /// Of the registry of plugins, which is made once.
    private static let plugins: [ConfigurationKey] = [
        .init("plugins.folders", .texts(\.plugins.folders)),
        .init("plugins.library_folders", .texts(\.plugins.libraryFolders)),
        .init("plugins.isolation", .choice(\.plugins.isolation, ["workers", "in-process"])),
        .init("plugins.sandbox", .choice(\.plugins.sandbox, ["required", "available", "off"])),
        .init("plugins.verify", .choice(\.plugins.verify, ["all", "file", "off"])),
        .init("plugins.idle_workers_max", .integer(\.plugins.idleWorkersMax, 0...64)),
        .init(
            "plugins.memory_bytes_max", .integer(\.plugins.memoryBytesMax, 1...(1 << 40))),
        .init("plugins.points_max", .integer(\.plugins.pointsMax, 1...(1 << 40))),
        .init("plugins.channels_max", .integer(\.plugins.channelsMax, 1...64)),
        .init("plugins.output_bytes_max", .integer(\.plugins.outputBytesMax, someBytes)),
        .init("plugins.seconds_max", .integer(\.plugins.secondsMax, seconds)),
        .init("plugins.faults_max", .integer(\.plugins.faultsMax, 1...1_000)),
        .init("plugins.fault_window_seconds", .integer(\.plugins.faultWindowSeconds, seconds)),
        .init(
            "plugins.quarantine_seconds", .integer(\.plugins.quarantineSeconds, 1...31_536_000)),
    ]

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    static let sections = Set(
        all.compactMap { $0.name.split(separator: ".").first.map(String.init) })
}

extension ServerConfiguration {
    /// Every key a file may set, as "section.key".
    public static var keyNames: Set<String> { Set(ConfigurationKeys.all.map(\.name)) }

    /// Options whose values differ from `other` and take effect only at a restart.
    public func restartKeys(comparedWith other: ServerConfiguration) -> [String] {
        ConfigurationKeys.all.filter { !$0.isLive && $0.text(in: self) != $0.text(in: other) }
            .map(\.name)
    }
}
