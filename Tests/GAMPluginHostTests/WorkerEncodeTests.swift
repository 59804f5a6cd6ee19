import CLinux
import GAMCore
import GAMPluginHost
import Glibc
import Testing

/// A worker that lies while it encodes.
struct WorkerEncodeTests {
    private static let slotBytes = SharedSlots.slotBytes

    /// Writes `bytes` zeros through `registry`'s workers.
    private static func put(
        _ bytes: Int, _ registry: PluginRegistry, outputBytesMax: UInt64 = 1 << 30
    ) throws {
        let description = try SignalDescription(
            axes: [Axis(extent: bytes, kind: .space)], channels: [.other],
            sampleType: SampleType(family: .unsigned, bits: 8))
        var limits = PluginLimits()
        limits.secondsMax = 1
        limits.outputBytesMax = outputBytesMax
        let target = TemporaryFile()
        let session = try registry.adapter(id: "array").encode(
            description: description, metadata: [], descriptor: target.descriptor, limits: limits)
        try [UInt8](repeating: 0, count: bytes).withUnsafeBytes { try session.write($0) }
        try session.finish()
    }

    /// The error of writing through `script`'s worker, and after how many seconds it came.
    private func encode(
        bytes: Int = 100, outputBytesMax: UInt64 = 1 << 30, _ script: @escaping FakeWorker.Script
    ) throws -> (error: PluginError?, seconds: Double) {
        let registry = FakeWorker.registry(script)
        var error: PluginError?
        let time = try ContinuousClock().measure {
            do {
                try Self.put(bytes, registry, outputBytesMax: outputBytesMax)
            } catch let caught as PluginError {
                error = caught
            }
        }
        return (error, time / .seconds(1))
    }

    private func fault(
        _ words: String, bytes: Int = 100, outputBytesMax: UInt64 = 1 << 30,
        _ script: @escaping FakeWorker.Script,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let (error, seconds) = try encode(bytes: bytes, outputBytesMax: outputBytesMax, script)
        #expect(seconds < 2, sourceLocation: location)
        guard case .fault(_, let reason) = error else {
            Issue.record("no fault but \(String(describing: error))", sourceLocation: location)
            return
        }
        #expect(reason.contains(words), "\(reason)", sourceLocation: location)
    }

    private static func taken(_ slot: UInt8) -> PacketWriter {
        var packet = PacketWriter(.taken)
        packet.number(slot)
        return packet
    }

    private static func says(_ packets: PacketWriter...) -> FakeWorker.Script {
        { worker in
            _ = worker.receive()
            for packet in packets { worker.send(packet) }
            worker.waitForTheEnd()
        }
    }

    @Test func anHonestWorkerIsBelieved() throws {
        #expect(try encode(Self.says(PacketWriter(.done))).error == nil)
        let many = try encode(bytes: 9 * Self.slotBytes) { worker in
            while var received = worker.receive() {
                guard let slot = try? received.packet.number(UInt8.self),
                    (try? received.packet.number(UInt32.self)) != nil,
                    let isLast = try? received.packet.number(UInt8.self)
                else { return }
                worker.send(isLast == 1 ? PacketWriter(.done) : Self.taken(slot))
            }
        }
        #expect(many.error == nil)
    }

    @Test func slotsThatAreNotUnderWayAreNotTaken() throws {
        for slot in [1, 3, 4, 255] as [UInt8] {
            try fault("no answer", Self.says(Self.taken(slot)))
        }
        try fault("no answer", Self.says(Self.taken(0), Self.taken(0)))
        try fault("no answer", Self.says(PacketWriter(.taken)))
    }

    @Test func doneComesLast() throws {
        // Four slots are full and none was taken: the host waits for the first.
        try fault("sent 'done'", bytes: 9 * Self.slotBytes, Self.says(PacketWriter(.done)))
    }

    @Test func otherPacketsAreAFault() throws {
        for kind in [PacketKind.opened, .filled, .ready, .probed, .encode, .slotFilled] {
            try fault("sent '\(kind)'", Self.says(PacketWriter(kind)))
        }
        try fault("no packet") { worker in
            _ = worker.receive()
            worker.send([7])
            worker.waitForTheEnd()
        }
        try fault("no answer") { worker in
            _ = worker.receive()
            worker.send([PacketKind.failed.rawValue, 1])
            worker.waitForTheEnd()
        }
    }

    @Test func silenceAndDeathAreFaults() throws {
        try fault("did not answer within 1 s while encoding") { $0.waitForTheEnd() }
        try fault("did not answer within 1 s", bytes: 9 * Self.slotBytes) { $0.waitForTheEnd() }
        try fault("closed the connection") { _ = $0.receive() }
    }

    @Test func aPluginThatEndsItsWorkerIsPutAside() throws {
        let registry = FakeWorker.registry(quarantine: QuarantineRule()) { _ = $0.receive() }
        for _ in 0..<3 { #expect(throws: PluginError.self) { try Self.put(100, registry) } }
        let error = #expect(throws: PluginError.self) { try Self.put(100, registry) }
        #expect("\(String(describing: error))".contains("quarantined"))
    }

    @Test func aFileBeyondItsLimitIsAFault() throws {
        try fault("more than its limit", outputBytesMax: 10) { worker in
            let file = worker.receive()?.file ?? -1
            _ = write(file, "eleven bytes", 11)
            worker.send(PacketWriter(.done))
            worker.waitForTheEnd()
        }
    }

    @Test func refusalsArrive() throws {
        var packet = PacketWriter(.failed)
        packet.error(.usage(plugin: "x", reason: "no such format"))
        #expect(
            try encode(Self.says(packet)).error
                == .usage(plugin: "array", reason: "no such format"))
    }

    @Test func anyPacketsEndInAnErrorOrInAFile() throws {
        var random = SeededBytes()
        for _ in 0..<200 {
            let count = Int(random.next() % 5)
            let packets = (0..<count).map { _ in
                [UInt8(65 + random.next() % 8), UInt8(random.next() % 5)] + random.bytes(3)
            }
            let (_, seconds) = try encode { worker in
                _ = worker.receive()
                for packet in packets { worker.send(packet) }
            }
            #expect(seconds < 2)
        }
    }
}
