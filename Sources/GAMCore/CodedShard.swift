// The modelled content of a shard.
//
// What always holds here: there are as many ranges as planes.

/// The modelled content of a shard: what a record keeps.
package struct CodedShard: Equatable, Sendable {
    /// Smallest and largest value of each plane.
    package var ranges: [ClosedRange<Int32>]
    /// Of each plane; none where the layout asks for none.
    package var statistics: [PlaneStatistics]
    /// Linear predictors of a causal shard; none in wavefront order.
    package var predictors: PredictorBank
    package var trace: Trace

    package init(
        ranges: [ClosedRange<Int32>], statistics: [PlaneStatistics], predictors: PredictorBank,
        trace: Trace
    ) {
        self.ranges = ranges
        self.statistics = statistics
        self.predictors = predictors
        self.trace = trace
    }
}

/// The trace did not lead to a value at every address.
package struct TraceExhausted: Error {}
