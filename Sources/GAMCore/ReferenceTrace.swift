// The reference reader of one trace symbol: rANS, loose bits and escapes, step by step.
//
// What always holds here: reading past the end sets `failed` and goes on with zeros.

import CGAMKernels

struct ReferenceTrace {
    var reader: gam_reader

    /// The value at the next position, given its landscape.
    /// - Parameters:
    ///   - bins: those that can occur.
    ///   - below: F of a bin among them, the first excepted.
    mutating func next(
        base: Int, bins: ClosedRange<Int>, shift: Int, below: (Int) -> Int
    ) -> Int {
        let (state, x, slot) = begin()
        let total = GAM_TOTAL - GAM_ESCAPE
        if slot >= total {
            advance(state, x, start: total, end: GAM_TOTAL)
            return base + escape()
        }
        var low = bins.lowerBound
        var high = bins.upperBound + 1
        while high - low > 1 {
            let middle = (low + high) >> 1
            if below(middle) <= slot { low = middle } else { high = middle }
        }
        let start = low == bins.lowerBound ? 0 : below(low)
        let end = high == bins.upperBound + 1 ? total : below(high)
        advance(state, x, start: start, end: end)
        return base + low << shift + self.bits(shift)
    }

    /// The value at the next position whose upper bits are those of `floor`; `edges`: F' from the bin
    /// `first` on.
    mutating func nextLower(
        base: Int, floor: Int, bits: Int, shift: Int, first: Int, edges: [Int]
    ) -> Int {
        let (state, x, slot) = begin()
        let total = GAM_TOTAL - GAM_ESCAPE
        if slot >= total {
            advance(state, x, start: total, end: GAM_TOTAL)
            return floor + self.bits(bits)
        }
        let bin = edges.lastIndex { $0 <= slot }!
        advance(state, x, start: edges[bin], end: edges[bin + 1])
        return base + (first + bin) << shift + self.bits(shift)
    }

    /// The state of the next symbol, its value and its slot.
    private mutating func begin() -> (state: Int, x: UInt32, slot: Int) {
        let state = Int(reader.position % UInt32(GAM_STATES))
        reader.position += 1
        let x = withUnsafeBytes(of: reader.state) { $0.bindMemory(to: UInt32.self)[state] }
        return (state, x, Int(x & 65535))
    }

    private mutating func advance(_ state: Int, _ x: UInt32, start: Int, end: Int) {
        var next = UInt32(end - start) * (x >> 16) + (x & 65535) - UInt32(start)
        if next < 65536 { next = next << 16 | UInt32(word()) }
        withUnsafeMutableBytes(of: &reader.state) {
            $0.bindMemory(to: UInt32.self)[state] = next
        }
    }

    private mutating func word() -> UInt16 {
        guard let words = reader.words, words < reader.words_end else {
            reader.failed = 1
            return 0
        }
        reader.words = words + 1
        return UnsafeRawPointer(words).loadUnaligned(as: UInt16.self)
    }

    /// `count` bits, least significant first.
    mutating func bits(_ count: Int) -> Int {
        while Int(reader.held_count) < count {
            var byte: UInt8 = 0
            if let bits = reader.bits, bits < reader.bits_end {
                byte = bits.pointee
                reader.bits = bits + 1
            } else {
                reader.failed = 1
            }
            reader.held |= UInt64(byte) << UInt64(reader.held_count)
            reader.held_count += 8
        }
        let v = reader.held & (1 << UInt64(count) - 1)
        reader.held >>= UInt64(count)
        reader.held_count -= Int32(count)
        return Int(v)
    }

    private mutating func escape() -> Int {
        let length = bits(6)
        guard length <= 34 else {
            reader.failed = 1
            return 0
        }
        var z = bits(min(length, 17))
        if length > 17 { z |= bits(length - 17) << 17 }
        return z >> 1 ^ -(z & 1)
    }
}
