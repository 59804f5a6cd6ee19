import CGAMPlugin
import CLinux
import GAMPluginHost
import Glibc
import Testing

struct PacketTests {
    private func reader(_ fields: [UInt8]) throws -> PacketReader {
        try PacketReader([PacketKind.log.rawValue] + fields)
    }

    @Test func whatIsWrittenIsRead() throws {
        var writer = PacketWriter(.encode)
        writer.number(UInt64.max)
        writer.number(Int32(-7))
        writer.text("Größe")
        writer.blob([1, 2, 3])
        writer.table(["a": "1", "b": ""])
        var reader = try PacketReader(writer.bytes)
        #expect(reader.kind == .encode)
        #expect(try reader.number(UInt64.self) == .max)
        #expect(try reader.number(Int32.self) == -7)
        #expect(try reader.text() == "Größe")
        #expect(try Array(reader.blob()) == [1, 2, 3])
        #expect(try reader.table() == ["a": "1", "b": ""])
        #expect(throws: MalformedPacket.self) { try reader.number(UInt8.self) }
    }

    @Test func textsAreCutBetweenCharacters() throws {
        var writer = PacketWriter(.log)
        writer.text("äöü", limit: 5)
        var reader = try PacketReader(writer.bytes)
        #expect(try reader.text() == "äö")
    }

    @Test(arguments: [[], [0], [14], [64], [255], [UInt8](repeating: 0, count: 100)])
    func bytesThatAreNoPacketAreRefused(bytes: [UInt8]) {
        #expect(throws: MalformedPacket.self) { try PacketReader(bytes) }
    }

    @Test(arguments: [
        [], [1], [1, 0, 0], [1, 0, 0, 0], [255, 255, 255, 255], [2, 0, 0, 0, 65],
        [0, 0, 0, 128, 65, 65],
    ])
    func lengthsBeyondThePacketAreRefused(bytes: [UInt8]) throws {
        var blob = try reader(bytes)
        #expect(throws: MalformedPacket.self) { try blob.blob() }
        var text = try reader(bytes)
        #expect(throws: MalformedPacket.self) { try text.text() }
        var description = try reader(bytes)
        #expect(throws: MalformedPacket.self) { try description.description() }
        var table = try reader(bytes)
        #expect(throws: MalformedPacket.self) { try table.table() }
    }

    @Test func aDescriptionOfAnotherSizeIsRefused() throws {
        for count in [0, 1, MemoryLayout<gam_description>.size - 1, 4096] {
            var writer = PacketWriter(.opened)
            writer.blob([UInt8](repeating: 0, count: count))
            var reader = try PacketReader(writer.bytes)
            #expect(throws: MalformedPacket.self) { try reader.description() }
        }
    }

    @Test func errorsTravelAndUnknownOnesDoNot() throws {
        let errors: [PluginError] = [
            .badInput(plugin: "p", file: "f", reason: "r"),
            .unsupported(plugin: "p", file: "f", reason: "r"),
            .limit(plugin: "p", file: "f", reason: "r"), .usage(plugin: "p", reason: "r"),
            .inputOutput(plugin: "p", file: "f", reason: "r"),
            .outOfMemory(plugin: "p", reason: "r"), .fault(plugin: "p", reason: "r"),
            .incompatible(plugin: "p", reason: "r"),
        ]
        for error in errors {
            var writer = PacketWriter(.failed)
            writer.error(error)
            var reader = try PacketReader(writer.bytes)
            #expect(try reader.error(plugin: "p") == error)
        }
        for code in [0, 9, 255] as [UInt8] {
            var unknown = try reader([code, 0, 0, 0, 0, 0, 0, 0, 0])
            #expect(throws: MalformedPacket.self) { try unknown.error(plugin: "p") }
        }
    }

    @Test func anyBytesAreReadOrRefused() throws {
        var random = SeededBytes()
        for _ in 0..<20_000 {
            let bytes = random.bytes(Int(random.next() % 64))
            guard var reader = try? PacketReader(bytes) else { continue }
            switch random.next() % 5 {
            case 0: _ = try? reader.table()
            case 1: _ = try? reader.error(plugin: "p")
            case 2: _ = try? reader.limits()
            case 3: _ = try? reader.text()
            default: _ = MetadataStream.metadata(bytes, PluginLimits())
            }
        }
    }
}

struct MetadataStreamTests {
    private let three = [
        PluginMetadata(key: "format", bytes: Array("wav".utf8)),
        PluginMetadata(key: "empty", bytes: []),
        PluginMetadata(key: "chunk", bytes: [UInt8](repeating: 9, count: 300)),
    ]

