import ArgumentParser
import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import GAMStore

/// `gamctl backup create|list|verify|restore`
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Makes, lists, checks and restores backups.",
        subcommands: [
            BackupCreate.self, BackupList.self, BackupVerify.self, BackupRestore.self,
        ])
}

struct BackupCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Backs the running store up and recalls every signal of the backup.",
        discussion: """
            The backup is the store as of one moment. Files it has in common with earlier backups \
            are not copied again. It goes to the daemon's folder backup.folder.
            """)

    @Option(help: "Afterwards delete all but the newest KEEP backups; 0: keep all.")
    var keep = 0

    @Flag(help: "Do not recall the signals of the new backup.")
    var quick = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            var result = try client.createBackup(keep: keep)
            if !quick, let made = result.backups.first {
                let line = ProgressLine()
                result = try client.verifyBackup(made.id) { line.show($0, $1, bytes: $2) }
                line.clear()
            }
            showBackups(result, json: connection.json)
        }
    }
}

struct BackupList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the backups.")

    @Option(help: "Folder of backups to look into, without a daemon.")
    var folder: String?

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        guard let folder else {
            return try connection.run {
                showBackups(try $0.listBackups(), json: connection.json)
            }
        }
        try reporting(json: connection.json) {
            var result = WireBackupResult()
            result.folder = folder
            result.backups = try BackupFolder(folder).list().map(WireBackupEntry.init)
            showBackups(result, json: connection.json)
        }
    }
}

struct BackupVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares a backup with its checksums and recalls every signal in it.")

    @Argument(help: "Number of the backup. Default: the newest.")
    var id: UInt32 = 0

    @Option(help: "Folder of backups to look into, without a daemon.")
    var folder: String?

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        let line = ProgressLine()
        guard let folder else {
            return try connection.run { client in
                let result = try client.verifyBackup(id) { line.show($0, $1, bytes: $2) }
                line.clear()
                showBackups(result, json: connection.json)
            }
        }
        try reporting(json: connection.json) {
            let info = try findBackup(folder, id)
            let signals = try Backups.verify(folder, info.id, threads: processorCount()) { _ in
                true
            }
            var result = WireBackupResult()
            result.folder = folder
            result.backups = [WireBackupEntry(info)]
            result.backups[0].signals = UInt64(signals)
            showBackups(result, json: connection.json)
        }
    }
}

struct BackupRestore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restores a backup to a new state folder and recalls every signal.",
        discussion: """
            Needs no daemon. Start gamd with the new folder afterwards (store.path), or move it \
            in place of the old one while gamd is stopped.
            """)

    @Argument(help: "Number of the backup; 0: the newest.")
    var id: UInt32

    @Argument(help: "State folder to make; it must be missing or empty.")
    var state: String

    @Option(help: "Folder of the backups.")
    var folder = "/var/lib/gamd/backup"

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reporting(json: json) {
            let info = try findBackup(folder, id)
            let signals = try Backups.restore(
                folder, info.id, to: state, threads: processorCount()
            ) { _ in true }
            var result = WireBackupResult()
            result.folder = state
            result.backups = [WireBackupEntry(info)]
            result.backups[0].signals = UInt64(signals)
            showBackups(result, json: json)
        }
    }
}

private func processorCount() -> Int { ProcessInfo.processInfo.activeProcessorCount }

private func findBackup(_ folder: String, _ id: UInt32) throws -> BackupInfo {
    do {
        return try BackupFolder(folder).find(id == 0 ? nil : id)
    } catch StoreError.notFound(let what) {
        throw ClientError(.notFound, "there is no \(what); gamctl backup list shows what there is")
    }
}

private struct BackupReport: Encodable {
    let id: UInt32
    let created: String
    let bytes: UInt64
    let files: UInt64
    let signals: UInt64
    let folder: String
}

private func showBackups(_ result: WireBackupResult, json: Bool) {
    let reports = result.backups.map { entry in
        BackupReport(
            id: entry.id, created: isoTime(entry.createdUnixMs), bytes: entry.bytes,
            files: entry.files, signals: entry.signals, folder: result.folder)
    }
    if json { return show(jsonText(reports)) }
    for report in reports {
        show(
            "\(report.id)\t\(report.created)\t\(report.signals) signals\t"
                + "\(readableBytes(Double(report.bytes)))\t\(report.folder)")
    }
}
