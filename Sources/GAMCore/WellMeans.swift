// Where inside its well a stored value probably lay before it was rounded: the mean of the landscape
// there. An estimate, in floating point: nothing that must be exact depends on it.
//
// What always holds: an offset lies within half a well of the stored value.
//
// For one logistic component with density f, distribution F and softplus s the part of the mean
// between a and b is  b F(b) - a F(a) - s(b) + s(a);  the right half is mirrored to the left, where
// small numbers keep their digits. Components count with the probability they give the well.

import CGAMKernels
import Glibc

/// Writes the offset of every position of a plane, in 1/65536 of a well from its middle.
struct WellMeanStep: BatchStep {
    let engine: Engine
    /// Sheared plane.
    let out: UnsafeMutablePointer<Int32>
    private var offsets = [Int32](repeating: 0, count: GAM_BATCH_STRIDE)

    init(engine: Engine, out: UnsafeMutablePointer<Int32>) {
        self.engine = engine
        self.out = out
    }

    mutating func take(
        _ scratch: BatchScratch, count: Int, anyKnown: Bool, low: Int32, high: Int32,
        network: UnsafePointer<gam_network>?
    ) {
        let components = landscapes(engine, scratch, count, low, high, network!)
        for n in 0..<count {
            offsets[n] = Self.offset(
                scratch.landscapes, Int(components), n,
                bin: Int(scratch.values[n]) - Int(scratch.base[n]))
        }
    }

    mutating func placed(element: Int, at: Int, count: Int) {
        for i in 0..<count { out[element + i] = offsets[at + i] }
    }

    private static func offset(
        _ l: UnsafeMutablePointer<gam_landscapes>, _ components: Int, _ n: Int, bin: Int
    ) -> Int32 {
        func entry<T>(_ tuple: inout T, _ row: Int) -> Double {
            withUnsafePointer(to: &tuple) {
                Double(
                    UnsafeRawPointer($0).assumingMemoryBound(to: Int32.self)[
                        row * GAM_BATCH_STRIDE + n])
            }
        }
        // Wide bins hold many values: nothing is known below one of them.
        guard entry(&l.pointee.shift, 0) == 0 else { return 0 }
        var (mass, moment) = (0.0, 0.0)
        for k in 0..<components {
            let step = entry(&l.pointee.step, k) / 1024
            guard step > 0 else { continue }
            let low =
                (Double(bin) + entry(&l.pointee.whole, k)) * step + entry(&l.pointee.part, k) / 1024
            let (p, mean) = logistic(from: low, to: low + step)
            let weight = entry(&l.pointee.weight, k) * p
            mass += weight
            moment += weight * ((mean - low) / step - 0.5)
        }
        guard mass > 0, moment.isFinite else { return 0 }
        return Int32((min(max(moment / mass, -0.5), 0.5) * 65536).rounded())
    }

    /// Probability of [a, b] under the standard logistic distribution, and the mean there.
    static func logistic(from a: Double, to b: Double) -> (p: Double, mean: Double) {
        guard a + b <= 0 else {
            let mirrored = logistic(from: -b, to: -a)
            return (mirrored.p, -mirrored.mean)
        }
        func distribution(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
        func softplus(_ z: Double) -> Double { z > 30 ? z : log1p(exp(z)) }
        let (fa, fb) = (distribution(a), distribution(b))
        let p = fb - fa
        guard p > 1e-290 else { return (p, b) }
        let mean = (b * fb - a * fa - softplus(b) + softplus(a)) / p
        return (p, min(max(mean, a), b))
    }
}

extension ShardCoder {
    /// Offsets of the values of a spatial shard inside their wells, [plane][point], in 1/65536 of a
    /// well from its middle; `linear` holds the values.
    package func wellMeans(
        _ linear: UnsafePointer<Int32>, layout: ShardLayout, independent: Set<Int>,
        networks: NetworkSet, overview: UnsafePointer<Int32>?,
        into offsets: UnsafeMutablePointer<Int32>
    ) {
        guard let wavefront = layout.wavefront else { return }
        let sheared = Buffer()
        for index in 0..<layout.planeCount {
            var step = WellMeanStep(engine: engine, out: sheared.reserve(wavefront.size))
            walkKnown(
                index, linear, layout: layout, independent: independent, networks: networks,
                overview: overview, &step)
            wavefront.unshear(sheared.pointer, into: offsets + index * layout.points)
        }
    }
}
