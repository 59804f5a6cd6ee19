// Decides what each frame of a connection means; the shell (Connection) acts. Pure.
//
// What always holds:
// - A request id is in use by at most one request at a time.
// - At most `requestsMax` requests are unanswered; one more is refused, not queued.
// - Frames of a put that has already been refused are dropped without a second answer.

import GAMProtocol

package struct SessionState: Sendable {
    package enum Action: Equatable, Sendable {
        /// Run the request.
        case start(id: UInt32)
        /// Keep the body of this frame, then run the request.
        case collect(id: UInt32)
        /// Map the memory behind the descriptor that came with the frame.
        case attach(id: UInt32)
        /// Open a spool for a put.
        case beginPut(id: UInt32)
        /// The body of this frame goes to the put's spool.
        case spool(id: UInt32)
        /// The put is complete: check and store it.
        case finishPut(id: UInt32)
        /// Forget the put's spool and answer that it was cancelled.
        case dropPut(id: UInt32)
        /// Make a running request stop.
        case cancel(id: UInt32)
        /// Answer with an error; the connection goes on.
        case refuse(id: UInt32, Status, String)
        /// Answer with an error on this id, then close.
        case close(id: UInt32, Status, String)
        case ignore
    }

    private enum Phase: Sendable {
        /// A put whose bytes are arriving.
        case receiving
        case running
    }

    /// Puts that were refused and may still have frames under way.
    private static let refusedMax = 64

    package let requestsMax: Int
    package let queryBytesMax: Int
    package let access: AccessLevel
    private var phases: [UInt32: Phase] = [:]
    private var refusedPuts: [UInt32] = []
    package private(set) var isStopping = false

    package init(requestsMax: Int, queryBytesMax: Int, access: AccessLevel) {
        self.requestsMax = requestsMax
        self.queryBytesMax = queryBytesMax
        self.access = access
    }

    /// Requests that have been started and not answered.
    package var running: Int {
        phases.values.count { $0 == .running }
    }

    /// New requests are refused from now on.
    package mutating func stop() { isStopping = true }

    /// A put was answered with an error before its end; later frames of it are dropped.
    package mutating func putFailed(_ id: UInt32) {
        phases[id] = nil
        refusedPuts.removeAll { $0 == id }
        refusedPuts.append(id)
        if refusedPuts.count > Self.refusedMax { refusedPuts.removeFirst() }
    }

    /// A request has had its last answer.
    package mutating func finished(_ id: UInt32) { phases[id] = nil }

    /// What to do about a frame.
    package mutating func receive(_ header: FrameHeader, _ request: WireRequest) -> Action {
        let id = header.requestID
        guard let operation = request.operation else {
            return refuse(id, .unsupported, "the operation is not known to this gamd; see Hello")
        }
        if case .putData = operation { return receivePutData(id) }
        if case .query = operation { return receiveQuery(header) }
        if header.bodyBytes > 0 {
            let text = "only a put's data and a query have a body"
            return .close(id: id, .protocolError, text)
        }
        if case .attach = operation {
            guard header.descriptors == 1 else {
                return .close(id: id, .protocolError, "an Attach carries one descriptor")
            }
            return begin(id, .readOnly, as: .running, .attach(id: id))
        }
        guard header.descriptors == 0 else {
            return .close(id: id, .protocolError, "only an Attach carries a descriptor")
        }
        switch operation {
        case .putCommit: return receivePutCommit(id)
        case .cancel: return receiveCancel(id)
        case .putBegin: return begin(id, .readWrite, as: .receiving, .beginPut(id: id))
        case .delete: return begin(id, .readWrite, as: .running, .start(id: id))
        case .readMany, .where, .bounds: return begin(id, .readOnly, as: .running, .start(id: id))
        case .hello, .get, .read, .stat, .list, .verify, .jobs, .plugins, .metrics, .config:
            return begin(id, .readOnly, as: .running, .start(id: id))
        case .scrub(let scrub) where scrub.action == "status":
            return begin(id, .readOnly, as: .running, .start(id: id))
        case .backup, .scrub, .collect, .refit:
            return begin(id, .administrator, as: .running, .start(id: id))
        case .putData, .query, .attach: preconditionFailure("handled above")
        }
    }

    private mutating func receiveQuery(_ header: FrameHeader) -> Action {
        let id = header.requestID
        guard header.bodyBytes <= queryBytesMax else {
            return refuse(
                id, .tooLarge,
                "coordinates of \(header.bodyBytes) bytes; send at most \(queryBytesMax) at once")
        }
        guard header.bodyBytes > 0 else {
            return refuse(id, .badRequest, "a query has its points in the body of its frame")
        }
        return begin(id, .readOnly, as: .running, .collect(id: id))
    }

    private mutating func begin(
        _ id: UInt32, _ needed: AccessLevel, as phase: Phase, _ action: Action
    ) -> Action {
        guard phases[id] == nil else {
            return .close(id: id, .protocolError, "request id \(id) is still in use")
        }
        let isPut = phase == .receiving
        guard access >= needed else {
            let text =
                needed == .administrator
                ? "only administrators may do that; see access.admin_users in gamd.toml(5)"
                : "this user may only read"
            return refuse(id, .permission, text, isPut: isPut)
        }
        guard !isStopping else {
            return refuse(id, .busy, "the daemon is stopping; try again later", isPut: isPut)
        }
        guard phases.count < requestsMax else {
            let text = "more than \(requestsMax) requests are unanswered; wait for answers"
            return refuse(id, .busy, text, isPut: isPut)
        }
        refusedPuts.removeAll { $0 == id }
        phases[id] = phase
        return action
    }

    private mutating func refuse(
        _ id: UInt32, _ status: Status, _ text: String, isPut: Bool = false
    ) -> Action {
        if isPut { putFailed(id) }
        return .refuse(id: id, status, text)
    }

    private func receivePutData(_ id: UInt32) -> Action {
        if phases[id] == .receiving { return .spool(id: id) }
        if refusedPuts.contains(id) { return .ignore }
        return .close(id: id, .protocolError, "no put was begun with request id \(id)")
    }

    private mutating func receivePutCommit(_ id: UInt32) -> Action {
        if phases[id] == .receiving {
            phases[id] = .running
            return .finishPut(id: id)
        }
        if let index = refusedPuts.firstIndex(of: id) {
            refusedPuts.remove(at: index)
            return .ignore
        }
        return .close(id: id, .protocolError, "no put was begun with request id \(id)")
    }

    private mutating func receiveCancel(_ id: UInt32) -> Action {
        switch phases[id] {
        case .running: return .cancel(id: id)
        case .receiving:
            putFailed(id)
            return .dropPut(id: id)
        case nil: return .ignore
        }
    }
}
