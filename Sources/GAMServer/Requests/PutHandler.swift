// Put: from the spooled upload to an acknowledged signal.
//
// What always holds:
// - Nothing is acknowledged before it was recalled from the very bytes in the store and compared.
// - A put that fails anywhere leaves the old signal, and its blobs are reclaimed.

import GAMCodec
import GAMCore
import GAMFormat
import GAMProtocol
import GAMStore

extension RequestHandlers {
    func put(
        _ job: RequestJob, _ commit: WirePutCommit, _ sink: any ReplySink
    ) throws -> WireReply {
        guard let upload = job.upload else { throw Failure(.failed, "a put without its bytes") }
        let key = try SignalKey(upload.begin.key).text
        let begin = upload.begin.putBegin
        try Self.checkHash(upload, commit)
        let options = try writeOptions(begin)
        try catalog.checkRoom(for: key)
        if begin.mustNotExist, try catalog.contains(key) {
            throw Failure(
                .alreadyExists, "\"\(key)\" exists already; remove it or choose another key")
        }
        let progress = ProgressReporter(sink, job.context, isWanted: upload.begin.progress)
        let signal = try SignalIntake(handlers: self, context: job.context, progress: progress)
            .canonical(upload)
        // What cannot shrink takes as much again in the store.
        try spools.checkFreeSpace(before: signal.description.rawBytes)
        let reply = try store(signal, key, upload, options, job.context, progress)
        audit(
            .signalStored, job, reply.put.replaced ? "replaced" : "stored",
            adapter: signal.adapter)
        return reply
    }

    private static func checkHash(_ upload: Upload, _ commit: WirePutCommit) throws(Failure) {
        let sent = BodyHash(low: commit.bodyHashLow, high: commit.bodyHashHigh)
        guard !commit.hasHash_p || sent == upload.hash else {
            throw Failure(
                .integrity, "the uploaded bytes do not have the hash of the commit; send them again"
            )
        }
    }

    private func writeOptions(_ begin: WirePutBegin) throws(Failure) -> WriteOptions {
        var options = WriteOptions()
        guard begin.effort <= 9 else {
            throw Failure(.badRequest, "effort \(begin.effort) is not within 0 to 9")
        }
        options.effort = Int(begin.effort)
        options.keepsBounds = true
        if !begin.networkSize.isEmpty {
            guard let size = NetworkSize(rawValue: begin.networkSize) else {
                throw Failure(
                    .badRequest, "network size \"\(begin.networkSize)\" is not S, M or L")
            }
            options.size = size
        }
        if !begin.shardExtents.isEmpty {
            guard begin.shardExtents.allSatisfy({ (1...Limits.shardSamplesMax).contains(Int($0)) })
            else { throw Failure(.badRequest, "shard extents are 1 to \(Limits.shardSamplesMax)") }
            options.shardExtents = begin.shardExtents.map { Int($0) }
        }
        options.lowerBits = Int(begin.lowerBits)
        options.keepsCells = begin.cells
        options.threads = codecThreads
        return options
    }

    private func store(
        _ signal: CanonicalSignal, _ key: String, _ upload: Upload, _ options: WriteOptions,
        _ context: RequestContext, _ progress: ProgressReporter
    ) throws -> WireReply {
        if let shard = options.shardExtents,
            !ShardGrid.isValid(shard, signal.description)
        {
            throw Failure(
                .badRequest,
                "shard extents \(shard) do not fit the signal: each is the whole axis or a"
                    + " multiple of 8, together at most 4 MiB")
        }
        let type = signal.description.sampleType
        if let reason = SignalWriter.refusal(lowerBits: options.lowerBits, type) {
            throw Failure(.badRequest, reason)
        }
        let reservation = try catalog.reserve(for: key)
        do {
            let sink = StoreRecordSink(store: catalog.store, space: reservation.records)
            let phase = options.effort > 0 ? "fit" : "encode"
            let manifest = try context.naming {
                try SignalWriter(priors: .shipped).write(
                    signal.description, from: signal.samples, options: options, into: sink
                ) { progress.report(phase, $0) }
            }
            try Self.check(manifest, against: signal)
            var record = Self.record(for: signal, upload)
            record.recordSpace = .init(reservation.records.bytes)
            try Attachments.write(
                manifest: manifest.serialized(), metadata: signal.metadata, into: &record,
                space: reservation.attachments, store: catalog.store)
            try context.check()
            let condition =
                upload.begin.putBegin.mustNotExist ? PublishCondition.mustNotExist : .always
            let published = try catalog.publish(key, record, reservation, condition)
            var reply = WireReply()
            reply.key = key
            reply.put.stat = WireStatResult(published.record, energy: true)
            reply.put.replaced = published.replaced
            return reply
        } catch let unsettled as UnsettledCommit {
            // It may be durable: its blobs stay until the store can tell.
            throw unsettled.reason
        } catch {
            catalog.abandon(reservation)
            throw error
        }
    }

    /// The codec has recalled and compared every shard; its word about the whole is checked too.
    private static func check(
        _ manifest: SignalManifest, against signal: CanonicalSignal
    ) throws(Failure) {
        let hash = manifest.contentHash
        guard manifest.description == signal.description, hash.low == signal.hash.low,
            hash.high == signal.hash.high
        else {
            throw Failure(.failed, "the network does not hold these samples; please report it")
        }
    }

    private static func record(for signal: CanonicalSignal, _ upload: Upload) -> CatalogRecord {
        var record = CatalogRecord()
        record.kind = signal.kind
        record.adapter = signal.adapter
        record.adapterVersion = signal.adapterVersion
        record.exactness = signal.exactness
        record.mediaType = signal.mediaType
        record.fileName = signal.fileName
        record.fileBytes = UInt64(upload.spool.byteCount)
        record.createdUnixMs = unixMilliseconds()
        return record
    }
}
