// The reference landscapes and their recall: docs/format.md, sections "Network and landscape" and
// "Trace", in 64-bit arithmetic, one position after the other.

import CGAMKernels

extension Reference {
    /// One component: where the lower edge of a bin lies from its centre, and its share.
    struct Component {
        var whole = 0
        var part = 0
        var step = 0
        var weight = 0
    }

    // MARK: landscape

    static func landscapes(
        _ components: Int32, _ low: Int32, _ high: Int32, _ count: Int,
        _ batch: UnsafeMutablePointer<gam_batch>, _ out: UnsafeMutablePointer<gam_landscapes>
    ) {
        let k = Int(components)
        for n in 0..<count {
            let o = (0..<3 * k - 1).map { Int(cell(&batch.pointee.outputs, $0, n).pointee) }
            let octaves = Int(cell(&batch.pointee.octaves, 0, n).pointee)
            let scales = (0..<k).map {
                clamp((o[k + $0] >> 12) + octaves - 1024, -1280, 26 * 256 + 1791)
            }
            let shift = clamp(max((scales.min()! >> 8) - 2, (scales.max()! >> 8) - 6), 0, 26)
            let weights = weights(o[(2 * k)...].map { $0 >> 12 })
            for i in 0..<k {
                let from = -(128 >> shift) - location(o[i], n, batch, shift)
                let step = halved(clamp(scales[i] - 256 * shift, -1280, 1791) + 1280)
                cell(&out.pointee.whole, i, n).pointee = Int32(from >> 8)
                cell(&out.pointee.part, i, n).pointee = Int32(((from & 255) * step) >> 8)
                cell(&out.pointee.step, i, n).pointee = Int32(step)
                cell(&out.pointee.weight, i, n).pointee = Int32(weights[i])
            }
            let base = Int(cell(&batch.pointee.base, 0, n).pointee)
            let most = GAM_BINS_MAX
            cell(&out.pointee.shift, 0, n).pointee = Int32(shift)
            cell(&out.pointee.first, 0, n).pointee = Int32(
                clamp((Int(low) - base) >> shift, -most, 0))
            cell(&out.pointee.last, 0, n).pointee = Int32(
                clamp((Int(high) - base) >> shift, 0, most))
        }
    }

    /// A component's centre in 1/256 bins from the base.
    private static func location(
        _ output: Int, _ n: Int, _ batch: UnsafeMutablePointer<gam_batch>, _ shift: Int
    ) -> Int {
        let sigma = Int(cell(&batch.pointee.sigma, 0, n).pointee)
        let fraction = Int(cell(&batch.pointee.fraction, 0, n).pointee)
        let coarse = max(0, Scale(sigma).exponent - 14)
        let offset = clamp(output >> 8, -32768, 32767)
        let at = ((offset * (sigma >> coarse)) >> 8) + (fraction >> coarse)
        let most = 1 << 18
        if coarse > shift {
            let left = coarse - shift
            return clamp(at, -(most >> left), most >> left) << left
        }
        return clamp(at >> (shift - coarse), -most, most)
    }

    /// 32768 / 2^(d / 256), d >= 0.
    static func halved(_ d: Int) -> Int {
        let m = d & 255
        return (32768 - 86 * m + ((22 * m * m) >> 8)) >> (d >> 8)
    }

    /// The well function.
    static func well(_ t: Int) -> Int {
        let m = abs(clamp(t, -32767, 32767))
        let near = min(m, 2731)
        var v = 65535 - (m - near / 2 + 6 * near * near / 65536)
        for _ in 0..<6 { v = v * v / 65536 }
        return t < 0 ? v / 2 : 65535 - v / 2
    }

    private static func weights(_ odds: [Int]) -> [Int] {
        var rest = GAM_TOTAL - GAM_ESCAPE
        var weights: [Int] = []
        for d in odds {
            let share = (well((clamp(d, -8191, 8191) * 710) >> 8) * rest) >> 16
            weights.append(share)
            rest -= share
        }
        return weights + [rest]
    }

    // MARK: trace

    static func recall(
        _ reader: inout gam_reader, _ components: Int32, _ count: Int,
        _ landscapes: UnsafeMutablePointer<gam_landscapes>, _ base: UnsafePointer<Int32>,
        _ low: Int32, _ high: Int32, _ known: UnsafePointer<UInt8>?,
        _ values: UnsafeMutablePointer<Int32>
    ) {
        for n in 0..<count where known == nil || known![n] == 0 {
            let bins =
                Int(
                    cell(&landscapes.pointee.first, 0, n).pointee)...Int(
                    cell(&landscapes.pointee.last, 0, n).pointee)
            let parts = (0..<Int(components)).map { component(landscapes, $0, n) }
            var trace = ReferenceTrace(reader: reader)
            let shift = Int(cell(&landscapes.pointee.shift, 0, n).pointee)
            let value = trace.next(base: Int(base[n]), bins: bins, shift: shift) { bin in
                parts.reduce(0) {
                    $0 + ($1.weight * well((bin + $1.whole) * $1.step + $1.part)) >> 16
                }
            }
            reader = trace.reader
            if value < Int(low) || value > Int(high) {
                reader.failed = 1
                values[n] = base[n]
            } else {
                values[n] = Int32(value)
            }
        }
    }

    static func component(
        _ l: UnsafeMutablePointer<gam_landscapes>, _ k: Int, _ n: Int
    ) -> Component {
        Component(
            whole: Int(cell(&l.pointee.whole, k, n).pointee),
            part: Int(cell(&l.pointee.part, k, n).pointee),
            step: Int(cell(&l.pointee.step, k, n).pointee),
            weight: Int(cell(&l.pointee.weight, k, n).pointee))
    }
}
