// Files through adapters: what a good one needs, and what a bad one cannot break.

import Foundation
import GAMClient
import GAMCore
import GAMProtocol
import GAMServer
import Glibc
import Testing

/// An adapter for files of bytes: one axis, all bytes in reverse, the name as metadata.
private struct ByteAdapter: SignalAdapters {
    enum Fault: Sendable { case none, noShape, tooFew, tooMany, crashText, badKind }
    var fault = Fault.none
    var metadataBytes = 10

    func decode(
        _ input: DecodeInput,
        begin: (SignalDescription) throws -> Void,
        rows: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> DecodedSignal {
        var bytes = [UInt8](repeating: 0, count: input.byteCount)
        _ = pread(input.descriptor, &bytes, bytes.count, 0)
        bytes.reverse()
        if fault == .crashText { throw AdapterError.fault("the adapter crashed") }
        if fault != .noShape {
            try begin(
                SignalDescription(
                    axes: [Axis(extent: bytes.count, kind: .space)], channels: [.gray],
                    sampleType: SampleType(family: .unsigned, bits: 8)))
        }
        if fault == .tooFew { bytes.removeLast() }
        if fault == .tooMany { bytes.append(0) }
        try bytes.withUnsafeBytes { raw in
            for start in stride(from: 0, to: raw.count, by: 1_000) {
                try rows(.init(rebasing: raw[start..<min(raw.count, start + 1_000)]))
            }
        }
        return DecodedSignal(
            adapter: "bytes", adapterVersion: "1.2.3", kind: fault == .badKind ? "../x" : "image",
            exactness: "file", mediaType: "application/x-bytes",
            metadata: [("blob", [UInt8](repeating: 7, count: metadataBytes))])
    }

    func encode(
        _ input: EncodeInput, output: Int32,
        samples: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        guard input.metadata.first?.value == [UInt8](repeating: 7, count: metadataBytes) else {
            throw AdapterError.fault("the metadata did not come back")
        }
        var bytes: [UInt8] = []
        try samples { bytes += $0 }
        bytes.reverse()
        _ = pwrite(output, bytes, bytes.count, 0)
    }

    func list() -> [AdapterSummary] {
        [
            AdapterSummary(
                id: "bytes", version: "1.2.3", abi: "1.0", path: "", types: ["bytes"],
                mediaTypes: [], suffixes: [".bytes"], exactness: "file", state: "ready")
        ]
    }
}

@Suite(.serialized)
struct AdapterSeamTests {
    private let file = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

    @Test(arguments: [10, 20_000, 9_000_000])
    func fileAndItsMetadataComeBack(metadataBytes: Int) throws {
        let server = try TestServer(
            .rocksDB, adapters: ByteAdapter(metadataBytes: metadataBytes))
        let client = try server.client()
        var options = Client.PutOptions()
        options.fileName = "dir/a.bytes"
        let stat = try client.put("k", options, bytes: file).stat
        #expect(stat.kind == "image" && stat.adapter == "bytes" && stat.adapterVersion == "1.2.3")
        #expect(stat.fileName == "a.bytes" && stat.fileBytes == UInt64(file.count))
        #expect(stat.mediaType == "application/x-bytes" && stat.exactness == "file")
        if metadataBytes > 1_000 { #expect(stat.storedBytes > UInt64(metadataBytes)) }
        var back: [UInt8] = []
        _ = try client.get("k") { back += $0 }
        #expect(back == file)
        #expect(try client.samples("k") == file.reversed())
        _ = try client.verify("k")
        #expect(try client.plugins().map(\.id) == ["bytes"])
    }

    @Test func badAdapterFailsItsRequestOnly() throws {
        for (fault, expected) in [
            (.noShape, .adapterFault), (.tooFew, .adapterFault), (.tooMany, .adapterFault),
            (.crashText, .adapterFault), (.badKind, .badRequest),
        ] as [(ByteAdapter.Fault, Status)] {
            let server = try TestServer(adapters: ByteAdapter(fault: fault))
            let client = try server.client()
            #expect(status { _ = try client.put("k", .init(), bytes: file) } == expected)
            #expect(try client.keys() == [])
            let spool = server.statePath + "/spool"
            #expect(try FileManager.default.contentsOfDirectory(atPath: spool) == [])
        }
    }

    @Test func signalWithoutItsAdapterIsStillReadable() throws {
        let folder = try TemporaryFolder()
        do {
            let server = try TestServer(.rocksDB, in: folder, adapters: ByteAdapter())
            _ = try server.client().put("k", .init(), bytes: file)
            server.server.stop()
        }
        let server = try TestServer(.rocksDB, in: folder)
        let client = try server.client()
        #expect(status { _ = try client.get("k") { _ in } } == .adapterMissing)
        #expect(try client.samples("k") == file.reversed())
    }

    @Test func decodedSignalAboveTheLimitIsRefused() throws {
        let server = try TestServer(adapters: ByteAdapter()) { $0.limits.samplesBytesMax = 4_999 }
        let client = try server.client()
        #expect(status { _ = try client.put("k", .init(), bytes: file) } == .tooLarge)
    }
}
