// What always holds here:
// - A layout that was checked has 1...5 extents of at least 1 and a byte count that fits Int.
// - Extents are in the order of numpy: slowest first in C order.

import GAMPluginKit

/// Number format of an element.
struct ElementType: Equatable {
    let family: AdapterDescription.Family
    /// 1, 2 or 4.
    let bytes: Int

    var bits: Int { bytes * 8 }

    init(_ family: AdapterDescription.Family, bytes: Int) {
        self.family = family
        self.bytes = bytes
    }

    /// The container of canonical samples.
    init(_ description: AdapterDescription) {
        self.init(description.family, bytes: description.containerBytes)
    }
}

/// How the elements of an array lie in a file.
struct ArrayLayout: Equatable {
    var extents: [Int]
    var element: ElementType
    var isBigEndian = false
    /// The first axis is the fastest in the file.
    var isFortranOrder = false

    /// Whether the elements of a file lie in it as a host wants them.
    var isCanonical: Bool {
        let isOneAxis = extents.count { $0 > 1 } < 2
        return (!isBigEndian || element.bytes == 1) && (!isFortranOrder || isOneAxis)
    }

    /// Elements; nil when the product does not fit.
    var elementCount: Int? {
        var count = 1
        for extent in extents {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            count = product
        }
        return count
    }

    /// Bytes of all elements, after checking that there are some and that they can be kept.
    func checkedByteCount(_ limits: AdapterLimits) throws(AdapterError) -> Int {
        guard !extents.isEmpty else {
            throw AdapterError(
                .unsupported, "the array has no axes (a single number); store it as shape (1,)")
        }
        guard extents.allSatisfy({ $0 > 0 }) else {
            throw AdapterError(.unsupported, "the array is empty: shape \(extents)")
        }
        guard let count = elementCount, UInt64(count) <= limits.samplesMax else {
            throw AdapterError(
                .limit, "the header declares more than \(limits.samplesMax) elements")
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: element.bytes)
        guard !overflow else { throw AdapterError(.limit, "the array is too large") }
        return bytes
    }

    /// The signal: all axes spatial with one channel, or the last axis as channels.
    func description(
        channelsAreLast: Bool, channels named: [AdapterChannel]?, spacings: [Double], kind: String,
        exactness: AdapterDescription.Exactness, mediaType: String
    ) throws(AdapterError) -> AdapterDescription {
        guard !channelsAreLast || extents.count >= 2 else {
            throw AdapterError(.usage, "channels=last needs at least two axes")
        }
        let channelCount = channelsAreLast ? extents[extents.count - 1] : 1
        let axes = channelsAreLast ? extents.dropLast() : extents[...]
        guard axes.count <= 4 else {
            throw AdapterError(
                .unsupported,
                "the array has \(extents.count) axes; up to 4 are kept, or 4 and a last axis of"
                    + " channels with the option channels=last")
        }
        guard channelCount <= 64 else {
            throw AdapterError(
                .unsupported, "the last axis has \(channelCount) channels; up to 64 are kept")
        }
        let meaning: AdapterChannel = kind == "sdf" && channelCount == 1 ? .distance : .other
        let fitting = named.flatMap { $0.count == channelCount ? $0 : nil }
        return AdapterDescription(
            axes: axes.enumerated().map {
                AdapterAxis(
                    extent: $1, spacing: $0 < spacings.count ? spacings[$0] : 1)
            },
            channels: fitting ?? Array(repeating: meaning, count: channelCount),
            family: element.family, bits: element.bits, exactness: exactness, kind: kind,
            mediaType: mediaType)
    }

    /// The layout of a described signal: channels become a last axis when there are several.
    init(of description: AdapterDescription) {
        extents = description.axes.map(\.extent)
        if description.channels.count > 1 { extents.append(description.channels.count) }
        element = ElementType(description)
    }

    init(
        extents: [Int], element: ElementType, isBigEndian: Bool = false,
        isFortranOrder: Bool = false
    ) {
        self.extents = extents
        self.element = element
        self.isBigEndian = isBigEndian
        self.isFortranOrder = isFortranOrder
    }

    /// Whether the layout holds exactly the samples of `description`, in its shape.
    func holds(_ description: AdapterDescription) -> Bool {
        let shape = description.axes.map(\.extent)
        let count = description.channels.count
        return element == ElementType(description)
            && (extents == shape + [count] || (count == 1 && extents == shape))
    }
}

/// Reverses the bytes of every element, in place.
func swapBytes(_ bytes: inout [UInt8], elementBytes: Int) {
    switch elementBytes {
    case 2:
        for index in stride(from: 0, to: bytes.count - 1, by: 2) { bytes.swapAt(index, index + 1) }
    case 4:
        for index in stride(from: 0, to: bytes.count - 3, by: 4) {
            bytes.swapAt(index, index + 3)
            bytes.swapAt(index + 1, index + 2)
        }
    default: break
    }
}
