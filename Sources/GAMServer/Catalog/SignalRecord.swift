// One catalog entry, checked: what the store keeps about a signal besides its samples.
// What always holds: a SignalRecord that exists has a whole seal, a readable manifest and well-formed
// spaces.

import GAMCodec
import GAMFormat
import GAMProtocol
import GAMStore
import SwiftProtobuf

package struct SignalRecord: Sendable {
    package let key: String
    /// Version of the catalog value; a swap compares it.
    package private(set) var version: UInt64
    package let message: CatalogRecord
    package let manifest: SignalManifest
    package let recordSpace: BlobSpace
    package let attachmentSpace: BlobSpace?
    /// Every byte the store holds for this signal: records, attachments, ids, key and value.
    package let storedBytes: Int

    package init(key: String, value: VersionedValue, store: any ShardStore) throws {
        guard let message = CatalogRecord(sealed: value.bytes, key: key) else {
            throw Failure(
                .integrity, "\"\(key)\": its catalog entry is damaged; put the signal again")
        }
        guard let recordSpace = BlobSpace(Array(message.recordSpace)) else {
            throw Failure(.integrity, "\"\(key)\": its catalog entry names no records")
        }
        attachmentSpace = BlobSpace(Array(message.attachmentSpace))
        guard message.attachmentSpace.isEmpty == (attachmentSpace == nil) else {
            throw Failure(.integrity, "\"\(key)\": its catalog entry names no valid attachments")
        }
        self.key = key
        self.version = value.version
        self.message = message
        self.recordSpace = recordSpace
        let bytes: [UInt8]
        if message.manifestPieces > 0 {
            bytes = try Attachments(store: store, record: message, space: attachmentSpace)
                .manifest()
        } else {
            bytes = Array(message.manifest)
        }
        manifest = try SignalManifest(parsing: bytes)
        let blobs =
            manifest.recordIDs.count + Int(message.manifestPieces) + Int(message.metadataPieces)
        storedBytes =
            manifest.recordBytes + Int(clamping: message.attachmentBytes)
            + blobs * BlobSpace.overheadBytes + CatalogKeys.signal(key).count + value.bytes.count
    }

    /// The same entry once its commit has given it a version.
    func committed(as version: UInt64) -> SignalRecord {
        var record = self
        record.version = version
        return record
    }

    /// All spaces whose blobs this entry names.
    package var spaces: [BlobSpace] { [recordSpace] + (attachmentSpace.map { [$0] } ?? []) }
}

extension CatalogRecord {
    /// An entry as the store holds it; nil when it is damaged, or is not that of this key.
    package init?(sealed bytes: [UInt8], key: String) {
        guard let opened = Seal.opened(bytes, for: CatalogKeys.signal(key)),
            let record = try? CatalogRecord(serializedBytes: opened)
        else { return nil }
        self = record
    }

    /// All spaces whose blobs this entry names.
    var spaces: [BlobSpace] {
        [recordSpace, attachmentSpace].compactMap { BlobSpace(Array($0)) }
    }

    package func sealed(key: String) throws -> [UInt8] {
        Seal.closed(try serializedBytes(), for: CatalogKeys.signal(key))
    }
}

/// Metadata and large manifests, kept as blobs of at most `pieceBytes` when they are not small.
package struct Attachments {
    package static let pieceBytes = 4 << 20
    /// Up to here metadata stays in the catalog value (64 KiB at most in all).
    package static let inlineMetadataBytesMax = 8 << 10
    package static let inlineManifestBytesMax = 32 << 10

    package let store: any ShardStore
    package let record: CatalogRecord
    package let space: BlobSpace?

    package func manifest() throws -> [UInt8] {
        try pieces(.manifest, count: Int(record.manifestPieces))
    }

    package func metadata() throws -> CatalogMetadata {
        guard record.metadataPieces > 0 else { return record.metadata }
        let bytes = try pieces(.metadata, count: Int(record.metadataPieces))
        do {
            return try CatalogMetadata(serializedBytes: bytes)
        } catch {
            throw Failure(.integrity, "the metadata is damaged: \(error); put the signal again")
        }
    }

    /// Compares every attachment byte with the hash in the catalog.
    package func verify() throws {
        guard space != nil else { return }
        var hasher = BodyHasher()
        var total = 0
        for bytes in [
            try pieces(.manifest, count: Int(record.manifestPieces)),
            try pieces(.metadata, count: Int(record.metadataPieces)),
        ] {
            bytes.withUnsafeBytes { hasher.update($0) }
            total += bytes.count
        }
        let stored = BodyHash(low: record.attachmentHashLow, high: record.attachmentHashHigh)
        guard hasher.value() == stored, total == Int(clamping: record.attachmentBytes) else {
            throw Failure(.integrity, "the metadata is damaged; put the signal again")
        }
    }

    private func pieces(_ kind: BlobSpace.Kind, count: Int) throws -> [UInt8] {
        guard let space else { return [] }
        var bytes: [UInt8] = []
        for index in 0..<count {
            do {
                let blob = try space.blob(kind, index)
                guard
                    let piece = try store.withBlob(blob, { Seal.opened($0, for: blob.bytes) })
                else { throw StoreError.corruption(detail: "not the bytes that were stored") }
                bytes += piece
            } catch let error as StoreError {
                throw Failure(.integrity, "\(kind) \(index): \(error); put the signal again")
            }
        }
        return bytes
    }

    /// Puts what is too large for the catalog value into blobs of `space`, and the rest into
    /// the record, with sizes and hash.
    package static func write(
        manifest: [UInt8], metadata: CatalogMetadata, into record: inout CatalogRecord,
        space: BlobSpace, store: any ShardStore
    ) throws {
        var hasher = BodyHasher()
        var bytesWritten = 0
        func write(_ bytes: [UInt8], _ kind: BlobSpace.Kind) throws -> UInt32 {
            var count = 0
            for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
                let piece = Array(bytes[start..<min(bytes.count, start + pieceBytes)])
                let blob = try space.blob(kind, count)
                try store.putBlob(blob, Seal.closed(piece, for: blob.bytes))
                count += 1
            }
            bytes.withUnsafeBytes { hasher.update($0) }
            bytesWritten += bytes.count
            return UInt32(count)
        }
        if manifest.count > inlineManifestBytesMax {
            record.manifestPieces = try write(manifest, .manifest)
        } else {
            record.manifest = .init(manifest)
        }
        let packed: [UInt8] = try metadata.serializedBytes()
        if packed.count > inlineMetadataBytesMax {
            record.metadataPieces = try write(packed, .metadata)
        } else {
            record.metadata = metadata
        }
        guard bytesWritten > 0 else { return }
        record.attachmentSpace = .init(space.bytes)
        record.attachmentBytes = UInt64(bytesWritten)
        record.attachmentHashLow = hasher.value().low
        record.attachmentHashHigh = hasher.value().high
    }
}
