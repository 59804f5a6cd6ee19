// What a session decides, frame by frame; no socket involved.

import GAMProtocol
import GAMServer
import Testing

private func header(_ id: UInt32, body: Int = 0) -> FrameHeader {
    FrameHeader(requestID: id, metadataBytes: 0, bodyBytes: body)
}

private func request(_ operation: WireRequest.OneOf_Operation?) -> WireRequest {
    var request = WireRequest()
    request.operation = operation
    return request
}

private let begin = request(.putBegin(WirePutBegin()))
private let data = request(.putData(WirePutData()))
private let commit = request(.putCommit(WirePutCommit()))
private let stat = request(.stat(WireStat()))
private let cancel = request(.cancel(WireCancel()))

struct SessionStateTests {
    private func session(max: Int = 4, mayWrite: Bool = true) -> SessionState {
        SessionState(
            requestsMax: max, queryBytesMax: 1 << 20, access: mayWrite ? .administrator : .readOnly)
    }

    @Test func putRunsThroughItsPhases() {
        var state = session()
        #expect(state.receive(header(1), begin) == .beginPut(id: 1))
        #expect(state.running == 0)
        #expect(state.receive(header(1, body: 5), data) == .spool(id: 1))
        #expect(state.receive(header(1), data) == .spool(id: 1))
        #expect(state.receive(header(1), commit) == .finishPut(id: 1))
        #expect(state.running == 1)
        state.finished(1)
        #expect(state.running == 0)
        #expect(state.receive(header(1), begin) == .beginPut(id: 1))
    }

    @Test func requestsInterleaveByID() {
        var state = session()
        #expect(state.receive(header(1), begin) == .beginPut(id: 1))
        #expect(state.receive(header(2), stat) == .start(id: 2))
        #expect(state.receive(header(1, body: 1), data) == .spool(id: 1))
        #expect(state.receive(header(3), stat) == .start(id: 3))
        #expect(state.running == 2)
    }

    @Test func idInUseEndsTheConnection() {
        var state = session()
        _ = state.receive(header(7), stat)
        guard case .close(7, .protocolError, _) = state.receive(header(7), stat) else {
            Issue.record("an id in use was accepted")
            return
        }
    }

    @Test func tooManyRequestsAreRefusedAndLaterOnesServed() {
        var state = session(max: 2)
        _ = state.receive(header(1), stat)
        _ = state.receive(header(2), begin)
        guard case .refuse(3, .busy, _) = state.receive(header(3), stat) else {
            Issue.record("a third request was accepted")
            return
        }
        state.finished(1)
        #expect(state.receive(header(3), stat) == .start(id: 3))
    }

    @Test func restOfARefusedPutIsDropped() {
        var state = session(mayWrite: false)
        guard case .refuse(1, .permission, _) = state.receive(header(1), begin) else {
            Issue.record("a read-only user may put")
            return
        }
        #expect(state.receive(header(1, body: 9), data) == .ignore)
        #expect(state.receive(header(1), commit) == .ignore)
        guard case .close(1, .protocolError, _) = state.receive(header(1), commit) else {
            Issue.record("a second commit was accepted")
            return
        }
    }

    @Test func readOnlyUserMayReadButNotDelete() {
        var state = session(mayWrite: false)
        #expect(state.receive(header(1), stat) == .start(id: 1))
        guard
            case .refuse(2, .permission, _) = state.receive(
                header(2), request(.delete(WireDelete())))
        else {
            Issue.record("a read-only user may delete")
            return
        }
    }

    @Test func putThatFailsHalfWaySwallowsItsRest() {
        var state = session()
        _ = state.receive(header(1), begin)
        state.putFailed(1)
        #expect(state.receive(header(1, body: 3), data) == .ignore)
        #expect(state.receive(header(1), begin) == .beginPut(id: 1))
        #expect(state.receive(header(1), commit) == .finishPut(id: 1))
    }

    @Test func dataWithoutAPutEndsTheConnection() {
        var state = session()
        guard case .close(5, .protocolError, _) = state.receive(header(5, body: 1), data) else {
            Issue.record("data without a put was accepted")
            return
        }
    }

    @Test func bodyWhereNoneBelongsEndsTheConnection() {
        var state = session()
        guard case .close(1, .protocolError, _) = state.receive(header(1, body: 1), stat) else {
            Issue.record("a body of a Stat was accepted")
            return
        }
    }

    @Test func unknownOperationIsRefusedAndTheSessionGoesOn() {
        var state = session()
        guard case .refuse(1, .unsupported, _) = state.receive(header(1), request(nil)) else {
            Issue.record("an unknown operation was accepted")
            return
        }
        #expect(state.receive(header(1), stat) == .start(id: 1))
    }

    @Test func cancelReachesRunningAndArrivingRequestsOnly() {
        var state = session()
        _ = state.receive(header(1), stat)
        _ = state.receive(header(2), begin)
        #expect(state.receive(header(1), cancel) == .cancel(id: 1))
        #expect(state.receive(header(2), cancel) == .dropPut(id: 2))
        #expect(state.receive(header(2), data) == .ignore)
        #expect(state.receive(header(9), cancel) == .ignore)
    }

    @Test func stoppingRefusesNewRequests() {
        var state = session()
        _ = state.receive(header(1), begin)
        state.stop()
        guard case .refuse(2, .busy, _) = state.receive(header(2), stat) else {
            Issue.record("a request was accepted while stopping")
            return
        }
        #expect(state.receive(header(1), commit) == .finishPut(id: 1))
    }

    @Test func refusedPutsAreRememberedInBoundedNumber() {
        var state = session(mayWrite: false)
        for id in 0..<1_000 { _ = state.receive(header(UInt32(id)), begin) }
        #expect(state.receive(header(999), data) == .ignore)
        guard case .close(0, .protocolError, _) = state.receive(header(0), data) else {
            Issue.record("a thousand refused puts are remembered")
            return
        }
    }
}
