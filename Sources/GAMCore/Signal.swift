// What always holds here:
// - A signal is integer samples on a lattice of 1...4 axes with 1...64 channels.
// - Canonical sample bytes: C order (slowest axis first), channels innermost,
//   little endian, one container of 1, 2 or 4 bytes per sample (see SampleType).
// - A SignalDescription that exists has been checked: `init` throws on anything outside Limits.

/// The number format of one sample.
///
/// Integers of 1...32 bits live in the smallest container of 1, 2 or 4 bytes; values must fit the
/// declared bits. float16 and float32 travel as their IEEE 754 bit patterns and are mapped to
/// ordered integers inside the network (exact for NaN payloads, -0 and infinities).
public struct SampleType: Hashable, Sendable {
    public enum Family: UInt8, Sendable {
        case unsigned = 0
        case signed = 1
        case float = 2
    }
    public let family: Family
    /// 1...32 for integers; 16 or 32 for floats.
    public let bits: Int

    public init(family: Family, bits: Int) throws(SignalError) {
        let valid = family == .float ? (bits == 16 || bits == 32) : (1...32).contains(bits)
        guard valid else { throw .unsupportedSampleType("\(family) of \(bits) bits") }
        self.family = family
        self.bits = bits
    }

    /// Bytes of one sample in canonical form: 1, 2 or 4.
    public var containerBytes: Int { bits <= 8 ? 1 : bits <= 16 ? 2 : 4 }

    /// numpy's name of the container, for example "uint8", "int16", "float32".
    public var name: String {
        switch family {
        case .unsigned: "uint\(containerBytes * 8)"
        case .signed: "int\(containerBytes * 8)"
        case .float: "float\(bits)"
        }
    }
}

/// One axis of the lattice, slowest first in `SignalDescription.axes`.
public struct Axis: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        case space = 0
        case time = 1
    }
    public let extent: Int
    public let kind: Kind
    /// Distance between neighbouring samples in `unit`; 1 when unknown.
    public let spacing: Double
    /// For example "s", "mm", ""; at most `unitBytesMax` UTF-8 bytes.
    public let unit: String
    public static let unitBytesMax = 16

    public init(extent: Int, kind: Kind, spacing: Double = 1, unit: String = "") {
        self.extent = extent
        self.kind = kind
        self.spacing = spacing
        self.unit = unit
    }
}

/// What a channel means; decides colour transforms and which channels share a context.
public enum ChannelMeaning: UInt8, Sendable {
    case other = 0
    case gray, red, green, blue, alpha, paletteIndex, left, right, distance
}

/// Shape, number format and meaning of a signal.
public struct SignalDescription: Hashable, Sendable {
    /// Slowest axis first (rows, columns; z, y, x; time). 1...4 axes.
    public let axes: [Axis]
    /// 1...64 channels, innermost in canonical order.
    public let channels: [ChannelMeaning]
    public let sampleType: SampleType

    public init(axes: [Axis], channels: [ChannelMeaning], sampleType: SampleType)
        throws(SignalError)
    {
        guard (1...Limits.axesMax).contains(axes.count) else { throw .axisCount(axes.count) }
        guard (1...Limits.channelsMax).contains(channels.count) else {
            throw .channelCount(channels.count)
        }
        var samples = channels.count
        for axis in axes {
            guard (1...Limits.extentMax).contains(axis.extent) else { throw .extent(axis.extent) }
            let (product, overflow) = samples.multipliedReportingOverflow(by: axis.extent)
            guard !overflow, product <= Limits.samplesMax else { throw .tooManySamples }
            samples = product
            guard axis.unit.utf8.count <= Axis.unitBytesMax else { throw .unit(axis.unit) }
        }
        self.axes = axes
        self.channels = channels
        self.sampleType = sampleType
    }

    /// Extents of the axes, slowest first, without channels.
    public var extents: [Int] { axes.map(\.extent) }
    /// Lattice points: the product of the extents.
    public var pointCount: Int { axes.reduce(1) { $0 * $1.extent } }
    /// Samples: points times channels.
    public var sampleCount: Int { pointCount * channels.count }
    /// Bytes of the whole signal in canonical form.
    public var rawBytes: Int { sampleCount * sampleType.containerBytes }
}

/// Why a signal cannot be described.
public enum SignalError: Error, Equatable, CustomStringConvertible {
    case axisCount(Int)
    case channelCount(Int)
    case extent(Int)
    case tooManySamples
    case unit(String)
    case unsupportedSampleType(String)

    public var description: String {
        switch self {
        case .axisCount(let n): "a signal has 1 to \(Limits.axesMax) axes, not \(n)"
        case .channelCount(let n): "a signal has 1 to \(Limits.channelsMax) channels, not \(n)"
        case .extent(let n): "an axis has 1 to \(Limits.extentMax) samples, not \(n)"
        case .tooManySamples: "a signal has at most \(Limits.samplesMax) samples"
        case .unit(let text): "the unit \"\(text)\" has more than \(Axis.unitBytesMax) bytes"
        case .unsupportedSampleType(let name): "samples of type \(name) are not supported"
        }
    }
}
