// Where the log lines of adapters go: standard error, where the service manager collects them. In a
// worker they go to its host first.
// What always holds: a line is one line, whatever an adapter puts into it.

import CGAMPlugin
import Glibc

enum HostLog {
    /// Debug and info lines are dropped.
    static func write(plugin: String, file: String, level: Int32, text: String) {
        guard level >= Int32(GAM_LOG_WARNING) else { return }
        let line = "gamd: \(plugin) adapter, \(printable(file)): \(printable(text))\n"
        _ = Array(line.utf8).withUnsafeBytes {
            Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }

    private static func printable(_ text: String) -> String {
        String(
            text.unicodeScalars.prefix(500).map { scalar in
                scalar.properties.generalCategory == .control ? " " : Character(scalar)
            })
    }

    /// Takes plugin, file name, level and text of a line. A worker sets it before it loads its
    /// plugin, when it has one thread.
    nonisolated(unsafe) static var sink: (String, String, Int32, String) -> Void = {
        write(plugin: $0, file: $1, level: $2, text: $3)
    }
}
