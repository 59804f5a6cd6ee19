// The reference implementation of the integer contract: slow, scalar, obvious. It is the truth.
//
// What always holds here:
// - Every formula stands as docs/format.md, section "Integer contract", states it, in 64-bit
//   arithmetic, one position after the other, without tables.
// - The C kernels are tested against this file bit for bit.

import CGAMKernels

enum Reference {
    private static let stride = GAM_BATCH_STRIDE

    /// Element `n` of row `row` of one of the batch's arrays.
    static func cell<T>(
        _ array: UnsafeMutablePointer<T>, _ row: Int, _ n: Int
    ) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(array).assumingMemoryBound(to: Int32.self) + row * stride + n
    }

    static func clamp(_ v: Int, _ low: Int, _ high: Int) -> Int { min(max(v, low), high) }

    private static func saturate(_ v: Int) -> Int {
        clamp(v, -GAM_DIFFERENCE_MAX, GAM_DIFFERENCE_MAX)
    }

    // MARK: inputs

    /// A divisor: sigma in 1/16 steps.
    struct Scale {
        let exponent: Int
        let inverse: Int
        let octaves: Int

        init(_ sigma: Int) {
            exponent = Int.bitWidth - 1 - sigma.leadingZeroBitCount
            let m = (exponent <= 15 ? sigma << (15 - exponent) : sigma >> (exponent - 15)) - 32768
            inverse = 32437 - ((26479 * m) >> 15) + ((10592 * ((m * m) >> 15)) >> 15)
            let m8 = m >> 7
            octaves = 256 * exponent + m8 + ((88 * m8 * (256 - m8)) >> 16)
        }

        /// v / sigma in 1/256.
        func divide(_ v: Int) -> Int {
            let limited = Reference.clamp(v, -(1 << exponent), 1 << exponent)
            let q = exponent <= 14 ? limited << (14 - exponent) : limited >> (exponent - 14)
            return (q * inverse + 65536) >> 17
        }
    }

    static func gather(
        _ s: gam_stencil, _ run: gam_run, at: Int, count: Int,
        _ batch: UnsafeMutablePointer<gam_batch>
    ) {
        for n in 0..<count {
            var inputs: [Int] = []
            position(s, run, n, batch, at + n, &inputs)
            write(inputs, at: at + n, batch)
        }
    }

    /// Inputs of position `n`, in pairs of int16 with the even one in the low half.
    static func write(_ inputs: [Int], at n: Int, _ batch: UnsafeMutablePointer<gam_batch>) {
        let even = inputs.count % 2 == 0 ? inputs : inputs + [0]
        for pair in 0..<even.count / 2 {
            let low = UInt32(truncatingIfNeeded: even[2 * pair]) & 0xffff
            let high = UInt32(truncatingIfNeeded: even[2 * pair + 1]) << 16
            cell(&batch.pointee.inputs, pair, n).pointee = Int32(bitPattern: low | high)
        }
    }

    private static func offsets<T>(_ tuple: T, _ count: Int32) -> [Int] {
        withUnsafeBytes(of: tuple) { bytes in
            bytes.bindMemory(to: Int32.self).prefix(Int(count)).map { Int($0) }
        }
    }

    private static func position(
        _ s: gam_stencil, _ run: gam_run, _ n: Int, _ batch: UnsafeMutablePointer<gam_batch>,
        _ to: Int, _ inputs: inout [Int]
    ) {
        let low = Int(run.low)
        let high = Int(run.high)
        let own = offsets(s.own, s.own_count).map { Int(run.value[n + $0]) }
        let errors = offsets(s.error, s.error_count).map { Int(run.error[n + $0]) }
        let base = clamp(base(s.base, own, low, high), low, high)
        let differences = own.map { saturate($0 - base) }
        let twice = errors.count == 6 ? 2 : 1
        let errorSum = errors.enumerated().reduce(0) {
            $0 + abs($1.element) * ($1.offset < 2 ? twice : 1)
        }
        let differenceSum = differences.prefix(8).reduce(0) { $0 + abs($1) }
        let byError = Scale(2 * errorSum + 8)
        let byDifference = Scale(2 * differenceSum + 8)
        cell(&batch.pointee.base, 0, to).pointee = Int32(base)
        cell(&batch.pointee.fraction, 0, to).pointee = 0
        cell(&batch.pointee.sigma, 0, to).pointee = Int32(2 * errorSum + 8)
        cell(&batch.pointee.octaves, 0, to).pointee = Int32(byError.octaves)

        inputs += differences.map(byDifference.divide)
        inputs += errors.map(byError.divide)
        inputs.append((byError.octaves - 768) >> 1)
        inputs.append(clamp((byDifference.octaves - byError.octaves) >> 1, -4096, 4096))
        inputs.append(level(base, low, high))
        let wide = offsets(s.own, s.own_count)[6...].reduce(0) { $0 + abs(Int(run.error[n + $1])) }
        let wideOctaves = Scale(2 * wide + 8).octaves
        inputs.append(clamp((wideOctaves - byError.octaves) >> 1, -4096, 4096))
        for offset in offsets(s.ahead, s.ahead_count) {
            let ahead = run.ahead.map { saturate(Int($0[n + offset]) - base) } ?? 0
            inputs.append(byDifference.divide(ahead))
        }
        if run.previous_planes > 0 {
            previous(
                s, run.previous_value.0!, run.previous_error.0!, n, byError, byDifference, &inputs)
        }
        if run.previous_planes > 1 {
            previous(
                s, run.previous_value.1!, run.previous_error.1!, n, byError, byDifference, &inputs)
        }
    }

    private static func base(_ kind: gam_base, _ c: [Int], _ low: Int, _ high: Int) -> Int {
        if kind == GAM_BASE_LORENZO { return c[0] + c[1] + c[2] - c[3] - c[4] - c[5] + c[6] }
        return clamp(c[0] + c[1] - c[2], min(c[0], c[1]), max(c[0], c[1]))
    }

    /// Where in [low, high] the base lies: -256 ... 256.
    private static func level(_ base: Int, _ low: Int, _ high: Int) -> Int {
        let range = high - low
        let bits = Int.bitWidth - range.leadingZeroBitCount
        let down = max(0, bits - 15)
        let factor = (512 << 15) / ((range >> down) + 1)
        return ((((base - low) >> down) * factor) >> 15) - 256
    }

    private static func previous(
        _ s: gam_stencil, _ value: UnsafePointer<Int32>, _ error: UnsafePointer<Int32>, _ n: Int,
        _ byError: Scale, _ byDifference: Scale, _ inputs: inout [Int]
    ) {
        let centre = Int(value[n])
        for offset in offsets(s.previous, s.previous_count) {
            inputs.append(byDifference.divide(saturate(Int(value[n + offset]) - centre)))
        }
        inputs.append(byError.divide(Int(error[n])))
        for offset in offsets(s.previous_error, 2) {
            inputs.append(byError.divide(Int(error[n + offset])))
        }
    }

    // MARK: network

    static func infer(
        _ w: gam_network, count: Int, _ batch: UnsafeMutablePointer<gam_batch>
    ) {
        let f = Int(w.inputs)
        let h = Int(w.hidden)
        for n in 0..<count {
            let x = (0..<f).map { half(cell(&batch.pointee.inputs, $0 / 2, n).pointee, $0) }
            let h1 = dense(x, w.weights1, w.bias1, h).map(activate)
            let h2 = dense(h1, w.weights2, w.bias2, h).map(activate)
            for (k, v) in dense(h2, w.weights3, w.bias3, 3 * Int(w.components) - 1).enumerated() {
                cell(&batch.pointee.outputs, k, n).pointee = Int32(v)
            }
        }
    }

    private static func half(_ pair: Int32, _ i: Int) -> Int {
        Int(Int16(truncatingIfNeeded: i % 2 == 0 ? pair : pair >> 16))
    }

    private static func dense(
        _ x: [Int], _ weights: UnsafePointer<Int16>, _ bias: UnsafePointer<Int32>, _ rows: Int
    ) -> [Int] {
        (0..<rows).map { row in
            x.indices.reduce(Int(bias[row])) { $0 + x[$1] * Int(weights[row * x.count + $1]) }
        }
    }

    private static func activate(_ v: Int) -> Int {
        clamp((v + 2048) >> 12, 0, GAM_ACTIVATION_MAX)
    }
}
