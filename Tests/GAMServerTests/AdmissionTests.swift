// Who is let in, and how queues and descriptors are shared.

import CLinux
import GAMClient
import GAMProtocol
import GAMServer
import Glibc
import Testing

@Suite(.serialized)
struct AdmissionTests {
    private func server(
        _ configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer { configure(&$0) }
    }

    // MARK: Access

    @Test func accessLevelsOrder() {
        var rules = ServerConfiguration().access
        rules.readOnlyUsers = [1000, 0]
        rules.denyUsers = [1001, 1000]
        rules.adminUsers = [1002]
        let policy = AccessPolicy(rules, owner: 999)
        #expect(policy.level(of: 1000) == .denied && policy.level(of: 1001) == .denied)
        #expect(policy.level(of: 0) == .readOnly, "root can be restricted, too")
        #expect(policy.level(of: 999) == .administrator)
        #expect(policy.level(of: 1002) == .administrator)
        #expect(policy.level(of: 1003) == .readWrite)
    }

    @Test func reloadSendsDeniedUsersAway() throws {
        let server = try server()
        let client = try server.client()
        try client.put("k", TestSignal([9]))
        var settings = ServerConfiguration()
        settings.access.denyUsers = [Int(geteuid())]
        _ = server.server.reload(ResolvedConfiguration(settings))
        #expect(status { _ = try client.stat("k") } == .unreachable)
        #expect(status { _ = try server.client().stat("k") } == .permission)
    }

    @Test func reloadKeepsWhatNeedsARestart() throws {
        let server = try server { $0.threads.puts = 3 }
        var settings = ServerConfiguration()
        settings.threads.puts = 5
        settings.quota.signalsMax = 7
        let waiting = server.server.reload(ResolvedConfiguration(settings))
        #expect(waiting.contains("threads.puts") && waiting.contains("store.path"))
        let shown = try server.client().configuration()
        func value(_ key: String) -> String? { shown.first { $0.key == key }?.value }
        #expect(value("threads.puts") == "3" && value("quota.signals_max") == "7")
        #expect(value("store.path") == "\"\(server.statePath)\"")
    }

    // MARK: Limits

    @Test func fullQueueIsToldToTryLater() throws {
        let server = try server {
            $0.threads.puts = 1
            $0.limits.waitingPutsMax = 1
            $0.limits.activePerConnectionMax = 16
        }
        let client = try server.client()
        try client.put("big", TestSignal([1_500, 1_500]))
        let channel = try server.channel()
        for id in 1...6 { try channel.send(UInt32(id), request("big", .verify(.init()))) }
        var statuses: [UInt32] = []
        for _ in 1...6 { statuses.append(try #require(try channel.receive()).reply.status) }
        #expect(statuses.contains(Status.busy.rawValue) && statuses.contains(0))
        _ = try client.verify("big")
    }

    @Test(arguments: [(64, 20, 13), (1_024, 500, 333), (65_536, 512, 1_200)])
    func descriptorsAreShared(limit: Int, storeFiles: Int, connections: Int) {
        let budget = DescriptorBudget(limit: limit, wanted: 1_200)
        #expect(budget.storeFiles == storeFiles && budget.connections == connections)
    }
}
