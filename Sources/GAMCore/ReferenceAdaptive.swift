// The reference of the adaptive filters of causal shards.
//
// What always holds here: see Reference.swift. Sums wrap modulo 2^32, as the kernels' do.

import CGAMKernels

extension Reference {
    /// The taps of the shared filter: history values and where their weights lie.
    private static func taps(_ a: gam_adaptive, _ lane: Int) -> [Int32] {
        let each = Int(a.partner == nil ? a.taps : a.taps / 2)
        let start = lane * Int(a.room) - each
        var values = (0..<each).map { Int32(a.own[start + $0]) }
        if let partner = a.partner {
            let first = start + 1 - Int(a.partner_first)
            values += (0..<each).map { Int32(partner[first + $0]) }
        }
        return values
    }

    private static func ratio(_ sum: Int32) -> Int32 {
        Int32(clamp(Int(sum &+ 8192) >> 14, -16384, 16384))
    }

    static func predictAdaptive(_ a: gam_adaptive, count: Int) {
        let stride = Int(a.stride)
        for lane in 0..<count {
            let shared = taps(a, lane).enumerated().reduce(Int32(0)) { sum, tap in
                sum &+ Int32(a.rounded[tap.offset]) &* tap.element
            }
            let own = (0..<Int(GAM_LANE_TAPS)).reduce(Int32(0)) { sum, i in
                sum &+ (a.lane_weights[i * stride + lane] >> 16)
                    &* a.rests[lane - (i + 1) * stride]
            }
            a.first[lane] = ratio(shared)
            a.second[lane] = ratio(own)
        }
    }

    /// Lane filters, then the shared one by groups of 16 lanes.
    static func learnAdaptive(
        _ a: gam_adaptive, count: Int, _ s: BatchScratch, teaches: Bool
    ) {
        var lessons: [Int] = []
        var heard: [[Int32]] = []
        for lane in 0..<count {
            let error = clamp(
                Int(s.values[lane]) << 4 - Int(a.plain[lane]) >> 4, -(1 << 30), 1 << 30)
            a.heard[lane] = Int32(
                inScales(error, Int(cell(&s.batch.pointee.sigma, 0, lane).pointee)))
            if teaches { heard.append(taps(a, lane)) }
            lessons.append(learnLane(a, lane, teaches))
        }
        for lane in 0..<count { a.own[lane * Int(a.room)] = Int16(a.heard[lane]) }
        guard teaches else { return }
        let shift = (0..<31).first { 1 << $0 >= Int(a.lanes) }!
        for first in stride(from: 0, to: count, by: 16) {
            let group = first..<min(first + 16, count)
            for tap in 0..<Int(a.taps) {
                let lesson = group.reduce(0) { $0 + lessons[$1] * Int(heard[$1][tap]) }
                a.weights[tap] = taught(a.weights[tap], lesson, shift)
                a.rounded[tap] = Int16(a.weights[tap] >> 16)
            }
        }
    }

    private static func learnLane(_ a: gam_adaptive, _ lane: Int, _ teaches: Bool) -> Int {
        let stride = Int(a.stride)
        let rest = clamp(Int(a.heard[lane]) - Int(a.first[lane]), -32767, 32767)
        a.rests[lane] = Int32(rest)
        guard teaches else { return 0 }
        let lesson = lessonError(rest - Int(a.second[lane]))
        for i in 0..<Int(GAM_LANE_TAPS) {
            let at = i * stride + lane
            let past = Int(a.rests[lane - (i + 1) * stride])
            a.lane_weights[at] = taught(a.lane_weights[at], 2 * lesson * past, 0)
        }
        return lessonError(rest)
    }

    private static func inScales(_ error: Int, _ sigma: Int) -> Int {
        let s = Scale(sigma)
        let e = s.octaves >> 8
        let limit = 1 << min(e + 4, 30)
        let q = (clamp(error, -limit, limit) << max(10 - e, 0)) >> max(e - 10, 0)
        return clamp((q * s.inverse + 8192) >> 14, -32767, 32767)
    }

    private static func lessonError(_ error: Int) -> Int { (clamp(error, -8192, 8192) + 2) >> 2 }

    private static func taught(_ weight: Int32, _ lesson: Int, _ shift: Int) -> Int32 {
        Int32(clamp(Int(weight) + (lesson + (1 << shift) >> 1) >> shift, -(1 << 30), 1 << 30))
    }
}
