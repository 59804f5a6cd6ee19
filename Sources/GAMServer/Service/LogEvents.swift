// Events an administrator may want to find again: each has a message id in the journal, which
// systemd/gamd.catalog explains, and fields with what it was about.
// What always holds: an id keeps its meaning for ever.

import GAMProtocol
import Logging

package enum ServiceEvent: String, CaseIterable, Sendable {
    case started = "c808db62c9c0426d89da569ea15e57c7"
    case stopping = "d53f9d20af144f56b403925cf75ebcda"
    case reloaded = "ea4856545bd647c497d115b38a8bb349"
    case reloadFailed = "fc269e508e2f4ac6bebded3f0b6d3945"
    case signalStored = "3958f96542b84024986fc699c61f3b25"
    case signalRemoved = "cda2066e0fa046858ebc2678cfb5973e"
    case integrityFault = "ce744c0a56f44b9e9ddc52f7e016421d"
    case pluginFault = "10176bc76912432f967fd1b2035b6296"
    case requestFailed = "887b0f107f11421787eaa16a4898bc95"
    case quarantined = "0e41d2a31adb424a9bfcb5502a94451b"
    case scrubEnded = "5943eccd75b1441ea3deb7899338a6d8"
    case backupMade = "6ed91228bc004847b4a270e4b9535574"
    case connectionsRefused = "041323dd358241f4995d3de5f9888c38"
    case refitted = "365d1b5713c14fd7a7874250f8f1d627"
    case spaceReclaimed = "10a75b46c97843b3b42c7c5f005b17c5"
    case administered = "3e3baf8c57b746b3a618fce40ef35379"
}

/// Keys of the fields; in the journal they stand in capitals after GAMD_.
package enum LogField {
    static let event = "message-id"
    static let operation = "operation"
    static let keyHash = "key-hash"
    static let user = "uid"
    static let status = "status"
    static let microseconds = "duration-us"
    static let plugin = "plugin"
}

extension Logger {
    /// Logs an event with its id.
    package func event(
        _ event: ServiceEvent, _ level: Logger.Level, _ message: @autoclosure () -> String,
        _ fields: Logger.Metadata = [:]
    ) {
        guard logLevel <= level else { return }
        var all = fields
        all[LogField.event] = .string(event.rawValue)
        log(level: level, "\(message())", metadata: all)
    }
}

/// A key as the journal holds it: enough to tell signals apart, too little to tell their names.
func keyHash(_ key: String) -> String {
    var hasher = BodyHasher()
    Array(key.utf8).withUnsafeBytes { hasher.update($0) }
    let text = String(hasher.value().low, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
}