    /// A stream of one blob whose fields say anything.
    private func stream(
        count: UInt32 = 1, keyBytes: UInt32, valueBytes: UInt64, rest: [UInt8]
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: count.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: keyBytes.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: valueBytes.littleEndian) { bytes += $0 }
        return bytes + rest
    }

    @Test func metadataComeBackInOrder() {
        let bytes = MetadataStream.bytes(of: three)
        #expect(MetadataStream.metadata(bytes, PluginLimits()) == three)
        #expect(MetadataStream.metadata([0, 0, 0, 0], PluginLimits()) == [])
    }

    @Test func everyCutAndEveryExtraByteIsRefused() {
        let bytes = MetadataStream.bytes(of: three)
        for cut in 0..<bytes.count {
            #expect(MetadataStream.metadata(Array(bytes[..<cut]), PluginLimits()) == nil)
        }
        #expect(MetadataStream.metadata(bytes + [0], PluginLimits()) == nil)
    }

    @Test func limitsHoldToTheByte() {
        let bytes = MetadataStream.bytes(of: three)
        var limits = PluginLimits()
        limits.metadataBytesMax = 303
        #expect(MetadataStream.metadata(bytes, limits) == three)
        limits.metadataBytesMax = 302
        #expect(MetadataStream.metadata(bytes, limits) == nil)
    }

    @Test func sizesThatLieAreRefused() {
        let ok = stream(keyBytes: 1, valueBytes: 2, rest: [65, 1, 2])
        #expect(MetadataStream.metadata(ok, PluginLimits())?.count == 1)
        let lies = [
            stream(keyBytes: 0, valueBytes: 3, rest: [65, 1, 2]),
            stream(keyBytes: 129, valueBytes: 0, rest: [UInt8](repeating: 65, count: 129)),
            stream(keyBytes: .max, valueBytes: 2, rest: [65, 1, 2]),
            stream(keyBytes: 1, valueBytes: .max, rest: [65, 1, 2]),
            stream(keyBytes: 1, valueBytes: UInt64(Int.max), rest: [65, 1, 2]),
            stream(keyBytes: 4, valueBytes: 0, rest: [65, 1, 2]),
            stream(count: .max, keyBytes: 1, valueBytes: 2, rest: [65, 1, 2]),
            stream(count: 65_537, keyBytes: 1, valueBytes: 2, rest: [65, 1, 2]),
            stream(count: 0, keyBytes: 1, valueBytes: 2, rest: [65, 1, 2]),
        ]
        for lie in lies { #expect(MetadataStream.metadata(lie, PluginLimits()) == nil) }
    }

    @Test func aKeyComesOnce() {
        let twice = MetadataStream.bytes(of: [three[0], three[0]])
        #expect(MetadataStream.metadata(twice, PluginLimits()) == nil)
    }
}

struct FaultLedgerTests {
    private func ledger() -> FaultLedger {
        var rule = QuarantineRule()
        rule.faultsMax = 3
        rule.windowSeconds = 10
        rule.quarantineSeconds = 20
        return FaultLedger(rule: rule)
    }

    @Test func threeFaultsWithinTheWindowPutAside() throws {
        var ledger = ledger()
        ledger.record("a", "first", at: 0)
        ledger.record("b", "other", at: 1)
        ledger.record("a", "second", at: 5_000)
        #expect(ledger.quarantine("a", at: 5_000) == nil)
        ledger.record("a", "third", at: 9_999)
        let reason = try #require(ledger.quarantine("a", at: 10_000))
        #expect(reason.contains("20 s more") && reason.contains("third"))
        #expect(ledger.quarantine("b", at: 10_000) == nil)
        #expect((ledger.count("a"), ledger.count("b"), ledger.count("c")) == (3, 1, 0))
    }

    @Test func faultsFarApartDoNot() {
        var ledger = ledger()
        for time in stride(from: Int64(0), to: 100_000, by: 5_000) {
            ledger.record("a", "again", at: time)
            #expect(ledger.quarantine("a", at: time) == nil)
        }
    }

    @Test func aQuarantineEndsAndCountsAnew() {
        var ledger = ledger()
        for time in [0, 1, 2] as [Int64] { ledger.record("a", "x", at: time) }
        #expect(ledger.quarantine("a", at: 20_001) != nil)
        #expect(ledger.quarantine("a", at: 20_002) == nil)
        ledger.record("a", "x", at: 20_003)
        ledger.record("a", "x", at: 20_004)
        #expect(ledger.quarantine("a", at: 20_005) == nil)
        ledger.record("a", "x", at: 20_006)
        #expect(ledger.quarantine("a", at: 20_006) != nil)
    }
}

/// Random bytes whose seed is printed; GAMD_SEED repeats a run.
struct SeededBytes: RandomNumberGenerator {
    private var state: UInt64

    init() {
        let named = getenv("GAMD_SEED").flatMap { UInt64(String(cString: $0)) }
        state = named ?? UInt64.random(in: 0...UInt64(UInt32.max))
        print("GAMD_SEED=\(state)")
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
