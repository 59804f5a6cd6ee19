import GAMCodec
import GAMCore
import GAMFit
import GAMFormat
import GAMTestSupport
import Testing

@Suite struct FitTests {
    @Test func energyFallsAndTheContentHashStays() throws {
        var gained = 0
        for (shape, channels) in [([200, 220], 3), ([60_000], 2), ([30, 31, 32], 1)] {
            let d = try describe(shape, channels: channels)
            let bytes = samples(d, .smooth, seed: 8)
            let (plain, records) = try stored(d, bytes)
            let better = MemoryRecords()
            let refitted = try SignalWriter(priors: .shipped).refit(
                plain, from: records, effort: 2, threads: 2, keepsBounds: false,
                into: better
            ) { _ in true }
            guard let refitted else { continue }
            gained += 1
            #expect(refitted.contentHash == plain.contentHash)
            #expect(refitted.recordBytes < plain.recordBytes)
            #expect(try read(refitted, better) == bytes)
            let rounds = refitted.energyRounds
            #expect(zip(rounds, rounds.dropFirst()).allSatisfy { $0 > $1 }, "\(rounds)")
            #expect(rounds.count > 1)
        }
        #expect(gained > 0, "no signal became smaller")
    }

    @Test func aDeltaThatBreaksTheContractIsNoDelta() throws {
        let prior = try #require(
            PriorLibrary.shipped.all.first { $0.networks.roles.count == 3 && $0.size == .small })
        let last = prior.networks.roles[2]
        // A row close below the bound, each weight half a step of 32 above a multiple: rounding goes
        // past it.
        var weights = last.weights3
        let columns = last.shape.hidden
        let each = (262_143 / columns - 16) & ~31 | 16
        for i in 0..<columns { weights[i] = Int16(each) }
        var biases = [Int32](repeating: 0, count: last.bias3.count)
        biases[0] = Int32((1 << 31) - 10_000 - each * columns * 8191)
        let target = try FieldNetwork(
            shape: last.shape, weights: [last.weights1, last.weights2, weights],
            biases: [last.bias1, last.bias2, biases])
        var flat = last.weights3
        for i in 0..<columns { flat[i] = 0 }
        let from = try FieldNetwork(
            shape: last.shape, weights: [last.weights1, last.weights2, flat],
            biases: [last.bias1, last.bias2, [Int32](repeating: 0, count: last.bias3.count)])
        let roles = Array(prior.networks.roles.prefix(2)) + [from]
        let networks = try #require(NetworkSet(domain: prior.networks.domain, roles: roles))
        let base = Prior(name: "test", size: prior.size, networks: networks)
        let change = RoleDelta(from: from, to: target, stepLog2: 5)
        let isRefused = change.applied(to: from) == nil
        #expect(isRefused, "the test's row does not pass the bound")
        let delta = NetworkDelta(prior: base.id, roles: [nil, nil, change])
        #expect(throws: FormatError.self) { try delta.applied(to: base) }
        #expect(throws: FormatError.self) {
            try NetworkDelta(prior: base.id, roles: [nil, nil]).applied(to: base)
        }
        let harmless = try NetworkDelta(prior: base.id, roles: [nil, nil, nil]).applied(to: base)
        let isSame = harmless == networks
        #expect(isSame)
    }

    @Test func fittingIsRepeatable() throws {
        let d = try describe([128, 128], channels: 3)
        let bytes = samples(d, .smooth, seed: 8)
        let (a, first) = try stored(d, bytes, effort: 1, threads: 1)
        let (b, second) = try stored(d, bytes, effort: 1, threads: 2)
        #expect(a == b)
        for id in a.recordIDs { #expect(try first.bytes(of: id) == second.bytes(of: id)) }
    }

    @Test func priorsAndDeltasSurviveTheirBytes() throws {
        for prior in PriorLibrary.shipped.all {
            #expect(try Prior(parsing: prior.serialized()) == prior)
            #expect(prior.serialized().count <= Prior.fileBytesMax)
        }
        let prior = try #require(PriorLibrary.shipped.all.first)
        var generator = SeededGenerator(seed: 1)
        let network = prior.networks.roles[0]
        let target = FloatNetwork(shape: network.shape, using: &generator).quantised()
        let role = RoleDelta(from: network, to: target, stepLog2: 4)
        let delta = NetworkDelta(
            prior: prior.id, roles: [role] + prior.networks.roles.dropFirst().map { _ in nil })
        let bytes = delta.serialized()
        let shapes = { (_: UInt64) in prior.networks.roles.map(\.shape) }
        #expect(try NetworkDelta(parsing: bytes, shapes: shapes) == delta)
        for length in 0..<bytes.count {
            #expect(throws: FormatError.self) {
                try NetworkDelta(parsing: Array(bytes.prefix(length)), shapes: shapes)
            }
        }
    }
}
