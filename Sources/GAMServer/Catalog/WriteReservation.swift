// What a coming write has reserved, and when it may take effect.

/// Two spaces reserved for a write that may still fail.
package struct WriteReservation: Sendable {
    package let records: BlobSpace
    package let attachments: BlobSpace
    package var spaces: [BlobSpace] { [records, attachments] }
}

/// When a publish may replace what is there.
package enum PublishCondition: Sendable {
    case always
    case mustNotExist
    /// Only the entry with this version (a refit that must not undo a newer put).
    case unchanged(version: UInt64)
}
