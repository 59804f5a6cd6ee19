// How a causal shard is cut into lanes.
//
// What always holds here: lanes have equal lengths; only the last may be shorter.

/// How a series is cut into lanes.
public struct LaneGrid: Equatable, Sendable {
    public static let laneLengthMax = 4096
    public static let lanesMax = 256

    public let length: Int
    public let lanes: Int
    public let laneLength: Int

    public init(length: Int) {
        precondition(length >= 1 && length <= Self.laneLengthMax * Self.lanesMax, "bad length")
        self.length = length
        let wanted = (length + Self.laneLengthMax - 1) / Self.laneLengthMax
        laneLength = (length + wanted - 1) / wanted
        lanes = (length + laneLength - 1) / laneLength
    }

    /// Steps of a lane, as a range of the series.
    public func range(ofLane lane: Int) -> Range<Int> {
        lane * laneLength..<min(length, (lane + 1) * laneLength)
    }
    /// Lanes that have a step `t`; only the last can be shorter.
    func active(at t: Int) -> Int {
        (lanes - 1) * laneLength + t < length ? lanes : lanes - 1
    }
}
