// The daemon over a real socket: what goes in comes out, and what is refused is refused clearly.

import Foundation
import GAMClient
import GAMProtocol
import GAMServer
import Testing

@Suite(.serialized)
struct ServerTests {
    @Test(arguments: Backend.allCases)
    func signalIsPutReadReplacedAndDeleted(backend: Backend) throws {
        let server = try TestServer(backend)
        let client = try server.client()
        let old = TestSignal([70, 41], channels: 3)
        let new = TestSignal([33, 90], seed: 5)
        let first = try client.put("a/b", old)
        #expect(!first.replaced && first.stat.generation == 1)
        #expect(try client.samples("a/b") == old.bytes)
        let second = try client.put("a/b", new)
        #expect(second.replaced && second.stat.generation == 2)
        #expect(try client.samples("a/b") == new.bytes)
        let stat = try client.stat("a/b")
        #expect(stat.rawBytes == UInt64(new.bytes.count) && stat.storedBytes > 0)
        #expect(stat.contentHash == second.stat.contentHash && stat.kind == "array")
        #expect(stat.dtype == "uint8" && stat.bits == 8 && stat.exactness == "samples")
        #expect(try client.verify("a/b").samples == UInt64(new.bytes.count))
        try client.delete("a/b")
        #expect(status { _ = try client.stat("a/b") } == .notFound)
        #expect(status { _ = try client.samples("a/b") } == .notFound)
        #expect(status { try client.delete("a/b") } == .notFound)
    }

    @Test func signalsSurviveARestart() throws {
        let folder = try TemporaryFolder()
        let signal = TestSignal([50, 60], seed: 3)
        do {
            let server = try TestServer(.rocksDB, in: folder)
            try server.client().put("kept", signal)
            #expect(server.server.stop())
        }
        let server = try TestServer(.rocksDB, in: folder)
        #expect(try server.client().samples("kept") == signal.bytes)
    }

