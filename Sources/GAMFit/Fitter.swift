// Gradient descent on the energy of observed positions.
//
// What always holds here: the same observations, seed and processor give the same weights; threads
// work on different networks, never on one sum.

import CGAMKernels
import GAMCore

/// Which parameters a fit may move.
public enum FitScope: UInt8, Sendable {
    /// Last layer and all biases: a small delta, for small signals.
    case outputs = 0
    case everything = 1
}

/// How a fit runs.
public struct FitSchedule: Sendable {
    /// Passes over the observations.
    public var passes: Double
    /// Largest step of Adam; decays along a half cosine to 2 % of it.
    public var rate: Float
    public var scope: FitScope
    /// Observations per step, a multiple of 128.
    public var batch: Int
    public var seed: UInt64
    /// Pull towards `anchor` relative to the rate. Without it weights, biases and scales drift along
    /// directions that change nothing until units stick at their bounds: photo role 0 of size M
    /// ended at 4.517 bits, with 0.25 at 4.469.
    public var decay: Float
    /// Beta 2 of Adam.
    public var memory: Float
    /// The parameters that `decay` pulls to; nil: zero.
    public var anchor: FloatNetwork?

    public init(
        passes: Double, rate: Float, scope: FitScope = .everything, batch: Int = 512,
        seed: UInt64 = 1, decay: Float = 0, memory: Float = 0.99, anchor: FloatNetwork? = nil
    ) {
        self.passes = passes
        self.rate = rate
        self.scope = scope
        self.batch = batch
        self.seed = seed
        self.decay = decay
        self.memory = memory
        self.anchor = anchor
    }
}

/// Fits one network to observations.
package struct Fitter {
    package var network: FloatNetwork
    private let level: gam_level

    package init(_ network: FloatNetwork, level: gam_level = gam_level_best()) {
        self.network = network
        self.level = level
    }

    private var shape: gam_shape {
        gam_shape(
            inputs: Int32(network.shape.inputs), hidden: Int32(network.shape.hidden),
            components: Int32(network.shape.components))
    }

    private func mask(_ scope: FitScope) -> [UInt8] {
        var mask = [UInt8](repeating: scope == .everything ? 1 : 0, count: network.parameters.count)
        for part in [1, 3, 4, 5] {
            for i in network.parts[part] { mask[i] = 1 }
        }
        return mask
    }

    /// Runs the schedule; returns the mean energy (bits) seen during the last tenth.
    /// - Parameter progress: told the done fraction; false stops early.
    @discardableResult
    package mutating func fit(
        _ data: Observations, _ schedule: FitSchedule, progress: (Double) -> Bool = { _ in true }
    ) -> Double {
        precondition(data.inputCount == network.shape.inputs, "observations of another shape")
        guard data.count > 0 else { return 0 }
        let steps = max(1, Int(schedule.passes * Double(data.count) / Double(schedule.batch)))
        var order = Shuffle(count: data.count, seed: schedule.seed)
        var state = AdamState(mask: mask(schedule.scope))
        let scratch = UnsafeMutableRawPointer.allocate(
            byteCount: gam_fit_scratch(shape), alignment: 64)
        defer { scratch.deallocate() }
        var late = (bits: 0.0, count: 0)
        for step in 0..<steps {
            let bits = self.step(data, schedule, step, steps, &order, &state, scratch)
            if step * 10 >= steps * 9 {
                late.bits += bits
                late.count += schedule.batch
            }
            if step % 64 == 0 && !progress(Double(step) / Double(steps)) { break }
        }
        return late.count == 0 ? 0 : late.bits / Double(late.count)
    }

    private mutating func step(
        _ data: Observations, _ schedule: FitSchedule, _ step: Int, _ steps: Int,
        _ order: inout Shuffle, _ state: inout AdamState, _ scratch: UnsafeMutableRawPointer
    ) -> Double {
        let size = Int(GAM_FIT_BATCH)
        var bits = 0.0
        for _ in 0..<schedule.batch / size {
            let index = order.next(size)
            bits += gam_fit_batch(
                level, shape, network.parameters, data.inputs, data.targets, index,
                Int32(size), &state.gradient, scratch)
        }
        clip(&state.gradient, parts: schedule.batch / size)
        let phase = Double(step) / Double(steps)
        let warm = min(1, Float(step + 1) / 100)
        let rate = schedule.rate * warm * Float(0.02 + 0.98 * cosineHalf(phase))
        let descent = gam_descent(
            rate: rate, decay: schedule.decay, memory: schedule.memory, step: Int32(step + 1))
        schedule.anchor.withParameters { anchor in
            gam_adam(
                level, network.parameters.count, &network.parameters, &state.gradient,
                &state.first, &state.second, state.mask, anchor, descent)
        }
        return bits
    }

    /// Turns a sum of mean gradients into their mean, at most 1 long: single outliers (an edge in a
    /// flat picture) otherwise throw the weights far off.
    private func clip(_ gradient: inout [Float], parts: Int) {
        let square = gradient.reduce(Double(0)) { $0 + Double($1) * Double($1) }
        let length = square.squareRoot() / Double(parts)
        let factor = Float(1 / (Double(parts) * max(1, length)))
        for i in gradient.indices { gradient[i] *= factor }
    }

    /// (1 + cos(pi phase)) / 2 by Bhaskara's approximation: no libm needed.
    private func cosineHalf(_ phase: Double) -> Double {
        let x = phase < 0.5 ? phase : 1 - phase
        let c = (1 - 4 * x * x) / (1 + x * x)
        return phase < 0.5 ? (1 + c) / 2 : (1 - c) / 2
    }

    /// Mean energy (bits) of the observations under the real-valued weights.
    package func energy(_ data: Observations) -> Double {
        let scratch = UnsafeMutableRawPointer.allocate(
            byteCount: gam_fit_scratch(shape), alignment: 64)
        defer { scratch.deallocate() }
        var bits = 0.0
        var at = 0
        while at < data.count {
            let count = min(Int(GAM_FIT_BATCH), data.count - at)
            let index = (at..<at + count).map { UInt32($0) }
            bits += gam_fit_batch(
                level, shape, network.parameters, data.inputs, data.targets, index, Int32(count),
                nil, scratch)
            at += count
        }
        return bits / Double(max(data.count, 1))
    }
}

extension FloatNetwork? {
    fileprivate func withParameters(_ body: (UnsafePointer<Float>?) -> Void) {
        guard let self else { return body(nil) }
        self.parameters.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

/// Moments and gradient of Adam.
private struct AdamState {
    var gradient: [Float]
    var first: [Float]
    var second: [Float]
    let mask: [UInt8]

    init(mask: [UInt8]) {
        self.mask = mask
        gradient = [Float](repeating: 0, count: mask.count)
        first = gradient
        second = gradient
    }
}

/// Indices in random order, reshuffled after each pass.
private struct Shuffle {
    private var indices: [UInt32]
    private var generator: SeededGenerator
    private var at = 0

    init(count: Int, seed: UInt64) {
        indices = (0..<count).map { UInt32($0) }
        generator = SeededGenerator(seed: seed)
        indices.shuffle(using: &generator)
    }

    mutating func next(_ count: Int) -> [UInt32] {
        if indices.count < count {
            return (0..<count).map { indices[$0 % indices.count] }
        }
        if at + count > indices.count {
            indices.shuffle(using: &generator)
            at = 0
        }
        defer { at += count }
        return Array(indices[at..<at + count])
    }
}
