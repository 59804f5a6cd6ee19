// What a running request knows about its client: whether to go on, and how to answer.

import CLinux
import GAMProtocol
import Synchronization

/// Tells a running request to stop: cancelled, past its deadline, or its client is gone.
final class RequestContext: Sendable {
    private let isCancelled = Atomic(false)
    private let deadline: Int64?

    init(deadlineMilliseconds: UInt64) {
        let limit: UInt64 = 1 << 50
        deadline =
            deadlineMilliseconds == 0
            ? nil : clinux_milliseconds() + Int64(min(deadlineMilliseconds, limit))
    }

    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    var mayGoOn: Bool {
        if isCancelled.load(ordering: .relaxed) { return false }
        return deadline.map { clinux_milliseconds() < $0 } ?? true
    }

    /// Throws why the request must stop, if it must.
    func check() throws(Failure) {
        if isCancelled.load(ordering: .relaxed) {
            throw Failure(.cancelled, "the request was cancelled")
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

/// A request ready to run.
struct RequestJob: Sendable {
    let id: UInt32
    let request: WireRequest
    let context: RequestContext
    /// The bytes of a put.
    let upload: Upload?
    /// Puts and verifications run on threads of their own, so that they never hold up reads.
    var isHeavy: Bool {
        switch request.operation {
        case .putCommit, .verify: true
        default: false
        }
    }
}

/// What a put has sent.
struct Upload: Sendable {
    let begin: WireRequest
    let spool: SpoolFile
    let hash: BodyHash
}
