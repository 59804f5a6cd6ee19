// The reference recall of lower bits: docs/format.md, section "Lower bits", in 64-bit arithmetic.
//
// What always holds here: the interval's bins are listed, and the slot's is looked for from the first.

import CGAMKernels

extension Reference {
    static func recallLower(
        _ reader: inout gam_reader, _ components: Int32, _ count: Int,
        _ landscapes: UnsafeMutablePointer<gam_landscapes>, _ base: UnsafePointer<Int32>,
        _ lower: gam_lower, _ known: UnsafePointer<UInt8>?,
        _ values: UnsafeMutablePointer<Int32>
    ) {
        let bits = Int(lower.bits)
        for n in 0..<count where known == nil || known![n] == 0 {
            let shift = Int(cell(&landscapes.pointee.shift, 0, n).pointee)
            let floor = Int(lower.floors[n])
            var trace = ReferenceTrace(reader: reader)
            let value: Int
            if shift > 0 && shift + 3 >= bits {
                value = floor + trace.bits(bits)
            } else {
                let parts = (0..<Int(components)).map { component(landscapes, $0, n) }
                let edges = edges(parts, Int(base[n]), floor, bits, shift)
                value = trace.nextLower(
                    base: Int(base[n]), floor: floor, bits: bits, shift: shift,
                    first: edges.first, edges: edges.below)
            }
            reader = trace.reader
            let isInside = (0..<1 << bits).contains(value - floor)
            if isInside && value >= Int(lower.low) && value <= Int(lower.high) {
                values[n] = Int32(value)
            } else {
                reader.failed = 1
                values[n] = base[n]
            }
        }
    }

    /// F' of the first bin, of each after it, and of the one past the last.
    private static func edges(
        _ parts: [Component], _ base: Int, _ floor: Int, _ bits: Int, _ shift: Int
    ) -> (first: Int, below: [Int]) {
        let most = GAM_BINS_MAX
        let first = clamp((floor - base) >> shift, -most, most)
        let last = clamp((floor + (1 << bits) - 1 - base) >> shift, -most, most)
        let f = (first...last + 1).map { bin in
            parts.reduce(0) {
                $0 + ($1.weight * well((bin + $1.whole) * $1.step + $1.part)) >> 16
            }
        }
        let total = GAM_TOTAL - GAM_ESCAPE
        let count = last - first + 1
        let mass = f[count] - f[0]
        let model = (total - count) * (min(mass, 256) * 127) / (256 * 128)
        let below = (0..<count).map { j in
            (mass == 0 ? 0 : (f[j] - f[0]) * model / mass) + j * (total - model) / count
        }
        return (first, below + [total])
    }
}
