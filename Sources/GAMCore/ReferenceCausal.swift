// The reference of the causal order's inputs.
//
// What always holds here: see Reference.swift.

import CGAMKernels

extension Reference {
    static func gatherCausal(
        _ c: gam_causal, count: Int, _ batch: UnsafeMutablePointer<gam_batch>
    ) {
        for lane in 0..<count {
            let average = mixed(c.averages, lane)
            let sigma = averageSigma(average, Int(c.down))
            let prediction = adapted(c, predict(c, lane), lane, sigma)
            let scale = Scale(sigma)
            cell(&batch.pointee.base, 0, lane).pointee = Int32(prediction >> 8)
            cell(&batch.pointee.fraction, 0, lane).pointee = Int32(prediction & 255)
            cell(&batch.pointee.sigma, 0, lane).pointee = Int32(sigma)
            cell(&batch.pointee.octaves, 0, lane).pointee = Int32(scale.octaves)
            var inputs = (1...8).map { scale.divide(Int(c.own_error[lane - $0 * Int(c.stride)])) }
            inputs.append((min(scale.octaves, 2816) - 768) >> 1)
            inputs.append(logRatio(Int(c.averages.0![lane]), average))
            inputs.append(logRatio(Int(c.averages.2![lane]), average))
            if c.uses_partner != 0 { inputs += partnerInputs(c, lane, average) }
            write(inputs, at: lane, batch)
        }
    }

    /// Values and errors written back; averages of |error| >> down in 1/1024 moved on: by the whole way
    /// at age 0, by a half at 1, at last by 1/4, 1/16 and 1/64.
    static func keepCausal(
        _ s: BatchScratch, _ count: Int, _ down: Int, _ age: Int,
        _ own: UnsafeMutablePointer<Int32>, _ errors: UnsafeMutablePointer<Int32>,
        _ averages: [UnsafeMutablePointer<Int32>]
    ) {
        let grown = Int.bitWidth - age.leadingZeroBitCount
        for lane in 0..<count {
            let error = Int(s.values[lane]) - Int(cell(&s.batch.pointee.base, 0, lane).pointee)
            own[lane] = s.values[lane]
            errors[lane] = Int32(clamp(error, -(1 << 26), 1 << 26))
            let fine = min(abs(error) >> down, 1 << 20) << 10
            for (k, average) in averages.enumerated() {
                let old = Int(average[lane])
                average[lane] = Int32(old + (fine - old) >> min(grown, 2 * k + 2))
            }
        }
    }

    /// The linear prediction in 1/256, clamped to the range.
    private static func predict(_ c: gam_causal, _ lane: Int) -> Int {
        let stride = Int(c.stride)
        var sum = 0
        for i in 0..<Int(c.own_order) {
            sum += Int(c.own[lane - (i + 1) * stride]) * Int(c.coefficients[i * stride + lane])
        }
        for i in 0..<Int(c.cross_order) {
            let value = c.partner[lane - (i + Int(c.cross_first)) * stride]
            sum += Int(value) * Int(c.coefficients[(Int(c.own_order) + i) * stride + lane])
        }
        return clamp(sum >> 8, Int(c.low) * 256, Int(c.high) * 256)
    }

    /// What the adaptive filters add to a linear prediction, which they note down.
    private static func adapted(_ c: gam_causal, _ plain: Int, _ lane: Int, _ sigma: Int) -> Int {
        guard let a = c.adaptive?.pointee else { return plain }
        a.plain[lane] = Int64(plain)
        let ratio = Int(a.first[lane]) + Int(a.second[lane])
        return clamp(plain + (ratio * sigma) >> 7, Int(c.low) * 256, Int(c.high) * 256)
    }

    private typealias Averages = (
        UnsafePointer<Int32>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    )

    private static func mixed(_ a: Averages, _ lane: Int) -> Int {
        Int(a.1![lane]) >> 1 + Int(a.0![lane]) >> 2 + Int(a.2![lane]) >> 2
    }

    private static func averageSigma(_ average: Int, _ down: Int) -> Int {
        min(average >> 6, (1 << 30) >> down) << down + 8
    }

    private static func logRatio(_ over: Int, _ under: Int) -> Int {
        clamp((Scale(over + 16).octaves - Scale(under + 16).octaves) >> 1, -4096, 4096)
    }

    private static func partnerInputs(_ c: gam_causal, _ lane: Int, _ own: Int) -> [Int] {
        let average = mixed(c.partner_averages, lane)
        let scale = Scale(averageSigma(average, Int(c.down)))
        let errors = (0..<3).map {
            scale.divide(Int(c.partner_error[lane - ($0 + Int(c.cross_first)) * Int(c.stride)]))
        }
        return errors + [
            logRatio(Int(c.partner_averages.0![lane]), average), logRatio(average, own),
        ]
    }
}
