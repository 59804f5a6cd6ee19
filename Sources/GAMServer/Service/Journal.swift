// Log lines as journal entries with fields.
// What always holds: the journal is used only when systemd has connected stderr to it; anywhere
// else lines go to stderr as they always did.

import CSystemd
import Glibc
import Logging
import Synchronization

package struct JournalLogHandler: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata: Logger.Metadata = [:]

    package init() {}

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Whether stderr is the journal (JOURNAL_STREAM names its device and inode).
    package static func isConnected(environment: [String: String]) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    package func log(event: Logging.LogEvent) {
        Self.send(Self.fields(event, metadata))
    }

    /// The fields of an entry as NAME=value.
    static func fields(
        _ event: Logging.LogEvent, _ metadata: Logger.Metadata
    ) -> [String] {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        var fields = [
            "MESSAGE=\(event.message)", "PRIORITY=\(priority(event.level))",
            "SYSLOG_IDENTIFIER=gamd",
        ]
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            let name =
                key == LogField.event
                ? "MESSAGE_ID" : "GAMD_" + key.uppercased().replacing("-", with: "_")
            fields.append("\(name)=\(value)")
        }
        return fields
    }

    /// Levels of syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func send(_ fields: [String]) {
        let bytes = fields.map { Array($0.utf8) }
        var parts: [iovec] = []
        func add(_ index: Int) {
            guard index < bytes.count else {
                sd_journal_sendv(parts, Int32(parts.count))
                return
            }
            bytes[index].withUnsafeBytes { part in
                let base = UnsafeMutableRawPointer(mutating: part.baseAddress)
                parts.append(iovec(iov_base: base, iov_len: part.count))
                add(index + 1)
            }
        }
        add(0)
    }
}

/// The level all loggers of the daemon share; a reload changes it.
package final class SharedLogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    package init(_ name: String) { level = Mutex(Logger.Level(rawValue: name) ?? .info) }

    package func set(_ name: String) {
        level.withLock { $0 = Logger.Level(rawValue: name) ?? .info }
    }

    var value: Logger.Level { level.withLock { $0 } }
}

/// A handler whose level can be changed from outside.
package struct LeveledLogHandler: LogHandler {
    private var inner: any LogHandler
    private let shared: SharedLogLevel

    package init(_ inner: any LogHandler, _ shared: SharedLogLevel) {
        self.inner = inner
        self.inner.logLevel = .trace
        self.shared = shared
    }

    package var logLevel: Logger.Level {
        get { shared.value }
        set { shared.set(newValue.rawValue) }
    }

    package var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue }
    }

    /// Message ids mean something to the journal alone.
    package func log(event: Logging.LogEvent) {
        if inner is JournalLogHandler { return inner.log(event: event) }
        var plain = event
        plain.metadata?[LogField.event] = nil
        inner.log(event: plain)
    }
}
