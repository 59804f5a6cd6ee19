// Recalls whole signals against everything known about them: the content hash, the seal of every
// record and attachment, the hash of the attachments. Shared by verify, scrub and the check of backups.
// What always holds: nothing comes from a cache, and every stored byte of the signal was read.

import GAMCodec
import GAMCore
import GAMProtocol

package enum SignalVerifier {
    /// Throws `integrity` when anything differs, `CodecError.cancelled` when `progress` says so.
    /// - Parameter progress: takes the part done, 0...1; false stops.
    package static func verify(
        _ signal: OpenSignal, threads: Int, progress: @escaping @Sendable (Double) -> Bool
    ) throws {
        let manifest = signal.record.manifest
        let hash = try signal.reader().verify(threads: threads, progress: progress)
        guard hash == manifest.contentHash else {
            throw Failure(
                .integrity,
                "the recalled samples have hash \(hash.hex), stored were"
                    + " \(manifest.contentHash.hex); put the signal again or restore a backup")
        }
        try readRecords(of: signal)
        try signal.attachments.verify()
    }

    /// Every record, also those that recall does not need. A seal covers every bit and the name, so
    /// one that was changed, exchanged or is missing ends in an error.
    private static func readRecords(of signal: OpenSignal) throws {
        for id in signal.record.manifest.recordIDs { _ = try signal.source.bytes(of: id) }
    }
}

/// Slows work down to a number of bytes per second.
struct Throttle {
    private let bytesPerSecond: Int
    private var start: Int64
    private var bytes = 0

    init(bytesPerSecond: Int, now: Int64) {
        self.bytesPerSecond = bytesPerSecond
        start = now
    }

    /// Milliseconds to wait after so many more bytes. A pause of the caller is not made up for:
    /// at most a second's worth is done at full speed.
    mutating func delay(after count: Int, now: Int64) -> Int {
        guard bytesPerSecond > 0 else { return 0 }
        bytes += count
        let due = start + Int64(Double(bytes) / Double(bytesPerSecond) * 1000)
        if due < now - 1000 {
            start = now - 1000
            bytes = 0
            return 0
        }
        return Int(max(0, due - now))
    }
}
