// Prior files: trained networks as a store of weights that signals refer to.
//
// What always holds here:
// - A prior's id is the XXH3-64 of its file; a manifest that names an id can only be read with
//   exactly those weights.

import CXXHash
import GAMCore

/// Numbers of hidden units and components people choose from.
public enum NetworkSize: String, Sendable, CaseIterable {
    case small = "S"
    case medium = "M"
    case large = "L"

    public var hidden: Int {
        switch self {
        case .small: 16
        case .medium: 32
        case .large: 64
        }
    }

    public var components: Int {
        switch self {
        case .small: 1
        case .medium: 2
        case .large: 3
        }
    }

    /// The shape of a role's network in a domain.
    public func shape(_ domain: NetworkSet.Domain, role: Int) -> NetworkShape {
        NetworkShape(
            inputs: domain.inputCount(role: role), hidden: hidden, components: components)
    }
}

/// Networks trained before any signal was seen.
public struct Prior: Equatable, Sendable {
    /// For example "photo-M": what it was trained on, and its size.
    public let name: String
    public let size: NetworkSize
    public let networks: NetworkSet
    /// XXH3-64 of the file.
    public let id: UInt64

    static let magic: [UInt8] = Array("GAMP".utf8)
    public static let fileBytesMax = 64 << 10

    public init(name: String, size: NetworkSize, networks: NetworkSet) {
        self.name = name
        self.size = size
        self.networks = networks
        id = Self.id(of: Self.bytes(name, size, networks))
    }

    private static func id(of bytes: [UInt8]) -> UInt64 { XXH3_64bits(bytes, bytes.count) }

    public func serialized() -> [UInt8] { Self.bytes(name, size, networks) }

    private static func bytes(_ name: String, _ size: NetworkSize, _ networks: NetworkSet)
        -> [UInt8]
    {
        var w = ByteWriter()
        w.raw(magic)
        w.u8(1)
        w.text(name)
        w.text(size.rawValue)
        w.u8(networks.domain.rawValue)
        w.u8(UInt8(networks.roles.count))
        for network in networks.roles { write(network, to: &w) }
        return w.bytes
    }

    private static func write(_ network: FieldNetwork, to w: inout ByteWriter) {
        for weights in [network.weights1, network.weights2, network.weights3] {
            for weight in weights { w.fixed(weight) }
        }
        for biases in [network.bias1, network.bias2, network.bias3] {
            for bias in biases { w.fixed(bias) }
        }
    }

    public init(parsing bytes: [UInt8]) throws(FormatError) {
        var r = ByteReader(bytes, what: "prior")
        guard bytes.count <= Self.fileBytesMax, Array(try r.raw(4)) == Self.magic else {
            throw .malformed("prior")
        }
        let version = try r.u8()
        guard version == 1 else { throw .version("prior", found: Int(version)) }
        name = try r.text(max: 64)
        guard let size = NetworkSize(rawValue: try r.text(max: 1)),
            let domain = NetworkSet.Domain(rawValue: try r.u8())
        else { throw .malformed("prior") }
        self.size = size
        let count = Int(try r.u8())
        guard (1...3).contains(count) else { throw .malformed("prior") }
        var roles: [FieldNetwork] = []
        for role in 0..<count { roles.append(try Self.read(size.shape(domain, role: role), &r)) }
        try r.end()
        guard let set = NetworkSet(domain: domain, roles: roles) else {
            throw .malformed("prior")
        }
        networks = set
        id = Self.id(of: bytes)
    }

    private static func read(_ shape: NetworkShape, _ r: inout ByteReader)
        throws(FormatError) -> FieldNetwork
    {
        let counts = shape.partCounts
        var weights: [[Int16]] = []
        var biases: [[Int32]] = []
        for part in [0, 2, 4] {
            var values: [Int16] = []
            for _ in 0..<counts[part] { values.append(try r.fixed(Int16.self)) }
            weights.append(values)
        }
        for part in [1, 3, 5] {
            var values: [Int32] = []
            for _ in 0..<counts[part] { values.append(try r.fixed(Int32.self)) }
            biases.append(values)
        }
        do {
            return try FieldNetwork(shape: shape, weights: weights, biases: biases)
        } catch {
            throw .malformed("prior")
        }
    }
}
