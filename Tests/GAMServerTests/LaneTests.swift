// Small requests keep threads of their own: what turns out large goes on among the large ones.

import GAMClient
import GAMProtocol
import GAMServer
import Testing

@Suite(.serialized)
struct LaneTests {
    private static let side = 3_200
    /// 169 shards, 9.8 MiB.
    private static let noise = TestSignal(noise: [side, side], seed: 1)

    private func moved(_ client: Client) throws -> Double {
        try #require(UpkeepTests.figure("gamd_requests_moved_total", in: try client.metrics()))
    }

    @Test func smallReadsPassByLargeOnes() throws {
        let server = try TestServer {
            $0.threads.reads = 1
            $0.threads.large = 1
            $0.cache.shardBytes = 0
        }
        let client = try server.client()
        try client.put("large", TestSignal(noise: [2_500, 2_500], seed: 1))
        try client.put("small", TestSignal([64, 64]))
        let channel = try server.channel()
        for id in 1...4 { try channel.send(UInt32(id), request("large", .read(.init()))) }
        for _ in 0..<5 { #expect(try client.samples("small") == TestSignal([64, 64]).bytes) }
        // The large ones came first; were they in the way, all nine would be answered now.
        let reads = "gamd_requests_total{operation=\"read\",status=\"ok\"}"
        let answered = try #require(UpkeepTests.figure(reads, in: try client.metrics()))
        #expect(answered >= 5 && answered < 9)
        var last = 0
        while last < 4 {
            let frame = try #require(try channel.receive())
            #expect(frame.reply.status == 0)
            if frame.reply.last { last += 1 }
        }
    }

    /// Small answers for which every shard is recalled.
    enum Costly: CaseIterable {
        case means, steps, points

        func isExact(_ client: Client) throws -> Bool {
            let (side, bytes) = (LaneTests.side, LaneTests.noise.bytes)
            switch self {
            case .means:
                let cells = side / 16
                let found = try client.samples("k") {
                    $0.level = 4
                    $0.filter = "area"
                }
                return found
                    == (0..<cells * cells).map { cell in
                        let (y, x) = (cell / cells * 16, cell % cells * 16)
                        var sum = 0
                        for row in y..<y + 16 {
                            for at in row * side + x..<row * side + x + 16 { sum += Int(bytes[at]) }
                        }
                        return UInt8((2 * sum + 256) / 512)
                    }
            case .steps:
                let every = Array(stride(from: 0, to: side, by: 7))
                var interval = WireInterval(0, side)
                interval.step = 7
                let found = try client.samples("k") { $0.region = [interval, interval] }
                return found == every.flatMap { y in every.map { x in bytes[y * side + x] } }
            case .points:
                let middles = Array(stride(from: 100, to: side, by: 256))
                let points = middles.flatMap { y in middles.map { x in (y, x) } }
                let found = try client.query(
                    "k", WireQuery(), coordinates: points.flatMap { [Double($0), Double($1)] })
                return found.values == points.map { Double(bytes[$0 * side + $1]) }
            }
        }
    }

    @Test func whatRecallsMuchGoesOnAmongTheLarge() throws {
        let server = try TestServer { $0.cache.shardBytes = 0 }
        let client = try server.client()
        try client.put("k", Self.noise)
        for (number, costly) in Costly.allCases.enumerated() {
            #expect(try costly.isExact(client), "\(costly)")
            #expect(try moved(client) == Double(number + 1), "\(costly)")
        }
    }

    @Test func largeBoundsGoThereToo() throws {
        let server = try TestServer()
        let client = try server.client()
        // 40,000 cells of 56 bytes; 2.4 MiB recalled.
        try client.put("k", TestSignal(noise: [1_600, 1_600], seed: 2))
        _ = try client.bounds("k")
        #expect(try moved(client) == 0)
        var bounds = WireBounds()
        bounds.cells = true
        let channel = try server.channel()
        try channel.send(1, request("k", .bounds(bounds)))
        var bytes = 0
        while let frame = try channel.receive() {
            bytes += frame.body.count
            if frame.reply.last { break }
        }
        #expect(bytes == 40_000 * 56)
        #expect(try moved(client) == 1)
    }

    @Test func whatIsRecalledAlreadyStays() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.put("k", Self.noise)
        let before = try moved(client)
        _ = try client.samples("k")
        #expect(try moved(client) == before + 1)
        for costly in Costly.allCases { #expect(try costly.isExact(client), "\(costly)") }
        #expect(try moved(client) == before + 1)
    }

    @Test func smallReadsStay() throws {
        let server = try TestServer { $0.cache.shardBytes = 0 }
        let client = try server.client()
        try client.put("k", Self.noise)
        let regions = [[0..<256, 100..<356], [7..<1_031, 9..<1_033]]
        for region in regions {
            #expect(
                try client.samples("k", region: region)
                    == Self.noise.samples(region: region, level: 0))
        }
        let whole = [0..<Self.side, 0..<Self.side]
        #expect(
            try client.samples("k", level: 3) == Self.noise.samples(region: whole, level: 3),
            "overviews alone are recalled")
        #expect(try moved(client) == 0)
        // The header of a file of samples makes the answer larger than a frame.
        let file = try client.samples("k", region: regions[1], format: "npy")
        #expect(file.suffix(1 << 20) == Self.noise.samples(region: regions[1], level: 0)[...])
        #expect(try moved(client) == 1)
    }
}
