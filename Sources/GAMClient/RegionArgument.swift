// "0:256,512:768": one Python slice without step per axis, slowest axis first.
// What always holds: the resolved ranges lie within the extents and hold at least one sample.

import GAMProtocol

public struct RegionArgument: Equatable {
    /// Bounds as written; nil where omitted.
    public struct Slice: Equatable {
        public let start: Int?
        public let stop: Int?
    }
    public let slices: [Slice]

    /// Parses "a:b" parts; a single number is that one position.
    public init(_ text: String) throws(ClientError) {
        var slices: [Slice] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: ":", omittingEmptySubsequences: false)
            guard bounds.count <= 2 else {
                throw ClientError(.badRequest, "region \"\(part)\": write start:stop, without step")
            }
            if bounds.count == 1 {
                guard let index = Int(bounds[0].trimmed) else { throw Self.unreadable(part) }
                let next = index.addingReportingOverflow(1)
                let isEnd = index == -1 || next.overflow
                slices.append(Slice(start: index, stop: isEnd ? nil : next.partialValue))
            } else {
                slices.append(
                    Slice(start: try Self.bound(bounds[0]), stop: try Self.bound(bounds[1])))
            }
        }
        self.slices = slices
    }

    private static func bound(_ text: Substring) throws(ClientError) -> Int? {
        if text.trimmed.isEmpty { return nil }
        guard let number = Int(text.trimmed) else { throw unreadable(text) }
        return number
    }

    private static func unreadable(_ text: Substring) -> ClientError {
        ClientError(.badRequest, "region \"\(text)\" is not a number or start:stop")
    }

    /// Python's rules: negative bounds count from the end, omitted ones are the ends, bounds
    /// outside are clamped, axes left out are whole.
    public func resolved(extents: [Int]) throws(ClientError) -> [Range<Int>] {
        guard slices.count <= extents.count else {
            throw ClientError(
                .badRequest, "\(slices.count) slices for a signal of \(extents.count) axes")
        }
        var ranges: [Range<Int>] = []
        for (axis, extent) in extents.enumerated() {
            let slice = axis < slices.count ? slices[axis] : Slice(start: nil, stop: nil)
            let start = Self.clamp(slice.start ?? 0, extent)
            let stop = Self.clamp(slice.stop ?? extent, extent)
            guard start < stop else {
                let written =
                    "\(slice.start.map(String.init) ?? ""):"
                    + "\(slice.stop.map(String.init) ?? "")"
                throw ClientError(
                    .badRequest, "region \(written) of axis \(axis) (extent \(extent)) is empty")
            }
            ranges.append(start..<stop)
        }
        return ranges
    }

    private static func clamp(_ bound: Int, _ extent: Int) -> Int {
        bound < 0 ? max(0, bound + extent) : min(bound, extent)
    }
}

extension Substring {
    /// Without spaces at both ends.
    fileprivate var trimmed: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
