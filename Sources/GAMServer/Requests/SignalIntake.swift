// Turns an upload into canonical samples: as they are, or through an adapter.
// What always holds: the samples lie in an unlinked file, their number is that of the
// description, every value fits the declared bits, and their hash is known.

import GAMCore
import GAMProtocol

/// Samples ready for the codec, and what to remember about their file.
struct CanonicalSignal {
    let description: SignalDescription
    let samples: SpoolFile
    let hash: BodyHash
    let kind: String
    let adapter: String
    let adapterVersion: String
    let exactness: String
    let mediaType: String
    let fileName: String
    let metadata: CatalogMetadata
}

struct SignalIntake {
    let handlers: RequestHandlers
    let context: RequestContext
    let progress: ProgressReporter

    func canonical(_ upload: Upload) throws -> CanonicalSignal {
        upload.begin.putBegin.hasSamples ? try samples(upload) : try file(upload)
    }

    private func samples(_ upload: Upload) throws -> CanonicalSignal {
        let begin = upload.begin.putBegin
        let description = try SignalDescription(checking: begin.samples)
        guard upload.spool.byteCount == description.rawBytes else {
            throw Failure(
                .badInput,
                "\(upload.spool.byteCount) bytes came, the description says"
                    + " \(description.rawBytes); send all samples in canonical form")
        }
        if let unknown = begin.options.keys.sorted().first(where: { $0 != "kind" }) {
            throw Failure(.badRequest, "option \"\(unknown)\" is not known for samples; use kind")
        }
        let check = ValueRange(description.sampleType)
        try upload.spool.forEachPiece { bytes in
            try context.check()
            try check.check(bytes)
        }
        return CanonicalSignal(
            description: description, samples: upload.spool, hash: upload.hash,
            kind: try Self.kind(begin.options["kind"] ?? "array"), adapter: "",
            adapterVersion: "", exactness: "samples", mediaType: "",
            fileName: Self.fileName(begin.fileName), metadata: CatalogMetadata())
    }

    private func file(_ upload: Upload) throws -> CanonicalSignal {
        let begin = upload.begin.putBegin
        let limits = handlers.settings.limits
        let fileName = Self.fileName(begin.fileName)
        let input = DecodeInput(
            descriptor: upload.spool.descriptor, byteCount: upload.spool.byteCount,
            fileName: fileName, adapter: begin.adapter.isEmpty ? nil : begin.adapter,
            options: begin.options, samplesBytesMax: limits.samplesBytesMax,
            metadataBytesMax: limits.metadataBytesMax)
        var collector: SampleCollector?
        let decoded = try handlers.adapters.decode(
            input,
            begin: { description in
                collector = try SampleCollector(description, handlers, context, progress)
            },
            rows: { bytes in
                guard let collector else {
                    throw AdapterError.fault("the adapter gave samples before their shape")
                }
                try collector.append(bytes)
            })
        guard let collector else { throw AdapterError.fault("the adapter gave no shape") }
        return CanonicalSignal(
            description: collector.description, samples: try collector.finish(),
            hash: collector.hash, kind: try Self.kind(decoded.kind), adapter: decoded.adapter,
            adapterVersion: decoded.adapterVersion, exactness: decoded.exactness,
            mediaType: decoded.mediaType, fileName: fileName,
            metadata: Self.metadata(decoded.metadata))
    }

    private static func metadata(_ items: [(key: String, value: [UInt8])]) -> CatalogMetadata {
        var metadata = CatalogMetadata()
        metadata.items = items.map { key, value in
            var item = CatalogMetadata.Item()
            item.key = key
            item.value = .init(value)
            return item
        }
        return metadata
    }

    /// A word that tells what the signal is.
    private static func kind(_ text: String) throws(Failure) -> String {
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        guard (1...32).contains(text.utf8.count), text.utf8.allSatisfy(allowed.contains) else {
            throw Failure(
                .badRequest, "kind \"\(text)\" is not 1 to 32 letters a-z, digits, - or _")
        }
        return text
    }

    /// The last component of a client's file name, at most 255 bytes; never used as a path.
    private static func fileName(_ text: String) -> String {
        var name = String(text.split(separator: "/").last ?? "")
        name.removeAll { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
        while name.utf8.count > 255 { name.removeLast() }
        return name
    }
}

/// Spools what an adapter decodes, checked as it comes.
private final class SampleCollector {
    let description: SignalDescription
    private let spool: SpoolFile
    private let handlers: RequestHandlers
    private let context: RequestContext
    private let progress: ProgressReporter
    private let range: ValueRange
    private var hasher = BodyHasher()

    init(
        _ description: SignalDescription, _ handlers: RequestHandlers, _ context: RequestContext,
        _ progress: ProgressReporter
    ) throws {
        let limit = handlers.settings.limits.samplesBytesMax
        guard description.rawBytes <= limit else {
            throw Failure(
                .tooLarge,
                "the samples take \(description.rawBytes) bytes; at most \(limit) are allowed")
        }
        try handlers.spools.checkFreeSpace(before: description.rawBytes)
        self.description = description
        self.handlers = handlers
        self.context = context
        self.progress = progress
        range = ValueRange(description.sampleType)
        spool = try handlers.spools.file("the decoded samples", bytesMax: description.rawBytes)
    }

    var hash: BodyHash { hasher.value() }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try context.check()
        guard bytes.count <= description.rawBytes - spool.byteCount else {
            throw AdapterError.fault("the adapter gave more samples than it announced")
        }
        guard bytes.count % description.sampleType.containerBytes == 0 else {
            throw AdapterError.fault("the adapter gave a part of a sample")
        }
        do {
            try range.check(bytes)
        } catch let failure {
            throw AdapterError.fault("the adapter broke its contract: \(failure.text)")
        }
        hasher.update(bytes)
        try spool.append(bytes)
        _ = progress.report(
            "decode", Double(spool.byteCount) / Double(max(1, description.rawBytes)))
    }

    func finish() throws -> SpoolFile {
        guard spool.byteCount == description.rawBytes else {
            throw AdapterError.fault(
                "the adapter gave \(spool.byteCount) of \(description.rawBytes) bytes")
        }
        return spool
    }
}

/// The values a sample type allows in its container.
package struct ValueRange {
    private let type: SampleType

    package init(_ type: SampleType) { self.type = type }

    /// Checks whole samples; a type that fills its container allows everything.
    package func check(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard type.family != .float, type.bits < type.containerBytes * 8 else { return }
        let isInside: Bool
        switch (type.containerBytes, type.family) {
        case (1, .unsigned): isInside = allFit(bytes, UInt8.self)
        case (1, _): isInside = allFit(bytes, Int8.self)
        case (2, .unsigned): isInside = allFit(bytes, UInt16.self)
        case (2, _): isInside = allFit(bytes, Int16.self)
        case (_, .unsigned): isInside = allFit(bytes, UInt32.self)
        default: isInside = allFit(bytes, Int32.self)
        }
        guard isInside else {
            throw Failure(.badInput, "a sample does not fit the declared \(type.bits) bits")
        }
    }

    private func allFit<Value: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _: Value.Type
    ) -> Bool {
        let spare = Value.bitWidth - type.bits
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.size) {
            let value = Value(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
            // Sign or zero extension gives the value back only if it fits.
            if (value << spare) >> spare != value { return false }
        }
        return true
    }
}
