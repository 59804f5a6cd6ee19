import CGAMPlugin
import CLinux
import GAMPluginHost
import Glibc
import Testing

/// A worker that lies while it decodes: one typed error, in time, and nothing else.
struct WorkerDecodeTests {
    @Test func anHonestWorkerIsBelieved() throws {
        #expect(
            try FakeDecode.decode(FakeDecode.says(FakeAnswer())).result.get() == FakeDecode.samples)
        let blob = PluginMetadata(key: "format", bytes: [1, 2])
        let kept = FakeAnswer(metadata: MetadataStream.bytes(of: [blob]))
        #expect(try FakeDecode.decode(FakeDecode.says(kept)).result.get() == FakeDecode.samples)
    }

    @Test func samplesThatLieInTheFileAreReadThere() throws {
        let answer = FakeAnswer(samplesAt: 1000)
        let (result, _) = FakeDecode.decode(FakeDecode.says(answer, []))
        #expect(try result.get() == [UInt8](repeating: 3, count: 1000))
        for place in [1001, 2000, UInt64(Int64.max), .max - 999, .max] as [UInt64] {
            FakeDecode.fault("cannot be there", FakeDecode.says(FakeAnswer(samplesAt: place), []))
        }
        FakeDecode.fault(
            "cannot be there", FakeDecode.says(FakeAnswer(bits: 7, samplesAt: 1000), []))
        FakeDecode.fault("other samples", FakeDecode.says(FakeAnswer(samplesAt: 1000)))
    }

    @Test func silenceEndsWithTheTimeLimit() {
        FakeDecode.fault("did not answer within 1 s while reading the header") {
            $0.waitForTheEnd()
        }
    }

    @Test func logLinesDoNotBuyTime() {
        FakeDecode.fault("did not answer within 1 s") { worker in
            _ = worker.receive()
            for _ in 0..<100 {
                worker.send(Self.logLine)
                usleep(50_000)
            }
        }
    }

    @Test func aFloodOfLogLinesIsAFault() {
        FakeDecode.fault("logged more than 10000 lines") { worker in
            _ = worker.receive()
            for _ in 0..<10_100 { worker.send(Self.logLine) }
            worker.waitForTheEnd()
        }
    }

    private static let logLine = {
        var packet = PacketWriter(.log)
        packet.number(Int32(GAM_LOG_INFO))
        packet.text("a.npy")
        packet.text("working")
        return packet
    }()

    @Test func aClosedConnectionIsAFault() {
        FakeDecode.fault("closed the connection") { _ = $0.receive() }
        FakeDecode.fault("closed the connection") { worker in
            _ = worker.receive()
            worker.send([])
            worker.waitForTheEnd()
        }
    }

    @Test(arguments: [
        PacketKind.load, .decode, .slotFree, .ready, .probed, .filled, .taken, .done,
    ])
    func anotherPacketThanTheOneThatIsDueIsAFault(kind: PacketKind) {
        FakeDecode.fault("sent '\(kind)'") { worker in
            _ = worker.receive()
            worker.send(PacketWriter(kind))
            worker.waitForTheEnd()
        }
    }

    @Test func bytesThatAreNoPacketAreAFault() {
        FakeDecode.fault("no packet") { worker in
            _ = worker.receive()
            worker.send([0, 1, 2, 3])
            worker.waitForTheEnd()
        }
        FakeDecode.fault("longer than") { worker in
            _ = worker.receive()
            worker.send([UInt8](repeating: PacketKind.opened.rawValue, count: 100_000))
            worker.waitForTheEnd()
        }
    }

    @Test func everyCutOfTheDescriptionIsAFault() {
        // The packet's last field is one byte: a cut of any length loses something.
        for cut in stride(from: 1, to: MemoryLayout<gam_description>.size, by: 37) {
            FakeDecode.fault("no description") { worker in
                _ = worker.receive()
                let whole = FakeAnswer().opened(worker, samples: FakeDecode.samples).bytes
                worker.send(Array(whole.dropLast(cut)))
                worker.waitForTheEnd()
            }
        }
    }

    @Test func placesOutsideTheSlotsAreAFault() {
        let size = UInt32(SharedSlots.slotBytes)
        let lies = [
            FakeAnswer(slot: 4), FakeAnswer(slot: 255), FakeAnswer(offset: size),
            FakeAnswer(offset: size - 1003), FakeAnswer(offset: .max), FakeAnswer(count: size + 1),
            FakeAnswer(count: .max), FakeAnswer(offset: .max, count: .max),
        ]
        for lie in lies { FakeDecode.fault("no description", FakeDecode.says(lie)) }
    }

    @Test func countsThatDoNotMatchTheDescriptionAreAFault() {
        FakeDecode.fault(
            "other samples", FakeDecode.says(FakeAnswer(), Array(FakeDecode.samples.dropLast())))
        FakeDecode.fault("other samples", FakeDecode.says(FakeAnswer(), FakeDecode.samples + [0]))
        FakeDecode.fault("other samples", FakeDecode.says(FakeAnswer(extents: [10])))
        // A piece that is not the last and does not fill its slot would be a way to be slow.
        FakeDecode.fault("no description", FakeDecode.says(FakeAnswer(last: 0)))
        FakeDecode.fault("no description", FakeDecode.says(FakeAnswer(extents: [1 << 21], last: 0)))
    }

    @Test func metadataThatLieAreAFault() {
        FakeDecode.fault("no description", FakeDecode.says(FakeAnswer(metadataBytes: .max)))
        FakeDecode.fault("no description", FakeDecode.says(FakeAnswer(metadataBytes: 1 << 40)))
        FakeDecode.fault("fewer bytes", FakeDecode.says(FakeAnswer(metadataBytes: 5000)))
        FakeDecode.fault("not well formed", FakeDecode.says(FakeAnswer(metadataBytes: 0)))
        FakeDecode.fault("not well formed", FakeDecode.says(FakeAnswer(metadata: [9, 0, 0, 0])))
    }

    @Test func signalsThatCannotBeAreRefused() {
        FakeDecode.fault("axis with a bad", FakeDecode.says(FakeAnswer(extents: [.max])))
        for answer in [
            FakeAnswer(extents: []), FakeAnswer(extents: [0]), FakeAnswer(bits: 33),
            FakeAnswer(extents: [1 << 30, 1 << 30, 1 << 30]),
        ] {
            let (result, seconds) = FakeDecode.decode(FakeDecode.says(answer))
            #expect(throws: PluginError.self) { try result.get() }
            #expect(seconds < 1)
        }
    }

    @Test func samplesOutsideTheirBitsAreAFault() {
        FakeDecode.fault("outside its declared 4 bits", FakeDecode.says(FakeAnswer(bits: 4)))
    }

    /// The memory is the worker's too: what it writes after the host has looked is not what the
    /// host hands out.
    @Test func samplesThatChangeUnderTheReaderFitTheirBits() throws {
        for _ in 0..<20 {
            let (result, seconds) = FakeDecode.decode { worker in
                _ = worker.receive()
                let low = [UInt8](repeating: 0x0f, count: 500_000)
                worker.send(
                    FakeAnswer(extents: [500_000], bits: 4).opened(worker, samples: low))
                for round in 0..<20_000 {
                    worker.slots[0][SharedSlots.slotBytes - 1 - round * 24] = 0xff
                }
                worker.waitForTheEnd()
            }
            #expect(seconds < 2)
            switch result {
            case .success(let samples): #expect(samples.allSatisfy { $0 <= 15 })
            case .failure(.fault(_, let reason)): #expect(reason.contains("4 bits"))
            case .failure(let error): throw error
            }
        }
    }

    @Test func laterPiecesAreCheckedToo() {
        let large = FakeAnswer(
            extents: [UInt64(2 * SharedSlots.slotBytes)], metadata: [0, 0, 0, 0], last: 0)
        let first = [UInt8](repeating: 1, count: SharedSlots.slotBytes - 4)
        func second(_ answer: FakeAnswer, _ bytes: Int) -> FakeWorker.Script {
            { worker in
                _ = worker.receive()
                worker.send(large.opened(worker, samples: first))
                _ = worker.receive()
                worker.send(answer.filled(worker, samples: [UInt8](repeating: 1, count: bytes)))
                worker.waitForTheEnd()
            }
        }
        let whole = SharedSlots.slotBytes
        FakeDecode.fault("more bytes", second(FakeAnswer(slot: 9), 4))
        FakeDecode.fault("more bytes", second(FakeAnswer(slot: 1, last: 0), 4))
        FakeDecode.fault("fewer bytes", second(FakeAnswer(slot: 1, last: 1), whole))
        FakeDecode.fault("did not answer within 1 s while decoding") { worker in
            _ = worker.receive()
            worker.send(large.opened(worker, samples: first))
            worker.waitForTheEnd()
        }
    }

    @Test func refusalsArriveAndNonsenseDoesNot() {
        let (result, _) = FakeDecode.decode { worker in
            _ = worker.receive()
            var packet = PacketWriter(.failed)
            packet.error(.badInput(plugin: "x", file: "a.npy", reason: "no shape"))
            worker.send(packet)
            worker.waitForTheEnd()
        }
        #expect(
            result == .failure(.badInput(plugin: "array", file: "a.npy", reason: "no shape")))
        for bytes in [[], [1], [99, 0, 0, 0, 0, 0, 0, 0, 0], [1, 255, 255, 255, 255]] as [[UInt8]] {
            FakeDecode.fault("no error") { worker in
                _ = worker.receive()
                worker.send([PacketKind.failed.rawValue] + bytes)
                worker.waitForTheEnd()
            }
        }
    }
}
