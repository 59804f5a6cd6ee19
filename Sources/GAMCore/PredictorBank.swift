// The predictors of a causal shard, as its record keeps them.
//
// What always holds here: coefficients are within the integer contract's bounds, so sums of 48 products
// with 32-bit values fit 64 bits.

/// Coefficients of a linear predictor, 1.0 = 65536.
public struct LinearPredictor: Equatable, Sendable {
    /// Taps on the channel's own past, nearest first; at most 32.
    public let own: [Int32]
    /// Taps on the partner channel, nearest first; at most 16.
    public let cross: [Int32]

    public static let ownMax = 32
    public static let crossMax = 16
    public static let coefficientMax: Int32 = 1 << 22

    /// Fails on too many taps or a coefficient outside +-2^22.
    public init?(own: [Int32], cross: [Int32]) {
        guard own.count <= Self.ownMax, cross.count <= Self.crossMax,
            (own + cross).allSatisfy({ abs(Int64($0)) <= Int64(Self.coefficientMax) })
        else { return nil }
        self.own = own
        self.cross = cross
    }
}

/// The predictors of a causal shard.
public struct PredictorBank: Equatable, Sendable {
    /// Neighbouring lanes that share a predictor: 1, 2, 4, 8 or 16.
    public let groupLanes: Int
    /// [group][channel]; empty: values are predicted by the value before.
    public let predictors: [LinearPredictor]
    /// [channel] short predictors for the beginning of every lane.
    public let starts: [LinearPredictor]
    /// Taps of the shared adaptive filter, one of `tapChoices`.
    public let adaptiveTaps: Int

    /// 0: no adaptive filters.
    public static let tapChoices = [0, 256, 512]
    public static let startTaps = 8

    /// [channel] what values are relative to; empty: the middles of the ranges.
    public let origins: [Int32]

    public static let none = PredictorBank(
        groupLanes: 1, predictors: [], starts: [], adaptiveTaps: 0, origins: [])

    public init(
        groupLanes: Int, predictors: [LinearPredictor], starts: [LinearPredictor],
        adaptiveTaps: Int, origins: [Int32]
    ) {
        precondition([1, 2, 4, 8, 16].contains(groupLanes), "group of lanes")
        precondition(Self.tapChoices.contains(adaptiveTaps), "adaptive taps")
        self.groupLanes = groupLanes
        self.predictors = predictors
        self.starts = starts
        self.adaptiveTaps = adaptiveTaps
        self.origins = origins
    }

    /// Whether differences of a channel's values to an origin fit 32 bits.
    public static func isOrigin(_ origin: Int32, of range: ClosedRange<Int32>) -> Bool {
        Int64(range.upperBound) - Int64(origin) <= Int64(Int32.max)
            && Int64(range.lowerBound) - Int64(origin) >= Int64(Int32.min)
    }

    /// The same predictors before adaptive filters of other sizes.
    public func adapting(taps: Int) -> PredictorBank {
        PredictorBank(
            groupLanes: groupLanes, predictors: predictors, starts: starts, adaptiveTaps: taps,
            origins: origins)
    }

    /// Groups of a shard with `lanes` lanes.
    public static func groups(_ lanes: Int, groupLanes: Int) -> Int {
        (lanes + groupLanes - 1) / groupLanes
    }
}
