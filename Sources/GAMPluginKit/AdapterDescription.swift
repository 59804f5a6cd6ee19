// What always holds here:
// - The numbers of the enums are those of gam_plugin.h.
// - `checked(limits:)` bounds every extent, so that products of a checked description fit Int.

import CGAMPlugin

/// One axis, slowest first in `AdapterDescription.axes`.
public struct AdapterAxis: Equatable, Sendable {
    public enum Kind: UInt32, Sendable {
        case space = 0
        case time = 1
    }
    public var extent: Int
    public var kind: Kind
    /// Distance of neighbors in `unit`; 1 when unknown.
    public var spacing: Double
    /// At most 16 UTF-8 bytes.
    public var unit: String

    public init(extent: Int, kind: Kind = .space, spacing: Double = 1, unit: String = "") {
        self.extent = extent
        self.kind = kind
        self.spacing = spacing
        self.unit = unit
    }
}

/// What a channel means.
public enum AdapterChannel: UInt8, Sendable {
    case other = 0
    case gray, red, green, blue, alpha, paletteIndex, left, right, distance
}

/// Shape, number format and kind of a signal.
public struct AdapterDescription: Equatable, Sendable {
    public enum Family: UInt32, Sendable {
        case unsigned = 0
        case signed = 1
        case float = 2
    }
    public enum Exactness: UInt32, Sendable {
        case samples = 0
        case file = 1
    }
    /// 1...4 axes, slowest first.
    public var axes: [AdapterAxis]
    /// 1...64 channels, innermost.
    public var channels: [AdapterChannel]
    public var family: Family
    /// 1...32; 16 or 32 for floats.
    public var bits: Int
    public var exactness: Exactness
    /// "image", "audio", "sdf", "array" ...
    public var kind: String
    public var mediaType: String
    /// Of a decoder: where in the file all samples lie in canonical form, in order and without gaps.
    /// The host may then read them there itself and not ask for rows. Only for samples that fill
    /// their container; 0: rows must be asked for.
    public var samplesAt: UInt64 = 0

    public init(
        axes: [AdapterAxis], channels: [AdapterChannel], family: Family, bits: Int,
        exactness: Exactness, kind: String, mediaType: String
    ) {
        self.axes = axes
        self.channels = channels
        self.family = family
        self.bits = bits
        self.exactness = exactness
        self.kind = kind
        self.mediaType = mediaType
    }

    /// Bytes of one sample in canonical form.
    public var containerBytes: Int { bits <= 8 ? 1 : bits <= 16 ? 2 : 4 }
    /// Rows of a checked description.
    public var rowCount: Int {
        axes.count == 1 ? axes[0].extent : axes.dropLast().reduce(1) { $0 * $1.extent }
    }
    /// Bytes of a row of a checked description.
    public var rowBytes: Int {
        (axes.count == 1 ? 1 : axes.last?.extent ?? 1) * channels.count * containerBytes
    }

    /// Throws unless axes, channels, extents and the sample count are within the ABI and `limits`.
    public func check(_ limits: AdapterLimits) throws(AdapterError) {
        guard (1...Int(GAM_AXES_MAX)).contains(axes.count),
            (1...Int(GAM_CHANNELS_MAX)).contains(channels.count)
        else {
            throw AdapterError(
                .unsupported,
                "\(axes.count) axes and \(channels.count) channels; 1 to 4 and 1 to 64 are kept")
        }
        var samples = UInt64(channels.count)
        for axis in axes {
            guard axis.extent > 0 else {
                throw AdapterError(.unsupported, "the signal has no samples")
            }
            let (product, overflow) = samples.multipliedReportingOverflow(by: UInt64(axis.extent))
            guard axis.extent <= 1 << 30, !overflow, product <= limits.samplesMax else {
                throw AdapterError(
                    .limit, "the file declares more than \(limits.samplesMax) samples")
            }
            samples = product
        }
        guard channels.count <= limits.channelsMax,
            samples / UInt64(channels.count) <= limits.pointsMax
        else {
            throw AdapterError(
                .limit,
                "the file declares \(samples / UInt64(channels.count)) points of"
                    + " \(channels.count) channels; \(limits.pointsMax) of"
                    + " \(limits.channelsMax) are allowed")
        }
        guard rowBytes <= limits.memoryBytesMax else {
            throw AdapterError(.limit, "one row has \(rowBytes) bytes; raise the memory limit")
        }
    }
}

/// What one decoder or encoder may use.
public struct AdapterLimits: Sendable {
    public let samplesMax: UInt64
    public let metadataBytesMax: UInt64
    public let memoryBytesMax: UInt64
    public let pointsMax: UInt64
    public let channelsMax: UInt64
    public let outputBytesMax: UInt64
    /// In which a call must return; `UInt64.max`: any time.
    public let secondsMax: UInt64
}
