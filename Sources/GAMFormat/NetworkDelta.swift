// The weights a signal changed on its prior.
//
// What always holds here:
// - A delta is multiples of one step per role: weight = prior + step * k (biases: 256 * step * k),
//   so writer and reader build the same integers.
// - Applying a delta checks the integer contract again.

import GAMCore

/// Changes of one role's network.
public struct RoleDelta: Equatable, Sendable {
    /// log2 of the step of weights in 1/4096.
    public let stepLog2: Int
    /// Multiples of the step: weights1, bias1, weights2, bias2, weights3, bias3.
    public let parts: [[Int32]]

    public init(stepLog2: Int, parts: [[Int32]]) {
        self.stepLog2 = stepLog2
        self.parts = parts
    }

    /// Nearest delta from `prior` to `target`.
    public init(from prior: FieldNetwork, to target: FieldNetwork, stepLog2: Int) {
        func multiples<T: FixedWidthInteger>(_ a: [T], _ b: [T], _ log2: Int) -> [Int32] {
            zip(a, b).map { old, new in
                let half = (Int64(1) << Int64(log2)) >> 1
                return Int32(clamping: (Int64(new) - Int64(old) + half) >> Int64(log2))
            }
        }
        self.stepLog2 = stepLog2
        parts = [
            multiples(prior.weights1, target.weights1, stepLog2),
            multiples(prior.bias1, target.bias1, stepLog2 + 8),
            multiples(prior.weights2, target.weights2, stepLog2),
            multiples(prior.bias2, target.bias2, stepLog2 + 8),
            multiples(prior.weights3, target.weights3, stepLog2),
            multiples(prior.bias3, target.bias3, stepLog2 + 8),
        ]
    }

    /// The changed network; nil if it breaks the integer contract.
    public func applied(to prior: FieldNetwork) -> FieldNetwork? {
        func weights(_ old: [Int16], _ k: [Int32]) -> [Int16] {
            zip(old, k).map { Int16(clamping: Int64($0) + Int64($1) << Int64(stepLog2)) }
        }
        func biases(_ old: [Int32], _ k: [Int32]) -> [Int32] {
            zip(old, k).map { Int32(clamping: Int64($0) + Int64($1) << Int64(stepLog2 + 8)) }
        }
        return try? FieldNetwork(
            shape: prior.shape,
            weights: [
                weights(prior.weights1, parts[0]), weights(prior.weights2, parts[2]),
                weights(prior.weights3, parts[4]),
            ],
            biases: [
                biases(prior.bias1, parts[1]), biases(prior.bias2, parts[3]),
                biases(prior.bias3, parts[5]),
            ])
    }
}

/// The network record of a signal: its changes on a prior.
public struct NetworkDelta: Equatable, Sendable {
    public let prior: UInt64
    /// One entry per role of the prior; nil where nothing changed.
    public let roles: [RoleDelta?]

    public init(prior: UInt64, roles: [RoleDelta?]) {
        self.prior = prior
        self.roles = roles
    }

    private static let magic: UInt8 = 0x4e

    public func serialized() -> [UInt8] {
        var w = ByteWriter()
        w.u8(Self.magic)
        w.u8(1)
        w.fixed(prior)
        w.u8(UInt8(roles.count))
        for role in roles {
            guard let role else {
                w.u8(0)
                continue
            }
            w.u8(UInt8(role.stepLog2) + 1)
            var bits = BitWriter()
            for part in role.parts { NumberTable.write(part.map { Int64($0) }, to: &bits) }
            w.count(bits.bytes.count)
            w.raw(bits.bytes)
        }
        w.fixed(recordHash(of: w.bytes))
        return w.bytes
    }

    /// - Parameter shapes: shapes of the prior's networks, found by its id.
    public init(
        parsing bytes: [UInt8], shapes: (UInt64) -> [NetworkShape]?
    ) throws(FormatError) {
        var r = ByteReader(bytes, what: "network record")
        guard bytes.count > 8, try r.u8() == Self.magic else { throw .malformed("network record") }
        let version = try r.u8()
        guard version == 1 else { throw .version("network record", found: Int(version)) }
        var tail = ByteReader(Array(bytes.suffix(8)), what: "network record")
        guard try tail.fixed(UInt64.self) == recordHash(of: Array(bytes.dropLast(8))) else {
            throw .checksum("network record")
        }
        prior = try r.fixed(UInt64.self)
        guard let known = shapes(prior), Int(try r.u8()) == known.count else {
            throw .malformed("network record")
        }
        var roles: [RoleDelta?] = []
        for shape in known { roles.append(try Self.readRole(&r, shape)) }
        self.roles = roles
        guard r.remaining == 8 else { throw .malformed("network record") }
    }

    private static func readRole(_ r: inout ByteReader, _ shape: NetworkShape)
        throws(FormatError) -> RoleDelta?
    {
        let step = Int(try r.u8()) - 1
        guard step >= 0 else { return nil }
        guard step <= 12 else { throw .malformed("network record") }
        let length = try r.count(max: 1 << 20)
        var bits = BitReader(try r.raw(length), what: "network record")
        var parts: [[Int32]] = []
        for count in shape.partCounts {
            parts.append(
                try NumberTable.read(count, from: &bits).map { v throws(FormatError) in
                    guard let k = Int32(exactly: v) else { throw .malformed("network record") }
                    return k
                })
        }
        return RoleDelta(stepLog2: step, parts: parts)
    }
}

private func recordHash(of bytes: [UInt8]) -> UInt64 {
    bytes.withUnsafeBytes { recordHash($0, seed: 0) }
}
