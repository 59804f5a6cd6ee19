import ArgumentParser
import Foundation
import GAMClient
import GAMProtocol

/// `gamctl scrub [--status|--stop|--detach]`
struct Scrub: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Recalls every signal against its hashes and puts damaged ones in quarantine.",
        discussion: """
            Starts a pass in the daemon, or goes on with one that was stopped, and waits for its \
            end; Ctrl-C leaves it running. Exits with 4 when anything is in quarantine.
            """)

    @Flag(help: "Show how far the scrub is, and do not start one.")
    var status = false

    @Flag(help: "Stop the pass; the next one goes on where it stopped.")
    var stop = false

    @Flag(help: "Start and do not wait.")
    var detach = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard [status, stop, detach].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give one of --status, --stop and --detach.")
        }
    }

    func run() throws {
        try connection.run { client in
            var result = try client.scrub(status ? "status" : stop ? "stop" : "start")
            if !status && !stop && !detach { result = try wait(client, result) }
            report(result)
            if result.damaged > 0 {
                throw ClientError(
                    .integrity,
                    "\(result.damaged) signals are in quarantine; put them again, remove them or"
                        + " restore a backup")
            }
        }
    }

    private func wait(_ client: Client, _ first: WireScrubResult) throws -> WireScrubResult {
        let line = ProgressLine()
        var result = first
        while result.state == "running" {
            line.show("scrub", Double(result.signals) / Double(max(1, result.total)))
            Thread.sleep(forTimeInterval: 0.2)
            result = try client.scrub("status")
        }
        line.clear()
        return result
    }

    private func report(_ result: WireScrubResult) {
        if connection.json { return show(jsonText(ScrubReport(result))) }
        show(
            "\(result.state): \(result.signals) of \(result.total) signals,"
                + " \(readableBytes(Double(result.bytes))) recalled, \(result.damaged) damaged")
        for damage in result.damages {
            show("\(damage.key)\t\(isoTime(damage.foundUnixMs))\t\(damage.reason)")
        }
    }
}

private struct ScrubReport: Encodable {
    struct Damage: Encodable {
        let key: String
        let reason: String
        let found: String
    }
    let state: String
    let signals: UInt64
    let total: UInt64
    let bytes: UInt64
    let damaged: UInt64
    let damages: [Damage]

    init(_ result: WireScrubResult) {
        state = result.state
        signals = result.signals
        total = result.total
        bytes = result.bytes
        damaged = result.damaged
        damages = result.damages.map {
            Damage(key: $0.key, reason: $0.reason, found: isoTime($0.foundUnixMs))
        }
    }
}

/// `gamctl gc`
struct GarbageCollect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Deletes records that no signal names and gives dead space back to the disk.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let result = try client.collect()
            if connection.json {
                show(
                    jsonText([
                        "orphans": result.orphans, "bytesBefore": result.bytesBefore,
                        "bytesAfter": result.bytesAfter, "damagedEntries": result.damaged,
                    ]))
            } else {
                show(
                    "\(result.orphans) orphaned records deleted; on disk"
                        + " \(readableBytes(Double(result.bytesBefore))) ->"
                        + " \(readableBytes(Double(result.bytesAfter)))")
            }
            if result.damaged > 0 {
                throw ClientError(
                    .integrity,
                    "\(result.damaged) catalog entries are damaged: remove or put them again, then"
                        + " collect; until then orphaned records stay")
            }
        }
    }
}

/// A time as people and scripts read it.
func isoTime(_ unixMilliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(unixMilliseconds) / 1000).ISO8601Format()
}
