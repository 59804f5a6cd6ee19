// One channel of a causal shard as least squares sees it.
//
// What always holds here: there is nothing but zeros before the first step.

import CGAMKernels
import GAMCore

/// One channel as doubles around its mean, with zeros before the first step.
struct Series {
    static let before = 64
    let values: [Double]
    let origin: Int32

    init(_ from: UnsafePointer<Int32>, _ length: Int) {
        var low = from[0]
        var high = from[0]
        var sum: Int64 = 0
        for i in 0..<length {
            low = min(low, from[i])
            high = max(high, from[i])
            sum += Int64(from[i])
        }
        let mean = Int32(sum / Int64(length))
        let fits = PredictorBank.isOrigin(mean, of: low...high)
        let origin = fits ? mean : Int32((Int64(low) + Int64(high) + 1) >> 1)
        self.origin = origin
        values = Array(unsafeUninitializedCapacity: length + Self.before) { out, count in
            for i in 0..<Self.before { out[i] = 0 }
            for i in 0..<length { out[Self.before + i] = Double(Int64(from[i]) - Int64(origin)) }
            count = length + Self.before
        }
    }

    /// Sum over t in range of self[t - a] * other[t - b].
    func product(_ other: Series, _ a: Int, _ b: Int, _ range: Range<Int>, _ level: gam_level)
        -> Double
    {
        values.withUnsafeBufferPointer { x in
            other.values.withUnsafeBufferPointer { y in
                gam_dot(
                    level, x.baseAddress! + Self.before + range.lowerBound - a,
                    y.baseAddress! + Self.before + range.lowerBound - b, range.count)
            }
        }
    }

    subscript(t: Int) -> Double { values[Self.before + t] }

    /// rest[i] -= w * self[range.lowerBound + i - lag].
    func subtract(_ w: Double, lag: Int, _ range: Range<Int>, from rest: inout [Double]) {
        let start = Self.before + range.lowerBound - lag
        values.withUnsafeBufferPointer { x in
            rest.withUnsafeMutableBufferPointer { rest in
                for i in 0..<range.count { rest[i] -= w * x[start + i] }
            }
        }
    }

    /// Mean square of the smallest of the differences of order 0 to 3: about how well a segment can
    /// be predicted.
    func roughness(_ range: Range<Int>) -> Double {
        var sums = (0.0, 0.0, 0.0, 0.0)
        for t in range {
            let (a, b, c, d) = (self[t], self[t - 1], self[t - 2], self[t - 3])
            let (first, second, third) = (a - b, a - 2 * b + c, a - 3 * b + 3 * c - d)
            sums.0 += a * a
            sums.1 += first * first
            sums.2 += second * second
            sums.3 += third * third
        }
        return min(min(sums.0, sums.1), min(sums.2, sums.3)) / Double(range.count)
    }
}
