// The reference of recall by likeness.
//
// What always holds here: see Reference.swift; docs/format.md, section 4.5, is what this follows.

import CGAMKernels

/// One memory, walked by a reader or a writer.
struct ReferenceLikeness {
    private static let memories = 8
    private static let slotBits = 20
    private var slots: [UInt32: UInt32] = [:]
    private var weights: [Int: [Int]] = [:]
    private var coder: Interval
    private let stretched: [Int]
    private let shape: LikenessCoder.Shape

    private init(_ coder: Interval, _ shape: LikenessCoder.Shape) {
        self.coder = coder
        self.shape = shape
        var d = -4095
        stretched = (0..<4096).map { p in
            while d < 4095 && Self.squashed(d) < 16 * p + 8 { d += 1 }
            return d
        }
    }

    static func encode(_ points: [UInt8], _ shape: LikenessCoder.Shape, limit: Int) -> [UInt8]? {
        var memory = ReferenceLikeness(Interval(limit: limit), shape)
        _ = memory.walk(points)
        return memory.coder.finish()
    }

    static func decode(_ coded: [UInt8], _ shape: LikenessCoder.Shape) -> [UInt8] {
        var memory = ReferenceLikeness(Interval(reading: coded), shape)
        return memory.walk(nil)
    }

    // MARK: points

    private mutating func walk(_ known: [UInt8]?) -> [UInt8] {
        let (width, bytes) = (shape.width, shape.bytes)
        var rows: [[UInt64]] = []
        for y in 0..<shape.count / width {
            rows.append([])
            for x in 0..<width {
                let around = Around(rows, y, x, width)
                let point = known.map { known in
                    (0..<bytes).reduce(UInt64(0)) {
                        $0 << 8 | UInt64(known[(y * width + x) * bytes + $1])
                    }
                }
                rows[y].append(tell(point, around))
            }
        }
        return rows.joined().flatMap { point in
            (0..<bytes).map { UInt8(truncatingIfNeeded: point >> UInt64(8 * (bytes - 1 - $0))) }
        }
    }

    private mutating func tell(_ point: UInt64?, _ a: Around) -> UInt64 {
        var failed: [UInt64] = []
        for (side, candidate) in [a.w, a.n, a.nw, a.ne].enumerated()
        where !failed.contains(candidate) {
            let node = failed.count * 4 + side
            let bit = point.map { $0 == candidate ? 1 : 0 }
            let set = node * 16 + Int(a.equal & 15)
            if answer(a.flagKeys(candidate), node, set, bit) == 1 { return candidate }
            failed.append(candidate)
        }
        return tellBytes(point, a, failed.count)
    }

    private mutating func tellBytes(_ point: UInt64?, _ a: Around, _ failed: Int) -> UInt64 {
        var found: UInt64 = 0
        var told: UInt32 = 0
        for k in 0..<shape.bytes {
            let shift = UInt64(8 * (shape.bytes - 1 - k))
            let context = a.byteContexts(k, shift, found, told)
            var part: UInt32 = 1
            var keys: [UInt32] = []
            var node = 1
            for b in (0..<8).reversed() {
                if b == 7 || b == 3 { (keys, node) = (context.map { mixed($0, part) }, 1) }
                let known = point.map { Int($0 >> (shift + UInt64(b)) & 1) }
                let bit = answer(keys, node, 256 + (k * 8 + b) * 8 + failed, known)
                part = part * 2 + UInt32(bit)
                node = node * 2 + bit
            }
            found = found << 8 | UInt64(part & 255)
            told = mixed(told << 8 | (part & 255), UInt32(k) + 1)
        }
        return found
    }

    // MARK: answers

    private static func squashed(_ d: Int) -> Int {
        Reference.clamp(
            Reference.well(3 * Reference.clamp(d, -4095, 4095)), 1, 65535)
    }

    private mutating func answer(_ keys: [UInt32], _ node: Int, _ set: Int, _ known: Int?) -> Int {
        let addresses = keys.map { $0 & (1 << Self.slotBits - 16) + UInt32(node) }
        var inputs: [Int] = []
        for (key, address) in zip(keys, addresses) {
            var slot = slots[address] ?? 0x8000_0000
            if slot >> 6 & 1023 != key >> 22 { slot = 0x8000_0000 | (key >> 22) << 6 }
            slots[address] = slot
            let (seen, p) = (Int(slot & 63), Int(slot >> 20))
            inputs.append(seen > 0 ? stretched[p] : 0)
            inputs.append(((p - 2048) * min(seen, 8)) >> 3)
        }
        inputs.append(256)
        let gate = weights[set] ?? [Int](repeating: 65536 * 15 / 100, count: inputs.count)
        let sum = zip(inputs, gate).reduce(0) { $0 + $1.0 * $1.1 } >> 16
        let one = Self.squashed(sum)
        let bit = coder.code(known, one: UInt64(one))
        let error = bit << 16 - one
        weights[set] = zip(inputs, gate).map {
            Reference.clamp($1 + ($0 * error + 32768) >> 16, -(1 << 22), 1 << 22)
        }
        for address in addresses { slots[address] = remembered(slots[address]!, bit) }
        return bit
    }

    private func remembered(_ slot: UInt32, _ bit: Int) -> UInt32 {
        let seen = Int(slot & 63)
        var p = Int(slot >> 16)
        p += (((bit == 1 ? 65535 : 0) - p) * (32768 / (2 * seen + 3))) >> 14
        return UInt32(p) << 16 | slot & 0xffc0 | UInt32(min(seen + 1, 60))
    }
}

