// What always holds here:
// - Records are bytes with an id inside one signal; where they live is the caller's business.
// - Records are immutable: a refit writes a new generation and never touches the old one.

import GAMCore
@_exported import GAMFormat

/// Names one record of one generation of a signal.
public enum RecordID: Hashable, Sendable {
    /// The signal's own weights (delta on a prior); at most one.
    case network
    /// Coarse lattice of shard `index` (C order over the shard grid).
    case overview(index: Int)
    /// Shard `index`; of signals whose lower bits are apart, its upper bits.
    case shard(index: Int)
    /// The lower bits of shard `index`; see `SignalManifest.lowerBits`.
    case lower(index: Int)
    /// Minimum, maximum and sum of the cells of shard `index`; see `SignalManifest.hasCells`.
    case cells(index: Int)
    /// Minimum, maximum and mean of 4,096 shards; see `SignalManifest.hasBounds`.
    case bounds(index: Int)
}

/// Takes finished records, from several threads. The caller makes them durable.
public protocol RecordSink: Sendable {
    func put(_ id: RecordID, _ bytes: [UInt8]) throws
}

/// Lends the bytes of a record, from several threads; throws when it is absent or unreadable.
public protocol RecordSource: Sendable {
    func bytes(of id: RecordID) throws -> [UInt8]
}

/// Canonical sample bytes of a whole signal with random access, from several threads.
public protocol SampleSource: Sendable {
    /// Fills `buffer` with the bytes at `offset` of the canonical form; throws unless all were there.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws
}
