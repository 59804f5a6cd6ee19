// One function per operation. Each gives the last answer and its body, or throws; long ones send
// earlier frames through the sink.

import GAMCodec
import GAMCore
import GAMProtocol
import GAMStore
import Logging

struct RequestHandlers: Sendable {
    let catalog: SignalCatalog
    let adapters: any SignalAdapters
    let spools: SpoolFolder
    let live: LiveSettings
    let codecThreads: Int
    let jobs: JobBoard
    let readers: ReaderCache
    let prefetcher: Prefetcher
    let metrics: ServerMetrics
    let scrubber: Scrubber
    let log: Logger
    let serverVersion: String
    let backupTurn = BackupTurn()

    var settings: ServerConfiguration { live.now }

    func perform(
        _ job: RequestJob, _ sink: any ReplySink, _ lane: Lane
    ) throws -> (reply: WireReply, body: [UInt8]) {
        let request = job.request
        guard let operation = request.operation else {
            throw Failure(.unsupported, "the operation is not known to this gamd")
        }
        switch operation {
        case .hello: return (hello(), [])
        case .putCommit(let commit): return (try put(job, commit, sink), [])
        case .get(let get): return try self.get(try key(request), get, job.context, sink)
        case .read(let read):
            return try self.read(try key(request), read, job, sink, lane)
        case .readMany(let many): return try readMany(many, job, sink)
        case .query(let query):
            return try self.query(try key(request), query, job, sink, lane)
        case .where(let search): return try self.search(try key(request), search, job, sink)
        case .bounds(let bounds):
            return try self.bounds(try key(request), bounds, job, sink, lane)
        case .stat(let stat): return (try self.stat(try key(request), stat), [])
        case .list(let list): return (try self.list(list), [])
        case .delete: return (try delete(try key(request), job), [])
        case .verify: return (try verify(try key(request), job, sink), [])
        case .jobs: return (jobList(), [])
        case .plugins: return (plugins(), [])
        case .metrics: return (metricsText(), [])
        case .config: return (configuration(), [])
        case .backup(let backup): return (try self.backup(backup, job, sink), [])
        case .scrub(let scrub): return (try self.scrub(scrub, job), [])
        case .collect: return (try collect(job), [])
        case .refit(let refit): return (setRefit(refit, job), [])
        case .putBegin, .putData, .cancel, .attach:
            throw Failure(.failed, "\(operation) reached a handler")
        }
    }

    private func key(_ request: WireRequest) throws -> String {
        try SignalKey(request.key).text
    }

    private func hello() -> WireReply {
        var reply = WireReply()
        reply.hello.server = serverVersion
        reply.hello.protocol = UInt32(WireLimits.protocolVersion)
        reply.hello.metadataBytesMax = UInt32(WireLimits.metadataBytesMax)
        reply.hello.bodyBytesMax = UInt64(WireLimits.bodyBytesMax)
        reply.hello.requestsInFlightMax = UInt32(settings.limits.requestsPerConnectionMax)
        reply.hello.putBytesMax = UInt64(settings.limits.putBytesMax)
        reply.hello.queryBytesMax = UInt64(settings.limits.queryBytesMax)
        return reply
    }

    private func stat(_ key: String, _ stat: WireStat) throws -> WireReply {
        var reply = WireReply()
        reply.key = key
        let record = try catalog.record(key)
        reply.stat = WireStatResult(record, energy: stat.energy)
        if let found = catalog.quarantine.entry(key, version: record.version) {
            reply.stat.quarantine = found.reason
        }
        return reply
    }

    private func list(_ list: WireList) throws -> WireReply {
        let limit = min(
            list.limit == 0 ? WireLimits.listCountMax : Int(clamping: list.limit),
            WireLimits.listCountMax)
        guard list.prefix.utf8.count <= WireLimits.keyBytesMax,
            list.cursor.utf8.count <= WireLimits.keyBytesMax
        else { throw Failure(.badRequest, "prefix and cursor have at most 512 bytes") }
        let after = list.cursor.isEmpty ? nil : list.cursor
        let page = try catalog.list(prefix: list.prefix, after: after, limit: limit)
        var reply = WireReply()
        reply.list = WireListResult()
        for (key, record) in page.entries {
            switch record {
            case .success(let record):
                reply.list.signals.append(WireStatResult(record, energy: false))
            case .failure(let failure):
                // The key is listed, so that it can be found and removed; the status tells why
                // nothing is known about it.
                var damaged = WireStatResult()
                damaged.key = key
                reply.list.signals.append(damaged)
                reply.status = Status.partial.rawValue
                reply.text = failure.text
            }
        }
        if !page.isLast, let last = page.entries.last { reply.list.cursor = last.key }
        return reply
    }

    private func delete(_ key: String, _ job: RequestJob) throws -> WireReply {
        try catalog.delete(key)
        audit(.signalRemoved, job, "removed")
        var reply = WireReply()
        reply.key = key
        return reply
    }

    private func verify(
        _ key: String, _ job: RequestJob, _ sink: any ReplySink
    ) throws -> WireReply {
        let signal = try catalog.open(key, evenQuarantined: true)
        let progress = ProgressReporter(sink, job.context, isWanted: job.request.progress)
        try job.context.naming {
            try SignalVerifier.verify(signal, threads: codecThreads) {
                progress.report("verify", $0)
            }
        }
        try catalog.releaseFromQuarantine(key, version: signal.record.version)
        let manifest = signal.record.manifest
        var reply = WireReply()
        reply.key = key
        reply.verify.shards = UInt64(manifest.shardCount)
        reply.verify.samples = UInt64(manifest.description.sampleCount)
        reply.verify.contentHash = manifest.contentHash.hex
        return reply
    }

    func jobList() -> WireReply {
        var reply = WireReply()
        reply.jobs = jobs.report()
        return reply
    }

    private func plugins() -> WireReply {
        var reply = WireReply()
        reply.plugins = WirePluginsResult()
        reply.plugins.plugins = adapters.list().map { adapter in
            var plugin = WirePlugin()
            plugin.id = adapter.id
            plugin.version = adapter.version
            plugin.abi = adapter.abi
            plugin.path = adapter.path
            plugin.types = adapter.types
            plugin.mediaTypes = adapter.mediaTypes
            plugin.suffixes = adapter.suffixes
            plugin.state = adapter.state
            plugin.exactness = adapter.exactness
            return plugin
        }
        return reply
    }
}

extension RequestContext {
    /// Runs codec work; when it stopped because it was told to, throws who told it.
    func naming<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch CodecError.cancelled {
            try check()
            throw Failure(.cancelled, "the request was cancelled")
        }
    }
}