    @Test func regionsAndLevelsAreThoseOfTheLattice() throws {
        let server = try TestServer()
        let client = try server.client()
        let signal = TestSignal([300, 270], channels: 3)
        try client.put("k", signal)
        let regions = [
            [0..<300, 0..<270], [5..<6, 269..<270], [250..<300, 200..<260], [1..<9, 1..<9],
        ]
        for region in regions {
            for level in [0, 1, 2, 3] {
                let expected = signal.samples(region: region, level: level)
                if expected.isEmpty { continue }
                #expect(
                    try client.samples("k", region: region, level: level) == expected,
                    "region \(region), level \(level)")
            }
        }
    }

    @Test(
        arguments: [
            [0..<301, 0..<1], [0..<0, 0..<1], [0..<1], [0..<1, 0..<1, 0..<1],
            [0..<1, Int.max - 1..<Int.max],
        ])
    func regionOutsideIsRefused(region: [Range<Int>]) throws {
        let server = try TestServer()
        let client = try server.client()
        try client.put("k", TestSignal([300, 270]))
        #expect(status { _ = try client.samples("k", region: region) } == .badRequest)
        #expect(status { _ = try client.samples("k", level: 31) } == .badRequest)
        #expect(status { _ = try client.samples("k", format: "tar") } == .badRequest)
        #expect(try client.samples("k", region: [0..<1, 0..<3]).count == 3)
    }

    @Test func arrayComesBackAsNumpyFile() throws {
        let server = try TestServer()
        let client = try server.client()
        let signal = TestSignal([4, 5], channels: 2)
        try client.put("k", signal)
        var file: [UInt8] = []
        let result = try client.get("k") { file += $0 }
        #expect(result.totalBytes == UInt64(file.count))
        #expect(Array(file.suffix(signal.bytes.count)) == signal.bytes)
        let header = Array(file.dropLast(signal.bytes.count))
        #expect(header.count % 64 == 0 && header.prefix(6) == [0x93] + Array("NUMPY".utf8))
        let text = String(decoding: header.dropFirst(10), as: UTF8.self)
        #expect(text.hasPrefix("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 5, 2), }"))
        #expect(text.hasSuffix("\n"))
    }

    @Test func listIsOrderedPagedAndByPrefix() throws {
        let server = try TestServer()
        let client = try server.client()
        let names = (0..<300).map { "p/\(String(format: "%03d", $0))" }
        for name in names.reversed() { try client.put(name, TestSignal([1])) }
        try client.put("q", TestSignal([1]))
        #expect(try client.keys("p/") == names)
        #expect(try client.keys() == names + ["q"])
        #expect(try client.keys("p/29") == (290..<300).map { "p/\($0)" })
        #expect(try client.keys("nothing") == [])
        let channel = try server.channel()
        var list = WireList()
        list.limit = 1_000_000
        try channel.send(1, request("", .list(list)))
        let page = try #require(try channel.receive())
        #expect(page.reply.list.signals.count == WireLimits.listCountMax)
        #expect(page.reply.list.cursor == names[WireLimits.listCountMax - 1])
    }

    @Test func existingKeyIsKeptWhenAskedTo() throws {
        let server = try TestServer()
        let client = try server.client()
        let old = TestSignal([9, 9])
        try client.put("k", old, mustNotExist: true)
        #expect(
            status { try client.put("k", TestSignal([3]), mustNotExist: true) } == .alreadyExists)
        #expect(try client.samples("k") == old.bytes)
    }

    @Test(arguments: ["", String(repeating: "x", count: 513), "a\0b"])
    func badKeyIsRefused(key: String) throws {
        let server = try TestServer()
        let client = try server.client()
        #expect(status { try client.put(key, TestSignal([3])) } == .badRequest)
        #expect(status { _ = try server.client().stat(key) } == .badRequest)
    }

    @Test func keyOf512BytesAndAnyTextIsKept() throws {
        let server = try TestServer(.rocksDB)
        let client = try server.client()
        let keys = [String(repeating: "k", count: 512), "../../etc/passwd", "ü/日本/🙂", " "]
        for (seed, key) in keys.enumerated() { try client.put(key, TestSignal([7], seed: seed)) }
        for (seed, key) in keys.enumerated() {
            #expect(try client.samples(key) == TestSignal([7], seed: seed).bytes)
        }
        #expect(try Set(client.keys()) == Set(keys))
    }

    @Test func samplesThatDoNotFitTheirDescriptionAreRefused() throws {
        let server = try TestServer()
        let client = try server.client()
        var options = Client.PutOptions()
        options.samples = TestSignal([10]).description
        #expect(status { _ = try client.put("k", options, bytes: [1, 2, 3]) } == .badInput)
        #expect(
            status { _ = try client.put("k", options, bytes: .init(repeating: 1, count: 11)) }
                == .tooLarge)
        options.samples?.bits = 4
        let tooWide = [UInt8](repeating: 15, count: 9) + [16]
        #expect(status { _ = try client.put("k", options, bytes: tooWide) } == .badInput)
        let fitting = [UInt8](repeating: 15, count: 10)
        #expect(status { _ = try client.put("k", options, bytes: fitting) } == nil)
        #expect(try client.samples("k") == fitting)
    }

    @Test func lyingDescriptionsAreRefusedBeforeTheirBytes() throws {
        let server = try TestServer()
        let client = try server.client()
        var descriptions: [WireDescription] = []
        for change: (inout WireDescription) -> Void in [
            { $0.axes[0].extent = UInt64.max }, { $0.axes[0].extent = 0 }, { $0.axes = [] },
            {
                $0.axes[0].extent = 1 << 30
                $0.axes[1].extent = 1 << 30
            },
            { $0.channels = [] }, { $0.channels = .init(repeating: 0, count: 65) },
            { $0.channels = [4_000_000_000] }, { $0.bits = 33 }, { $0.family = 9 },
            { $0.bits = 0 }, { $0.axes[0].kind = 7 }, { $0.axes[0].spacing = .nan },
            { $0.axes = .init(repeating: $0.axes[0], count: 5) },
        ] {
            var description = TestSignal([2, 2]).description
            change(&description)
            descriptions.append(description)
        }
        for description in descriptions {
            var options = Client.PutOptions()
            options.samples = description
            let result = status { _ = try client.put("k", options, bytes: [1, 2, 3, 4]) }
            #expect(result == .badInput || result == .tooLarge, "\(description)")
        }
        #expect(try client.keys() == [])
    }

    @Test func badOptionsAreRefused() throws {
        let server = try TestServer()
        let client = try server.client()
        let signal = TestSignal([4])
        for change: (inout Client.PutOptions) -> Void in [
            { $0.effort = 10 }, { $0.networkSize = "XL" }, { $0.settings = ["colour": "red"] },
            { $0.settings = ["kind": "../x"] }, { $0.shardExtents = [1 << 30] },
        ] {
            var options = Client.PutOptions()
            options.samples = signal.description
            change(&options)
            #expect(
                status { _ = try client.put("k", options, bytes: signal.bytes) } == .badRequest)
        }
    }

    @Test func fileWithoutAnAdapterIsRefused() throws {
        let server = try TestServer()
        let client = try server.client()
        let result = status { _ = try client.put("k", .init(), bytes: [1, 2, 3]) }
        #expect(result == .adapterMissing)
        #expect(try client.keys() == [])
    }

    @Test func uploadAboveTheLimitIsRefusedEarly() throws {
        let server = try TestServer { $0.limits.putBytesMax = 1_000 }
        let client = try server.client()
        #expect(try client.hello("test").putBytesMax == 1_000)
        #expect(status { try client.put("k", TestSignal([2_000])) } == .tooLarge)
        let other = try server.client()
        let big = [UInt8](repeating: 0, count: 5_000_000)
        #expect(status { _ = try other.put("k", .init(), bytes: big) } == .tooLarge)
        #expect(try server.client().keys() == [])
    }

    @Test func readOnlyUserCannotChangeAnything() throws {
        let server = try TestServer { $0.access.readOnlyUsers = [Int(getuid())] }
        let client = try server.client()
        #expect(status { try client.put("k", TestSignal([4])) } == .permission)
        #expect(status { try server.client().delete("k") } == .permission)
        #expect(try server.client().keys() == [])
    }

    @Test func manyClientsWorkAtOnce() throws {
        let server = try TestServer(.rocksDB)
        let path = server.socketPath
        DispatchQueue.concurrentPerform(iterations: 12) { number in
            do {
                let client = try Client(path: path)
                for round in 0..<4 {
                    let signal = TestSignal([40 + number, 30], seed: round)
                    try client.put("c\(number)", signal)
                    let isSame = try client.samples("c\(number)") == signal.bytes
                    #expect(isSame)
                }
            } catch {
                Issue.record("client \(number): \(error)")
            }
        }
        #expect(try server.client().keys().count == 12)
    }
}
