// What is done with a gathered batch: recall its values, price them, or observe them for fitting.
//
// What always holds here: steps see positions in coding order, so a price and a recall of the same
// values meet the same landscapes.

import CGAMKernels

/// A consumer of gathered batches of one plane.
protocol BatchStep {
    /// `values` hold the stored values where they are known, and must hold all of them afterwards.
    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?)

    /// Batch positions from `at` on lie in the sheared plane from `element` on.
    mutating func placed(element: Int, at: Int, count: Int)
}

extension BatchStep {
    @inline(__always)
    mutating func placed(element: Int, at: Int, count: Int) {}
}

/// Network and landscapes of a batch: what recall and pricing share.
@inline(__always)
func landscapes(
    _ engine: Engine, _ scratch: BatchScratch, _ count: Int, _ low: Int32, _ high: Int32,
    _ network: UnsafePointer<gam_network>
) -> Int32 {
    engine.infer(network, count: count, scratch.batch)
    let components = network.pointee.components
    if engine == .reference {
        Reference.landscapes(components, low, high, count, scratch.batch, scratch.landscapes)
    } else {
        gam_landscape(
            engine.level, components, low, high, Int32(count), scratch.batch, scratch.landscapes)
    }
    return components
}

/// Recalls values from a trace.
struct RecallStep: BatchStep {
    let engine: Engine
    var reader: gam_reader
    let lowerBits: Int

    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?
    ) {
        let components = landscapes(engine, scratch, count, low, high, network!)
        let known = anyKnown ? UnsafePointer(scratch.known) : nil
        if lowerBits > 0 {
            let lower = gam_lower(
                floors: scratch.floors, bits: Int32(lowerBits), low: low, high: high)
            if engine == .reference {
                Reference.recallLower(
                    &reader, components, count, scratch.landscapes, scratch.base, lower, known,
                    scratch.values)
            } else {
                gam_recall_lower(
                    &reader, components, Int32(count), scratch.landscapes, scratch.base, lower,
                    known, scratch.values)
            }
        } else if engine == .reference {
            Reference.recall(
                &reader, components, count, scratch.landscapes, scratch.base, low, high, known,
                scratch.values)
        } else {
            gam_recall_trace(
                engine.level, &reader, components, Int32(count), scratch.landscapes, scratch.base,
                low, high, known, scratch.values)
        }
    }
}

/// Prices values into a trace writer.
struct PriceStep: BatchStep {
    let engine: Engine
    let writer: TraceWriter
    let lowerBits: Int

    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?
    ) {
        let components = landscapes(engine, scratch, count, low, high, network!)
        let known = anyKnown ? UnsafePointer(scratch.known) : nil
        if lowerBits > 0 {
            let lower = gam_lower(
                floors: scratch.floors, bits: Int32(lowerBits), low: low, high: high)
            writer.priceLower(components: components, count: count, scratch, lower, known: known)
        } else {
            writer.price(
                engine.level, components: components, count: count, scratch, known: known)
        }
    }
}

/// Adds up the logarithms of the local scales.
struct ScaleStep: BatchStep {
    /// 1/256 octaves.
    private(set) var octaves = 0

    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?
    ) {
        withUnsafePointer(to: &scratch.batch.pointee.octaves) { tuple in
            let octaves = UnsafeRawPointer(tuple).assumingMemoryBound(to: Int32.self)
            for n in 0..<count { self.octaves += Int(octaves[n]) }
        }
    }
}

/// Positions as fitting sees them: inputs of the network, and where the value lies.
package struct Observations {
    package let inputCount: Int
    /// [count][inputCount]
    package private(set) var inputs: [Int16] = []
    package private(set) var targets: [gam_observation] = []
    /// Keeps one batch in `every`; 1 keeps all.
    package let every: Int
    var phase = 0

    package init(inputCount: Int, every: Int = 1) {
        self.inputCount = inputCount
        self.every = every
    }

    package var count: Int { targets.count }

    package mutating func append(_ other: Observations) {
        inputs += other.inputs
        targets += other.targets
    }

    /// Sets the statistics at the end of each row to zero.
    package mutating func clearStatistics() {
        let first = inputCount - PlaneStatistics.count
        for row in stride(from: 0, to: inputs.count, by: inputCount) {
            for i in row + first..<row + inputCount { inputs[i] = 0 }
        }
    }

    /// Adds noise to the statistics at the end of each row that has any.
    package mutating func blurStatistics(_ noise: () -> Int16) {
        let first = inputCount - PlaneStatistics.count
        guard first > 0 else { return }
        inputs.withUnsafeMutableBufferPointer { inputs in
            for row in stride(from: 0, to: inputs.count, by: inputCount) {
                let known = (first..<inputCount).contains { inputs[row + $0] != 0 }
                for i in row + first..<row + inputCount where known {
                    inputs[i] = min(max(inputs[i] + noise(), -2032), 2032)
                }
            }
        }
    }

    mutating func append(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        constants: [Int16]
    ) {
        phase += 1
        guard phase % every == 0 else { return }
        let stride = GAM_BATCH_STRIDE
        withUnsafePointer(to: &scratch.batch.pointee.inputs) { tuple in
            let pairs = UnsafeRawPointer(tuple).assumingMemoryBound(to: Int16.self)
            for n in 0..<count where !(anyKnown && scratch.known[n] != 0) {
                for i in 0..<inputCount - constants.count {
                    inputs.append(pairs[2 * (i / 2 * stride + n) + i % 2])
                }
                inputs += constants
                targets.append(observation(scratch, n, low, high))
            }
        }
    }

    private func observation(_ s: BatchScratch, _ n: Int, _ low: Int32, _ high: Int32)
        -> gam_observation
    {
        let value = s.values[n]
        func element<T>(_ tuple: inout T) -> Int32 {
            withUnsafePointer(to: &tuple) {
                UnsafeRawPointer($0).assumingMemoryBound(to: Int32.self)[n]
            }
        }
        let base = element(&s.batch.pointee.base)
        let fraction = element(&s.batch.pointee.fraction)
        let sigma = element(&s.batch.pointee.sigma)
        return gam_observation(
            target: Float(Int64(value) - Int64(base)) - Float(fraction) / 256,
            sigma: Float(sigma) / 16, below: value == low ? 1 : 0, above: value == high ? 1 : 0)
    }
}

/// Collects observations.
struct ObserveStep: BatchStep {
    var observations: Observations
    /// Inputs behind the gathered ones.
    let constants: [Int16]

    init(observations: Observations, constants: PlaneStatistics?) {
        self.observations = observations
        self.constants = constants?.inputs ?? []
    }

    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?
    ) {
        observations.append(
            scratch, count: count, anyKnown: anyKnown, low: low, high: high, constants: constants)
    }
}
