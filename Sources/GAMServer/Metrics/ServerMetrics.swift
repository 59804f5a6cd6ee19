// What an operator wants to know of the daemon, as figures; docs/operations.md explains each.
// What always holds: a request is counted once, by its last answer.

import CoreMetrics
import GAMProtocol
import Synchronization

final class ServerMetrics: Sendable {
    let registry = MetricsRegistry()
    private let timers: [String: CoreMetrics.Timer]
    private struct Answer: Hashable {
        let operation: String
        let status: Status
    }
    private let answers = Mutex<[Answer: Counter]>([:])
    let connections: Meter
    let refusedConnections: Counter
    let running: Meter
    let movedRequests: Counter
    let receivedBytes: Counter
    let sentBytes: Counter
    let slowReplies: Counter
    let prefetchedShards: Counter
    let verifyFailures: Counter
    let pluginFaults: Counter
    let refitSavedBytes: Counter
    let refitWaiting: Meter

    init(version: String) {
        let registry = registry
        timers = Dictionary(
            uniqueKeysWithValues: RequestName.all.map {
                (
                    $0,
                    CoreMetrics.Timer(
                        label: "gamd_request_seconds", dimensions: [("operation", $0)],
                        factory: registry)
                )
            })
        connections = Meter(label: "gamd_connections", factory: registry)
        refusedConnections = Counter(label: "gamd_connections_refused", factory: registry)
        running = Meter(label: "gamd_requests_running", factory: registry)
        movedRequests = Counter(label: "gamd_requests_moved", factory: registry)
        receivedBytes = Counter(label: "gamd_received_bytes", factory: registry)
        sentBytes = Counter(label: "gamd_sent_bytes", factory: registry)
        slowReplies = Counter(label: "gamd_slow_replies", factory: registry)
        prefetchedShards = Counter(label: "gamd_prefetched_shards", factory: registry)
        verifyFailures = Counter(label: "gamd_verify_failures", factory: registry)
        pluginFaults = Counter(label: "gamd_plugin_faults", factory: registry)
        refitSavedBytes = Counter(label: "gamd_refit_saved_bytes", factory: registry)
        refitWaiting = Meter(label: "gamd_refit_waiting", factory: registry)
        _ = Counter(
            label: "gamd_requests", dimensions: [("operation", "hello"), ("status", "ok")],
            factory: registry)
        for (label, help) in Self.explanations { registry.describe(label, help) }
        registry.register("gamd_build_info", "The version of the daemon.") {
            [([("version", version)], 1)]
        }
    }

    private static let explanations = [
        ("gamd_request_seconds", "Time from a request's arrival to its last answer."),
        ("gamd_requests", "Requests answered."),
        ("gamd_connections", "Open connections."),
        ("gamd_connections_refused", "Connections turned away: too many, or not allowed."),
        ("gamd_requests_running", "Requests that run now."),
        ("gamd_requests_moved", "Requests that turned out large and went on among those."),
        ("gamd_received_bytes", "Bytes of file and sample data received."),
        ("gamd_sent_bytes", "Bytes of file and sample data sent."),
        ("gamd_slow_replies", "Answers that a slow client made wait beside its connection."),
        ("gamd_prefetched_shards", "Shards recalled ahead of a sequential reader."),
        ("gamd_verify_failures", "Stored signals found damaged, by reads, verify or scrub."),
        ("gamd_plugin_faults", "Requests that failed because an adapter broke its contract."),
        ("gamd_refit_saved_bytes", "Bytes saved by fitting signals again."),
        ("gamd_refit_waiting", "Signals waiting to be fitted, as of the last look."),
    ]

    /// Counts a finished request.
    func observe(_ operation: String, _ status: Status, nanoseconds: Int64) {
        timers[operation]?.recordNanoseconds(nanoseconds)
        let name = Answer(operation: operation, status: status)
        let counter = answers.withLock { answers in
            if let known = answers[name] { return known }
            let made = Counter(
                label: "gamd_requests",
                dimensions: [("operation", operation), ("status", "\(status)")],
                factory: registry)
            answers[name] = made
            return made
        }
        counter.increment()
        if status == .integrity { verifyFailures.increment() }
        if status == .adapterFault { pluginFaults.increment() }
    }
}

/// Names of operations in metrics, logs and papers.
enum RequestName {
    static let all = [
        "hello", "put", "get", "read", "stat", "list", "delete", "verify", "jobs", "plugins",
        "metrics", "config", "backup", "scrub", "collect", "refit", "query", "readMany", "where",
        "bounds", "attach",
    ]

    static func of(_ operation: WireRequest.OneOf_Operation?) -> String {
        switch operation {
        case .hello: "hello"
        case .putBegin, .putData, .putCommit: "put"
        case .get: "get"
        case .read: "read"
        case .stat: "stat"
        case .list: "list"
        case .delete: "delete"
        case .verify: "verify"
        case .jobs: "jobs"
        case .plugins: "plugins"
        case .metrics: "metrics"
        case .config: "config"
        case .backup: "backup"
        case .scrub: "scrub"
        case .collect: "collect"
        case .refit: "refit"
        case .query: "query"
        case .readMany: "readMany"
        case .where: "where"
        case .bounds: "bounds"
        case .attach: "attach"
        case .cancel: "cancel"
        case nil: "unknown"
        }
    }
}
