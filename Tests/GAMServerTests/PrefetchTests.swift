import GAMClient
import GAMProtocol
import Glibc
import Testing

@Suite struct PrefetchTests {
    private func figure(_ client: Client, _ name: String) throws -> Double {
        let line = try client.metrics().split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
    }

    @Test func aSequentialReaderFindsTheNextShardsRecalled() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.put("k", TestSignal([800, 16]), shard: [64, 16])
        for start in stride(from: 0, to: 320, by: 64) {
            _ = try client.samples("k", region: [start..<start + 64, 0..<16])
        }
        var waited = 0
        while try figure(client, "gamd_prefetched_shards_total") < 1, waited < 200 {
            usleep(20_000)
            waited += 1
        }
        #expect(try figure(client, "gamd_prefetched_shards_total") >= 1)
    }

    @Test func aRandomReaderCausesNone() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.put("k", TestSignal([800, 16]), shard: [64, 16])
        for start in [640, 0, 320, 128, 512, 64, 448, 0, 576] {
            _ = try client.samples("k", region: [start..<start + 64, 0..<16])
        }
        usleep(200_000)
        #expect(try figure(client, "gamd_prefetched_shards_total") == 0)
    }
}
