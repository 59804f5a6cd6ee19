// Frames from honest and from hostile peers.

import GAMProtocol
import Testing

/// Feeds `bytes` in pieces of the given sizes (the last repeats) and collects what comes out.
private func decode(
    _ bytes: [UInt8], pieces: [Int]
) throws -> (frames: [(FrameHeader, [UInt8])], body: [UInt8], ends: Int) {
    var decoder = FrameDecoder()
    var result: (frames: [(FrameHeader, [UInt8])], body: [UInt8], ends: Int) = ([], [], 0)
    var offset = 0
    var index = 0
    while offset < bytes.count {
        let size = max(1, pieces[min(index, pieces.count - 1)])
        index += 1
        var piece = bytes[offset..<min(bytes.count, offset + size)]
        offset += piece.count
        while !piece.isEmpty {
            let held = Array(piece)
            let (taken, event) = try held.withUnsafeBytes { try decoder.consume($0) }
            switch event {
            case .none: break
            case .frame(let header, let metadata): result.frames.append((header, metadata))
            case .body(let count, let isEnd):
                result.body += held[(taken - count)..<taken]
                result.ends += isEnd ? 1 : 0
            }
            piece = piece.dropFirst(taken)
        }
    }
    return result
}

private func frame(_ id: UInt32, metadata: [UInt8], body: [UInt8]) -> [UInt8] {
    FrameHeader(requestID: id, metadataBytes: metadata.count, bodyBytes: body.count).serialized()
        + metadata + body
}

struct FrameTests {
    @Test func headerHasTheDocumentedBytes() {
        let header = FrameHeader(requestID: 0x0102_0304, metadataBytes: 0x0A0B, bodyBytes: 0x0C0D)
        #expect(
            header.serialized() == [
                0x47, 0x41, 0x4D, 0x31, 1, 0, 0, 0, 0x0B, 0x0A, 0, 0, 4, 3, 2, 1,
                0x0D, 0x0C, 0, 0, 0, 0, 0, 0,
            ])
    }

    @Test(arguments: [[1], [2], [7], [24], [25], [1000]])
    func streamCutAnywhereGivesTheSameFrames(pieces: [Int]) throws {
        let body = (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let bytes =
            frame(1, metadata: [1, 2, 3], body: body) + frame(2, metadata: [], body: [])
            + frame(3, metadata: [], body: [9]) + frame(4, metadata: [5], body: [])
        let result = try decode(bytes, pieces: pieces)
        #expect(result.frames.map(\.0.requestID) == [1, 2, 3, 4])
        #expect(result.frames.map(\.1) == [[1, 2, 3], [], [], [5]])
        #expect(result.body == body + [9])
        #expect(result.ends == 2)
    }

    @Test func randomCutsGiveTheSameFrames() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(state: seed)
        for round in 0..<200 {
            let count = Int.random(in: 1...5, using: &generator)
            var bytes: [UInt8] = []
            var expected: [[UInt8]] = []
            for id in 0..<count {
                let metadata = (0..<Int.random(in: 0...40, using: &generator)).map { UInt8($0) }
                let body = [UInt8](repeating: 7, count: Int.random(in: 0...40, using: &generator))
                bytes += frame(UInt32(id), metadata: metadata, body: body)
                expected.append(metadata)
            }
            let pieces = (0..<20).map { _ in Int.random(in: 1...30, using: &generator) }
            let result = try decode(bytes, pieces: pieces)
            #expect(result.frames.map(\.1) == expected, "seed \(seed), round \(round)")
        }
    }

    @Test(
        arguments: [
            (0, UInt8(0x48), "begins with"), (4, 2, "version 2"), (5, 1, "flags"),
            (6, 2, "descriptor"), (10, 0x11, "metadata"), (20, 1, "body"), (23, 0xFF, "body"),
        ])
    func hostileHeaderIsRefusedWithItsReason(offset: Int, value: UInt8, reason: String) {
        var bytes = frame(1, metadata: [], body: [])
        bytes[offset] = value
        let error = #expect(throws: FrameError.self) { try decode(bytes, pieces: [1]) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test func decoderStaysFailedAfterAnError() throws {
        var decoder = FrameDecoder()
        let garbage = [UInt8](repeating: 0x41, count: 24)
        let good = frame(1, metadata: [], body: [])
        #expect(throws: FrameError.self) {
            try garbage.withUnsafeBytes { try decoder.consume($0) }
        }
        #expect(throws: FrameError.self) { try good.withUnsafeBytes { try decoder.consume($0) } }
    }

    @Test func garbageIsRefusedAndNeverTraps() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(state: seed)
        for round in 0..<2_000 {
            var bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if round % 2 == 0 { bytes.replaceSubrange(0..<4, with: Array("GAM1".utf8)) }
            if round % 4 == 0 { bytes.replaceSubrange(4..<8, with: [1, 0, 0, 0]) }
            // 64 random bytes are a frame only if every size happens to be small.
            if let result = try? decode(bytes, pieces: [13]) {
                #expect(result.frames.allSatisfy { $0.0.metadataBytes <= 1 << 20 }, "seed \(seed)")
            }
        }
    }

    @Test func everyStatusHasAnExitCodeAndKeepsItsNumber() {
        let numbers = Status.allCases.map { "\($0.rawValue) \($0) \($0.exitCode.rawValue)" }
        #expect(
            numbers == [
                "0 ok 0", "1 failed 1", "2 notFound 3", "3 integrity 4", "4 partial 5",
                "5 badRequest 64", "6 badInput 65", "7 tooLarge 65", "8 alreadyExists 73",
                "9 cannotWrite 73", "10 ioError 74", "11 busy 75", "12 noSpace 75",
                "13 timedOut 75", "14 protocolError 76", "15 unsupported 76", "16 permission 77",
                "17 configuration 78", "18 cancelled 130", "19 adapterMissing 78",
                "20 adapterFault 1", "21 unreachable 69",
            ])
    }

    @Test func bodyHashIsXXH3OfAllPieces() {
        var whole = BodyHasher()
        var pieces = BodyHasher()
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        bytes.withUnsafeBytes { raw in
            whole.update(raw)
            for start in stride(from: 0, to: raw.count, by: 77) {
                pieces.update(.init(rebasing: raw[start..<min(raw.count, start + 77)]))
            }
        }
        let empty = BodyHasher()
        #expect(whole.value() == pieces.value())
        // XXH3-128 of no bytes, from the specification of xxHash.
        #expect(
            empty.value() == BodyHash(low: 0x6001_C324_468D_497F, high: 0x99AA_06D3_0147_98D8))
    }

    @Test(arguments: ["", String(repeating: "k", count: 513), "a\0b"])
    func badKeyIsRefused(text: String) {
        #expect(throws: KeyError.self) { try SignalKey(text) }
    }
}

/// A small generator whose seed can be printed and given back.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
