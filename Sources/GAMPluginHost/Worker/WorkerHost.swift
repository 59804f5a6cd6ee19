// The host of an adapter that runs in workers.

import CGAMPlugin

struct WorkerHost: AdapterHost {
    let pool: WorkerPool
    let library: LibraryIdentity

    /// A look at a few bytes takes no longer than this.
    private static let probeSecondsMax: UInt64 = 5

    func probe(head: [UInt8], size: UInt64, fileName: String) throws(PluginError) -> Int {
        let worker = try pool.lease(library)
        var packet = PacketWriter(.probe)
        packet.blob(head)
        packet.number(size)
        packet.text(fileName, limit: 1024)
        do {
            try worker.send(packet, seconds: Self.probeSecondsMax)
            var answer = try worker.receive(
                seconds: Self.probeSecondsMax, "looking at the first bytes")
            let confidence = try confidence(&answer, worker)
            pool.giveBack(worker, inOrder: true, wasSession: false)
            return confidence
        } catch {
            pool.giveBack(worker, inOrder: false, wasSession: false)
            throw error
        }
    }

    private func confidence(
        _ answer: inout PacketReader, _ worker: WorkerProcess
    ) throws(PluginError) -> Int {
        guard answer.kind == .probed else { throw worker.unexpected(answer.kind) }
        do throws(MalformedPacket) {
            return Int(try answer.number(Int32.self))
        } catch {
            throw worker.broken("it answered with bytes that are no answer")
        }
    }

    func decode(_ request: DecodeRequest) throws(PluginError) -> any DecodeEngine {
        let session: RemoteDecodeSession
        do {
            session = try RemoteDecodeSession(pool: pool, library: library, request)
        } catch .fault(_, WorkerProcess.goneReason) {
            session = try RemoteDecodeSession(pool: pool, library: library, request, fresh: true)
        }
        return StoredSamples(session.header, request, plugin: library.id) ?? session
    }

    func encode(_ request: EncodeRequest) throws(PluginError) -> any EncodeEngine {
        try RemoteEncodeSession(pool: pool, library: library, request)
    }
}
