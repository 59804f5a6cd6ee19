// What a running request knows about its client: whether to go on, and how to answer.

import CLinux
import GAMProtocol
import Synchronization

/// Tells a running request to stop: cancelled, past its deadline, or its client is gone.
final class RequestContext: Sendable {
    enum StopReason: UInt8, Sendable { case none, cancelled, stopping }

    private let stopReason = Atomic(StopReason.none.rawValue)
    private let deadline: Int64?

    init(deadlineMilliseconds: UInt64) {
        let limit: UInt64 = 1 << 50
        deadline =
            deadlineMilliseconds == 0
            ? nil : clinux_milliseconds() + Int64(min(deadlineMilliseconds, limit))
    }

    /// Makes the request stop; the first reason stays.
    func cancel(_ reason: StopReason = .cancelled) {
        _ = stopReason.compareExchange(
            expected: StopReason.none.rawValue, desired: reason.rawValue, ordering: .relaxed)
    }

    var mayGoOn: Bool {
        if stopReason.load(ordering: .relaxed) != StopReason.none.rawValue { return false }
        return deadline.map { clinux_milliseconds() < $0 } ?? true
    }

    /// Throws why the request must stop, if it must.
    func check() throws(Failure) {
        switch StopReason(rawValue: stopReason.load(ordering: .relaxed)) {
        case .cancelled: throw Failure(.cancelled, "the request was cancelled")
        case .stopping:
            throw Failure(.busy, "the daemon is stopping; nothing was changed, try again later")
        default: break
        }
        if let deadline, clinux_milliseconds() >= deadline {
            throw Failure(.timedOut, "the deadline of the request has passed; nothing was changed")
        }
    }
}

/// Takes the answers of one request, from one thread at a time.
protocol ReplySink: Sendable {
    /// Sends one frame; throws when the client is gone.
    func send(_ reply: WireReply, body: UnsafeRawBufferPointer) throws
}

extension ReplySink {
    func send(_ reply: WireReply) throws {
        try send(reply, body: UnsafeRawBufferPointer(start: nil, count: 0))
    }
}

/// Who is at the other end, as the kernel says.
struct Peer: Sendable {
    let user: UInt32
    let process: Int32
}

/// Groups of threads for requests that take different times.
enum Lane: Sendable {
    /// Answers of at most `lightBytesMax` for which at most `lightRecallMax` are recalled.
    case light
    /// Larger ones, and files.
    case bulk
    /// Puts, verifications, backups.
    case heavy

    /// One frame: a light request has sent nothing before it has recalled everything.
    static let lightBytesMax = WireLimits.chunkBytes
    /// What the largest light answer takes that lies across eight shards: 64 x 64 x 64 floats.
    static let lightRecallMax = 8 << 20
    /// Coordinates of a query that is answered among small reads: some thousand points.
    static let queryBytesMax = 64 << 10
}

/// Thrown, before anything was sent, by a request that is too large for its lane.
struct LargeRequest: Error {}

/// A request ready to run.
struct RequestJob: Sendable {
    let id: UInt32
    let request: WireRequest
    let context: RequestContext
    let peer: Peer
    /// The bytes of a put.
    var upload: Upload? = nil
    /// The coordinates of a query, and the memory lent for them and their answer.
    var coordinates: [UInt8] = []
    var loan: ByteBudget.Loan? = nil
    /// The client's memory that answers may go to.
    var pools: MemoryPools? = nil
    let arrivedNanoseconds = clinux_nanoseconds()

    /// Where it runs, as far as one can tell before looking at the signal.
    var lane: Lane {
        switch request.operation {
        case .putCommit, .verify, .collect: .heavy
        case .backup(let backup): backup.action == "list" ? .light : .heavy
        case .get, .readMany, .where: .bulk
        case .query: coordinates.count > Lane.queryBytesMax ? .bulk : .light
        default: .light
        }
    }

    /// So little work that handing it to another thread would cost more.
    var isInstant: Bool {
        switch request.operation {
        case .hello, .stat, .attach: true
        default: false
        }
    }

    /// Who gets a thread first among those that wait: 2 urgent, 1 normal, 0 background.
    var urgency: Int {
        switch request.priority {
        case 1: 0
        case 2: 2
        default: 1
        }
    }

    var key: String { upload?.begin.key ?? request.key }
    var name: String { RequestName.of(request.operation) }
}

extension RequestJob {
    /// Looking at the daemon does not keep it from its idle work; everything else does.
    var isWork: Bool {
        switch request.operation {
        case .hello, .jobs, .plugins, .metrics, .config, .refit, .scrub, .attach: false
        default: true
        }
    }
}

/// What a put has sent.
struct Upload: Sendable {
    let begin: WireRequest
    let spool: SpoolFile
    let hash: BodyHash
}
