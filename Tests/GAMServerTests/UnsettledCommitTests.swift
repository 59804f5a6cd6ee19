// Commits whose outcome nobody can tell: nothing is given up before the store can.

import GAMClient
import GAMProtocol
import GAMServer
import GAMStore
import Glibc
import Logging
import Testing

@Suite(.serialized)
struct UnsettledCommitTests {
    private let store = FaultyStore()
    private let signal = TestSignal([40, 50])

    /// The commit's fate is unknown and the store cannot be asked, as on a full disk: nothing of either
    /// write may be given up before the store can tell.
    @Test(arguments: [FaultyStore.Publish.applied, .dropped])
    func blobsOfAnUnsettledCommitStayUntilTheStoreCanTell(_ fate: FaultyStore.Publish) throws {
        let server = try TestServer(store: store)
        let client = try server.client()
        let next = TestSignal([60, 50], seed: 5)
        try client.put("k", signal)
        let blobs = try store.blobCount
        store.set { $0.lostPublish = fate }
        #expect(status { try client.put("k", next) } == .noSpace)
        usleep(300_000)
        #expect(try store.blobCount == 2 * blobs, "blobs of an unsettled commit were deleted")
        store.set { $0.isUntellable = false }
        // The next commit settles it.
        try client.put("other", signal)
        for _ in 0..<100 where try store.blobCount != 2 * blobs { usleep(50_000) }
        #expect(try store.blobCount == 2 * blobs)
        let expected = fate == .applied ? next : signal
        #expect(try client.samples("k") == expected.bytes)
        _ = try client.verify("k")
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let fresh = try SignalCatalog(store: store, reclaimer: Reclaimer(store: store, log: log))
        try fresh.load()
        #expect(fresh.inventory.totals == server.server.catalog.inventory.totals)
    }
}
