// What administrators ask of the daemon: figures, configuration, backups, scrub, collection, refits.

import GAMCodec
import GAMProtocol
import GAMStore
import Synchronization

extension RequestHandlers {
    func metricsText() -> WireReply {
        var reply = WireReply()
        reply.metrics.text = metrics.registry.text()
        return reply
    }

    func configuration() -> WireReply {
        var reply = WireReply()
        reply.config = WireConfigResult()
        reply.config.settings = live.resolved.entries.map { key, value, origin in
            var setting = WireSetting()
            setting.key = key
            setting.value = value
            setting.origin = origin
            return setting
        }
        return reply
    }

    func backup(_ backup: WireBackup, _ job: RequestJob, _ sink: any ReplySink) throws -> WireReply
    {
        guard backup.action != "list" else { return try performBackup(backup, job, sink) }
        return try backupTurn.take { try performBackup(backup, job, sink) }
    }

    private func performBackup(
        _ backup: WireBackup, _ job: RequestJob, _ sink: any ReplySink
    ) throws -> WireReply {
        let folder = BackupFolder(settings.backupFolder)
        var reply = WireReply()
        reply.backup.folder = folder.path
        switch backup.action {
        case "list":
            reply.backup.backups = try folder.list().map(WireBackupEntry.init)
        case "create":
            guard let source = catalog.store as? any BackupSource else {
                throw Failure(.unsupported, "a store in memory has no backups")
            }
            let signals = catalog.inventory.totals.signals
            try spools.checkFreeSpace(before: 0)
            let id = try source.createBackup(in: folder.path, note: "\(signals)")
            if backup.keep > 0 { try folder.keep(backup.keep) }
            log.event(
                .backupMade, .notice, "backup \(id) of \(signals) signals is in \(folder.path)",
                job.fields(.ok))
            reply.backup.backups = [WireBackupEntry(try folder.find(id))]
        case "verify":
            reply.backup.backups = [try verify(backup, in: folder, job, sink)]
        default:
            throw Failure(
                .badRequest, "\"\(backup.action)\" is not create, list or verify")
        }
        return reply
    }

    private func verify(
        _ backup: WireBackup, in folder: BackupFolder, _ job: RequestJob, _ sink: any ReplySink
    ) throws -> WireBackupEntry {
        let info = try Self.naming(folder) { try folder.find(backup.id == 0 ? nil : backup.id) }
        let progress = ProgressReporter(sink, job.context, isWanted: job.request.progress)
        let signals = try job.context.naming {
            try Backups.verify(folder.path, info.id, threads: codecThreads) {
                progress.report("verify", $0)
            }
        }
        var entry = WireBackupEntry(info)
        entry.signals = UInt64(signals)
        return entry
    }

    /// A backup that is not there is no damage.
    private static func naming<Result>(
        _ folder: BackupFolder, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch StoreError.notFound(let what) {
            throw Failure(.notFound, "there is no \(what); gamctl backup list shows what there is")
        }
    }

    func scrub(_ scrub: WireScrub, _ job: RequestJob) throws -> WireReply {
        switch scrub.action {
        case "start": try scrubber.begin()
        case "stop": scrubber.halt()
        case "status": break
        default:
            throw Failure(.badRequest, "\"\(scrub.action)\" is not start, stop or status")
        }
        if scrub.action != "status" {
            log.event(
                .administered, .notice, "scrub: \(scrub.action) by user \(job.peer.user)",
                job.fields(.ok))
        }
        var reply = WireReply()
        reply.scrub = scrubber.report()
        return reply
    }

    func collect(_ job: RequestJob) throws -> WireReply {
        var reply = WireReply()
        let result = try Collector(catalog: catalog, context: job.context).collect()
        log.event(
            .spaceReclaimed, .notice,
            "\(result.orphans) orphaned records deleted, \(result.bytesBefore) ->"
                + " \(result.bytesAfter) bytes on disk", job.fields(.ok))
        reply.collect = result
        return reply
    }

    func setRefit(_ refit: WireRefit, _ job: RequestJob) -> WireReply {
        jobs.setPaused(refit.pause)
        log.event(
            .administered, .notice,
            "refit: \(refit.pause ? "paused" : "resumed") by user \(job.peer.user)", job.fields(.ok)
        )
        return jobList()
    }

    /// One line for a change: who did what to which signal.
    func audit(
        _ event: ServiceEvent, _ job: RequestJob, _ what: String, adapter: String = ""
    ) {
        guard settings.log.audit else { return }
        var fields = job.fields(.ok)
        if !adapter.isEmpty { fields[LogField.plugin] = .string(adapter) }
        log.event(
            event, .notice,
            "user \(job.peer.user), process \(job.peer.process): \(what) \"\(job.key)\"", fields)
    }
}

/// One backup is made or looked at at a time: each would take the next number, and making room
/// deletes files that only the other one, not finished yet, names.
final class BackupTurn: Sendable {
    private let isTaken = Atomic(false)

    func take<Result>(_ body: () throws -> Result) throws -> Result {
        guard !isTaken.exchange(true, ordering: .acquiring) else {
            throw Failure(
                .busy, "another backup is being made or verified; try again when it is done")
        }
        defer { isTaken.store(false, ordering: .releasing) }
        return try body()
    }
}
