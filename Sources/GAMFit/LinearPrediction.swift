// Least-squares predictors of a causal shard.
//
// What always holds here: floats only choose coefficients; what is kept are integers that the
// decoder uses as they are.
//
// Segments of 512 steps weigh as much as they are predictable: unweighted, one drum beat decides the
// predictor of the quiet after it, although both cost bits by the logarithm of their errors.
//
// Lanes share predictors in groups of 1 to 16. Normal equations add up, so those of single lanes give
// all groupings; the one with the fewest bits (residuals and coefficients) is kept.

import CGAMKernels
import GAMCore
import Glibc

package enum LinearPrediction {
    /// The predictors of channel planes of `length` steps.
    package static func fit(
        _ linear: UnsafePointer<Int32>, length: Int, channels: Int, level: gam_level
    ) -> PredictorBank {
        let grid = LaneGrid(length: length)
        let series = (0..<channels).map { Series(linear + $0 * length, length) }
        let starts = series.map { start($0, length, level) }
        let banks = [true, false].map { bank(series, grid, weighted: $0, level) }
        let bits = banks.map { bank in
            (0..<channels).reduce(bank.coefficientBits) {
                $0 + residualBits(series, $1, bank.bank, grid)
            }
        }
        let best = banks[bits[1] < bits[0] ? 1 : 0].bank
        return PredictorBank(
            groupLanes: best.groupLanes, predictors: best.predictors, starts: starts,
            adaptiveTaps: 0, origins: series.map(\.origin))
    }

    /// The short predictor with which lanes begin.
    private static func start(_ series: Series, _ length: Int, _ level: gam_level)
        -> LinearPredictor
    {
        NormalEquations.of(
            series, nil, own: PredictorBank.startTaps, cross: 0, crossFirst: 1,
            range: predicted(0..<length), weighted: false, level: level
        ).solved().predictor
    }

    /// The steps of a lane that its predictor is used for. The first shard of a signal has nothing
    /// before it: fitted to that too, predictors of music cost 0.1 bits per sample more.
    private static func predicted(_ lane: Range<Int>) -> Range<Int> {
        lane.count <= 2 * CausalCoder.warmUp
            ? lane : lane.lowerBound + CausalCoder.warmUp..<lane.upperBound
    }

    /// How much of the bits that more predictors save is left behind adaptive filters: between 0.25
    /// and 0.56 for groups of 2 to 16 lanes on music and speech.
    private static let adaptedShare = 0.45

    /// The grouping and order with the fewest bits by its own equations.
    private static func bank(
        _ series: [Series], _ grid: LaneGrid, weighted: Bool, _ level: gam_level
    ) -> (bank: PredictorBank, coefficientBits: Double) {
        let channels = series.count
        let short = grid.length < 4096
        let own = short ? min(16, grid.length / 32) : LinearPredictor.ownMax
        let cross = short || channels == 1 ? 0 : LinearPredictor.crossMax
        var systems = (0..<grid.lanes).map { lane in
            (0..<channels).map { c in
                NormalEquations.of(
                    series[c], channels == 1 ? nil : series[c == 0 ? 1 : c - 1], own: own,
                    cross: cross, crossFirst: c == 0 ? 1 : 0,
                    range: predicted(grid.range(ofLane: lane)), weighted: weighted, level: level)
            }
        }
        var best = (bits: Double.infinity, coefficients: 0.0, bank: PredictorBank.none)
        for groupLanes in [1, 2, 4, 8, 16] {
            for (own, cross) in orders(own, cross) {
                let solved = systems.flatMap { $0.map { $0.reduced(own, cross).solved() } }
                let coefficients = solved.reduce(0) { $0 + $1.coefficientBits }
                let bits = solved.reduce(coefficients) { $0 + adaptedShare * $1.residualBits }
                guard bits < best.bits else { continue }
                let bank = PredictorBank(
                    groupLanes: groupLanes, predictors: solved.map(\.predictor), starts: [],
                    adaptiveTaps: 0, origins: [])
                best = (bits, coefficients, bank)
            }
            if systems.count == 1 { break }
            systems = stride(from: 0, to: systems.count, by: 2).map { i in
                i + 1 < systems.count
                    ? zip(systems[i], systems[i + 1]).map { $0.adding($1) } : systems[i]
            }
        }
        return (best.bank, best.coefficients)
    }

    /// Bits a channel's residuals take when their scale is known every 64 steps, about.
    private static func residualBits(
        _ series: [Series], _ channel: Int, _ bank: PredictorBank, _ grid: LaneGrid
    ) -> Double {
        let x = series[channel]
        let y = series[channel == 0 ? min(1, series.count - 1) : channel - 1]
        var bits = 0.0
        for lane in 0..<grid.lanes {
            let range = grid.range(ofLane: lane)
            let p = bank.predictors[lane / bank.groupLanes * series.count + channel]
            var rest = range.map { x[$0] }
            for (i, w) in p.own.enumerated() {
                x.subtract(Double(w) / 65536, lag: i + 1, range, from: &rest)
            }
            for (i, w) in p.cross.enumerated() {
                y.subtract(
                    Double(w) / 65536, lag: i + (channel == 0 ? 1 : 0), range, from: &rest)
            }
            for start in stride(from: 0, to: rest.count, by: 64) {
                let part = rest[start..<min(start + 64, rest.count)]
                let power = part.reduce(0.1) { $0 + $1 * $1 } / Double(part.count)
                bits += 0.5 * Double(part.count) * log2(power + 0.08)
            }
        }
        return bits
    }

    /// Numbers of taps worth trying: short predictors follow a changing signal for fewer bytes.
    private static func orders(_ own: Int, _ cross: Int) -> [(own: Int, cross: Int)] {
        var orders = [(own, cross)]
        for (fewer, partner) in [(24, 8), (16, 4), (10, 2)] where fewer < own {
            orders.append((fewer, min(partner, cross)))
        }
        return orders
    }
}
