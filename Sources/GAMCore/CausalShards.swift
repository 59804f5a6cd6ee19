// Causal shards: walks for writing, recall, observation and the choice of adaptive filters.
//
// What always holds here: every walk sees the same contexts.

extension ShardCoder {
    func walkCausal(
        _ task: Task, _ predictors: PredictorBank, linear: UnsafePointer<Int32>?,
        into: UnsafeMutablePointer<Int32>?, _ step: inout some BatchStep
    ) {
        coder(task, predictors).walk(
            linear: linear, into: into, networks: task.networks, rolesMax: task.rolesMax, only: nil,
            step: &step)
    }

    /// The bank with the adaptive filters under which the local scales stay smallest: their logarithms
    /// add up to the bits of the values, nearly.
    package func adapting(
        _ linear: UnsafePointer<Int32>, layout: ShardLayout, bank: PredictorBank
    ) -> PredictorBank {
        let task = Task(
            layout: layout, independent: [], networks: nil, rolesMax: 2,
            ranges: Self.ranges(linear, layout), statistics: [], overview: nil)
        let banks = PredictorBank.tapChoices.map { bank.adapting(taps: $0) }
        let octaves = banks.map { bank in
            var step = ScaleStep()
            walkCausal(task, bank, linear: linear, into: nil, &step)
            return step.octaves
        }
        return banks[octaves.indices.min { octaves[$0] < octaves[$1] }!]
    }

    func observeCausal(
        _ task: Task, _ index: Int, _ predictors: PredictorBank,
        _ linear: UnsafePointer<Int32>, _ step: inout some BatchStep
    ) {
        coder(task, predictors).walk(
            linear: linear, into: nil, networks: nil, rolesMax: task.rolesMax, only: index,
            step: &step)
    }

    private func coder(_ task: Task, _ predictors: PredictorBank) -> CausalCoder {
        CausalCoder(
            length: task.layout.points, channels: task.layout.planeCount, ranges: task.ranges,
            bank: predictors, engine: engine, scratch: scratch, planes: causal,
            lowerBits: task.lowerBits)
    }
}
