// "0:256,::-2": one Python slice per axis, slowest axis first.
// What always holds: resolved intervals lie within the extents and hold at least one sample.

import GAMProtocol

public struct RegionArgument: Equatable {
    /// A slice as written; nil where omitted.
    public struct Slice: Equatable {
        public var start: Int?
        public var stop: Int?
        public var step = 1

        fileprivate var text: String {
            let ends = "\(start.map(String.init) ?? ""):\(stop.map(String.init) ?? "")"
            return step == 1 ? ends : "\(ends):\(step)"
        }
    }
    public let slices: [Slice]

    /// Parses "start:stop:step" parts; a single number is that one position.
    public init(_ text: String) throws(ClientError) {
        var slices: [Slice] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: ":", omittingEmptySubsequences: false)
            guard bounds.count <= 3 else { throw Self.unreadable(part) }
            if bounds.count == 1 {
                guard let index = Int(bounds[0].trimmed) else { throw Self.unreadable(part) }
                let next = index.addingReportingOverflow(1)
                let isEnd = index == -1 || next.overflow
                slices.append(Slice(start: index, stop: isEnd ? nil : next.partialValue))
                continue
            }
            let step = try bounds.count == 3 ? Self.bound(bounds[2]) ?? 1 : 1
            guard step != 0, step.magnitude <= 1 << 30 else {
                throw ClientError(.badRequest, "region \"\(part)\": the step must not be 0")
            }
            slices.append(
                Slice(
                    start: try Self.bound(bounds[0]), stop: try Self.bound(bounds[1]), step: step))
        }
        self.slices = slices
    }

    private static func bound(_ text: Substring) throws(ClientError) -> Int? {
        if text.trimmed.isEmpty { return nil }
        guard let number = Int(text.trimmed) else { throw unreadable(text) }
        return number
    }

    private static func unreadable(_ text: Substring) -> ClientError {
        ClientError(.badRequest, "region \"\(text)\" is not a number or start:stop:step")
    }

    /// Python's rules: negative bounds count from the end, omitted ones are the ends, bounds
    /// outside are clamped, axes left out are whole.
    public func resolved(extents: [Int]) throws(ClientError) -> [WireInterval] {
        guard slices.count <= extents.count else {
            throw ClientError(
                .badRequest, "\(slices.count) slices for a signal of \(extents.count) axes")
        }
        var intervals: [WireInterval] = []
        for (axis, extent) in extents.enumerated() {
            let slice = axis < slices.count ? slices[axis] : Slice()
            guard let interval = Self.interval(slice, extent) else {
                throw ClientError(
                    .badRequest, "region \(slice.text) of axis \(axis) (extent \(extent)) is empty")
            }
            intervals.append(interval)
        }
        return intervals
    }

    private static func interval(_ slice: Slice, _ extent: Int) -> WireInterval? {
        let isUp = slice.step > 0
        let lowest = isUp ? 0 : -1
        let highest = isUp ? extent : extent - 1
        func clamp(_ bound: Int) -> Int {
            min(max(bound < 0 ? bound + extent : bound, lowest), highest)
        }
        let start = slice.start.map(clamp) ?? (isUp ? 0 : extent - 1)
        let stop = slice.stop.map(clamp) ?? (isUp ? extent : -1)
        guard isUp ? start < stop : start > stop else { return nil }
        return WireInterval(start, stop, step: slice.step)
    }
}

extension WireInterval {
    public init(_ start: Int, _ stop: Int, step: Int = 1) {
        self.init()
        self.start = Int64(start)
        self.stop = Int64(stop)
        self.step = step == 1 ? 0 : Int64(step)
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
