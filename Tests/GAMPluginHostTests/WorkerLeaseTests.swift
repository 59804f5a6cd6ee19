import CLinux
import GAMPluginHost
import Glibc
import Synchronization
import Testing

/// What a lying worker leaves behind: nothing for the next session, and its faults in the book.
struct WorkerLeaseTests {
    @Test func descriptorsFromAWorkerAreClosed() throws {
        var ends: [Int32] = [-1, -1]
        try #require(clinux_packet_pair(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let (result, _) = FakeDecode.decode { worker in
            _ = worker.receive()
            let packet = FakeAnswer().opened(worker, samples: FakeDecode.samples)
            worker.send(packet.bytes, descriptors: [writer, writer])
            close(writer)
            worker.waitForTheEnd()
        }
        #expect(try result.get() == FakeDecode.samples)
        var byte: UInt8 = 0
        #expect(clinux_wait(reader, Int16(POLLIN), 1000) != 0, "the host holds the other end open")
        #expect(read(reader, &byte, 1) == 0)
        close(reader)
    }

    @Test func aWorkerThatSpeaksUnaskedIsReplacedWithoutAFault() throws {
        let spoken = Counter()
        let registry = FakeWorker.registry { worker in
            _ = worker.receive()
            worker.send(FakeAnswer().opened(worker, samples: FakeDecode.samples))
            worker.send(PacketWriter(.done))
            spoken.add()
            worker.waitForTheEnd()
        }
        for round in 1...3 {
            #expect(try FakeDecode.decode(registry) == FakeDecode.samples)
            while spoken.value < round { usleep(1000) }
        }
        let figures = registry.figures(of: "array")
        #expect(figures.faults == 0 && figures.started >= 3 && figures.busy == 0)
    }

    @Test func threeFaultsPutThePluginAside() {
        let registry = FakeWorker.registry(quarantine: QuarantineRule()) { worker in
            _ = worker.receive()
            worker.send(PacketWriter(.done))
        }
        for _ in 0..<3 {
            let error = #expect(throws: PluginError.self) { try FakeDecode.decode(registry) }
            #expect("\(String(describing: error))".contains("fault"))
        }
        let error = #expect(throws: PluginError.self) { try FakeDecode.decode(registry) }
        #expect("\(String(describing: error))".contains("quarantined"))
        #expect(registry.figures(of: "array").faults == 3)
    }

    @Test func anyPacketsEndInAnErrorOrInSamples() {
        var random = SeededBytes()
        for _ in 0..<200 {
            let honest = random.next() % 2 == 0
            let noise = (0..<4).map { _ in random.bytes(Int(random.next() % 300)) }
            let kinds = noise.map { _ in UInt8(65 + random.next() % 8) }
            let wounds = (0..<4).map { _ in Int(random.next() % 400) }
            let (result, seconds) = FakeDecode.decode { worker in
                _ = worker.receive()
                var packet = FakeAnswer().opened(worker, samples: FakeDecode.samples).bytes
                for wound in wounds where wound < packet.count { packet[wound] ^= 0x55 }
                if honest { worker.send(packet) }
                for (kind, bytes) in zip(kinds, noise) { worker.send([kind] + bytes) }
            }
            #expect(seconds < 2)
            if case .success(let samples) = result { #expect(samples.count < 1 << 20) }
        }
    }
}

/// Counts what a script has done.
private final class Counter: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}