/// The carry-free binary arithmetic coder.
private struct Interval {
    private var low: UInt32 = 0
    private var high: UInt32 = .max
    private var code: UInt32 = 0
    private var input: ArraySlice<UInt8>
    private var output: [UInt8] = []
    private let limit: Int
    private let reads: Bool

    init(limit: Int) {
        (input, self.limit, reads) = ([], limit, false)
    }

    init(reading bytes: [UInt8]) {
        (input, limit, reads) = (bytes[...], 0, true)
        for _ in 0..<4 { code = code << 8 | UInt32(input.popFirst() ?? 0) }
    }

    mutating func code(_ known: Int?, one: UInt64) -> Int {
        let middle = low + UInt32((UInt64(high - low) * one) >> 16)
        let bit = known ?? (code <= middle ? 1 : 0)
        if bit == 1 { high = middle } else { low = middle + 1 }
        while (low ^ high) < 1 << 24 {
            if reads {
                code = code << 8 | UInt32(input.popFirst() ?? 0)
            } else {
                output.append(UInt8(high >> 24))
            }
            low <<= 8
            high = high << 8 | 255
        }
        return bit
    }

    func finish() -> [UInt8]? {
        var bytes = output
        for i in 0..<4 {
            bytes.append(UInt8(truncatingIfNeeded: low >> UInt32(24 - 8 * i)) | (i == 3 ? 1 : 0))
        }
        return bytes.count <= limit ? bytes : nil
    }
}

private func mixed(_ a: UInt32, _ b: UInt32) -> UInt32 {
    var a = (a &+ 0x9e37_79b9) &* 0x85eb_ca6b
    a ^= a >> 15
    a = a &+ b &* 0xc2b2_ae35
    a ^= a >> 13
    a = a &* 0x27d4_eb2f
    return a ^ (a >> 16)
}

private func folded(_ point: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: point) ^ UInt32(point >> 32) &* 0x9e37_79b1
}

/// What lies around a point.
private struct Around {
    let w, n, nw, ne, ww, nn, nne, nee, nww, nnw, www, neee, nnn: UInt64

    init(_ rows: [[UInt64]], _ y: Int, _ x: Int, _ width: Int) {
        func at(_ up: Int, _ column: Int) -> UInt64 {
            y < up ? 0 : rows[y - up][min(max(column, 0), width - 1)]
        }
        n = at(1, x)
        nw = at(1, x - 1)
        ne = at(1, x + 1)
        nn = at(2, x)
        nne = at(2, x + 1)
        nee = at(1, x + 2)
        nww = at(1, x - 2)
        nnw = at(2, x - 1)
        neee = at(1, x + 3)
        nnn = at(3, x)
        w = x > 0 ? rows[y][x - 1] : nw
        ww = x > 1 ? rows[y][x - 2] : w
        www = x > 2 ? rows[y][x - 3] : ww
    }

    private func bits(_ flags: [Bool]) -> UInt32 {
        flags.enumerated().reduce(0) { $0 | ($1.element ? 1 : 0) << UInt32($1.offset) }
    }

    var equal: UInt32 {
        bits([
            w == n, n == nw, n == ne, w == nw, w == ww, n == nn, ne == nee, nw == nww, w == ne,
            nn == nne, ww == www,
        ])
    }

    private var left: UInt32 {
        bits([nw, n, ne, nee, nn, nne, nnw, ww, nww, www, neee, nnn].map { w == $0 })
    }

    func flagKeys(_ candidate: UInt64) -> [UInt32] {
        let (fw, fn, fnw, fne) = (folded(w), folded(n), folded(nw), folded(ne))
        let five = mixed(mixed(mixed(mixed(fw, fn), fnw), fne), folded(ww))
        let nine = [nn, nee, nww, nne].reduce(five) { mixed($0, folded($1)) }
        let far = mixed(folded(nnn), mixed(folded(www), folded(neee)))
        let all = mixed(nine, mixed(folded(nnw), far))
        return [
            mixed(0x1000, equal), mixed(0x2000, left | equal << 12),
            mixed(mixed(0x3000, fw), mixed(fn, mixed(fnw, fne))), mixed(0x4000, five),
            mixed(0x5000, nine), mixed(mixed(0x6000, fw), fn),
            mixed(mixed(0x7000, folded(candidate)), equal & 63), mixed(0x8000, all),
        ]
    }

    private func gradient(_ shift: UInt64) -> Int {
        let (west, north, corner) = (byte(w, shift), byte(n, shift), byte(nw, shift))
        return min(max(west + north - corner, min(west, north)), max(west, north))
    }

    private func byte(_ point: UInt64, _ shift: UInt64) -> Int { Int(point >> shift & 255) }

    func byteContexts(_ k: Int, _ shift: UInt64, _ found: UInt64, _ told: UInt32) -> [UInt32] {
        let (west, north) = (byte(w, shift), byte(n, shift))
        let before = Int(found & 255)
        let step = k > 0 ? before - byte(w, shift + 8) : 0
        let bend = k > 0 ? before - gradient(shift + 8) : 0
        let mean = (west + north) / 2 * 64 + min(abs(west - north) / 2, 63)
        let own = UInt32(0x200000 + k)
        func word(_ v: Int) -> UInt32 { UInt32(truncatingIfNeeded: v) }
        return [
            mixed(own, told), mixed(mixed(own + 16, told), folded(w)),
            mixed(mixed(own + 32, told), folded(n)),
            mixed(mixed(mixed(own + 48, told), folded(w)), folded(n)),
            mixed(own + 64, word(gradient(shift))),
            mixed(mixed(own + 80, word(west + step)), k > 0 ? 1 : word(byte(ne, shift))),
            mixed(own + 96, word(mean)), mixed(own + 112, word(gradient(shift) + bend)),
        ]
    }
}
