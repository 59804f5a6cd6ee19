// Fits a signal's networks: float steps propose, the integer energy decides.
//
// What always holds here:
// - V = bits of the sampled shards under the integer networks + bits of the delta. A round is kept
//   only if V fell; energyRounds never rises. A shard that another kind of record keeps in fewer bits
//   counts with those: on screens a delta that helped nobody made files 19 % larger before.
// - The first round must save half a percent: less may be the sample's own (Kodak at effort 1).
// - The result depends on the samples and the effort alone. Below effort 5 the first kept round ends
//   the fit.
//
// All weights move unless the signal is too small to pay for their delta (below 100,000 samples: last
// layer and biases). Several delta steps are tried and V decides. A refused round is tried again with a
// quarter of the step. Three Kodak pictures at effort 2: one round at 6e-3 gives 1,235,047 bytes in
// 3.7 s per million samples, two at 1.5e-3 and 5e-4 gave 1,256,885 in 4.4 s; decay towards the prior,
// other batches and memories of Adam changed less than 0.2 %.

import GAMCore
import GAMFit
import GAMFormat

struct SignalFitter {
    let description: SignalDescription
    let pool: WorkerPool
    let options: WriteOptions

    /// Shards that are measured and observed at most.
    private var shardsMax: Int { 4 + 4 * options.effort }
    /// Observations per role at most.
    private var observationsMax: Int { 150_000 * options.effort }
    private var passes: Double { 2 + 1.5 * Double(options.effort) }
    private static let rounds = 3
    private static let firstRoundMost = 0.995

    /// One measured shard.
    private struct Piece: Sendable {
        let layout: ShardLayout
        let planes: [Int32]
        let overview: [Int32]?
        let predictors: PredictorBank
        let plain: PlainCosts
    }

    func fit(
        _ plan: SignalPlan, _ grid: ShardGrid, _ source: some SampleSource,
        _ progress: @Sendable (Double) -> Bool
    ) throws -> SignalPlan {
        guard let prior = plan.mainPrior else { return plan }
        let pieces = try self.pieces(plan, grid, source, prior.networks.domain)
        guard !pieces.isEmpty else { return plan }
        let share =
            Double(pieces.reduce(0) { $0 + $1.layout.sampleCount })
            / Double(description.sampleCount)
        let observations = observe(pieces, prior)
        var best = Candidate(
            networks: prior.networks, delta: nil,
            bits: try energy(pieces, prior.networks, share) { progress(0) })
        var rounds = [best.bits / Double(description.sampleCount)]
        let scope: FitScope = description.sampleCount < 100_000 ? .outputs : .everything
        var start = prior.networks
        var rate: Float = 6e-3
        for round in 0..<Self.rounds {
            let proposal = try self.proposal(start, observations, scope, rate, round) {
                progress((Double(round) + $0) / Double(Self.rounds))
            }
            let needed = rounds.count == 1 ? best.bits * Self.firstRoundMost : best.bits
            let candidate = try quantise(proposal, prior, pieces, share) {
                progress(Double(round + 1) / Double(Self.rounds))
            }
            guard let candidate, candidate.bits < needed else {
                rate /= 4
                continue
            }
            best = candidate
            start = proposal
            rounds.append(best.bits / Double(description.sampleCount))
            guard options.effort >= 5 else { break }
            rate /= 4
        }
        var fitted = plan
        fitted.energyRounds = rounds
        if let delta = best.delta {
            fitted.delta = delta
            fitted.networks[best.networks.domain] = best.networks
        }
        return fitted
    }

    private struct Candidate {
        let networks: NetworkSet
        let delta: NetworkDelta?
        /// V of the whole signal.
        let bits: Double
    }

    // MARK: pieces

    private func pieces(
        _ plan: SignalPlan, _ grid: ShardGrid, _ source: some SampleSource,
        _ domain: NetworkSet.Domain
    ) throws -> [Piece] {
        let context = CodingContext(
            description: description, transform: plan.transform, networks: plan.networks)
        let wanted = min(shardsMax, grid.count)
        var pieces: [Piece] = []
        for i in 0..<wanted {
            let box = grid.box((2 * i + 1) * grid.count / (2 * wanted))
            let layout = ShardLayout(extents: box.map(\.count), channels: context.channels)
            guard layout.domain == domain else { continue }
            let bytes = try description.read(box, from: source)
            pieces.append(
                pool.with { worker in
                    let planes = bytes.withUnsafeBytes { worker.planes($0, layout, context) }
                    return Piece(
                        layout: layout, planes: planes,
                        overview: ShardCoder.overview(planes, layout: layout),
                        predictors: worker.predictors(planes, layout),
                        plain: bytes.withUnsafeBytes {
                            worker.plainCosts($0, layout, context)
                        })
                })
        }
        return pieces
    }

    private func observe(_ pieces: [Piece], _ prior: Prior) -> [Observations] {
        let roles = prior.networks.roles
        let planes = pieces.reduce(0) { $0 + $1.layout.sampleCount }
        let every = max(1, planes / max(1, description.channels.count) / observationsMax)
        var observations = roles.map { Observations(inputCount: $0.shape.inputs, every: every) }
        for piece in pieces {
            var fresh = roles.map { Observations(inputCount: $0.shape.inputs, every: every) }
            pool.with { worker in
                piece.overview.withOptionalPointer { known in
                    worker.coder.observe(
                        piece.planes, layout: piece.layout,
                        independent: description.independentChannels, rolesMax: roles.count - 1,
                        predictors: piece.predictors, overview: known, into: &fresh)
                }
            }
            for role in roles.indices { observations[role].append(fresh[role]) }
        }
        return observations
    }

    // MARK: proposals

    private func proposal(
        _ start: NetworkSet, _ observations: [Observations], _ scope: FitScope, _ rate: Float,
        _ round: Int, _ progress: @Sendable (Double) -> Bool
    ) throws -> NetworkSet {
        let passes = self.passes
        let count = Double(start.roles.count)
        let results = ResultSlots(start.roles)
        try parallel(start.roles.count, threads: options.threads) { role in
            guard observations[role].count > 0 else { return }
            var fitter = Fitter(FloatNetwork(start.roles[role]), level: options.engine.level)
            let batch = observations[role].count < 100_000 ? 256 : 512
            var goesOn = true
            fitter.fit(
                observations[role],
                FitSchedule(
                    passes: passes, rate: rate, scope: scope, batch: batch,
                    seed: UInt64(role + 10 * round))
            ) {
                goesOn = progress((Double(role) + $0) / count)
                return goesOn
            }
            guard goesOn else { throw CodecError.cancelled }
            results.set(role, fitter.network.quantised())
        }
        guard let set = NetworkSet(domain: start.domain, roles: results.all) else {
            preconditionFailure("fitting keeps shapes")
        }
        return set
    }

    /// The delta step with the smallest V.
    private func quantise(
        _ proposal: NetworkSet, _ prior: Prior, _ pieces: [Piece], _ share: Double,
        _ goesOn: @Sendable () -> Bool
    ) throws -> Candidate? {
        var best: Candidate?
        for step in [5, 6, 4, 7] {
            let deltas = zip(prior.networks.roles, proposal.roles).map { old, new in
                old == new ? nil : RoleDelta(from: old, to: new, stepLog2: step)
            }
            let delta = NetworkDelta(prior: prior.id, roles: deltas)
            // Rounding to the step may break the integer contract: then no reader would take it.
            guard let set = try? delta.applied(to: prior) else { continue }
            let deltaBits = Double(delta.serialized().count * 8)
            let bits = try energy(pieces, set, share, goesOn) + deltaBits
            if bits < best?.bits ?? .infinity {
                best = Candidate(networks: set, delta: delta, bits: bits)
            } else if best != nil && step != 6 {
                break
            }
        }
        return best
    }

    /// Bits of the whole signal, from the measured share of it.
    private func energy(
        _ pieces: [Piece], _ networks: NetworkSet, _ share: Double, _ goesOn: @Sendable () -> Bool
    ) throws -> Double {
        let sums = ResultSlots([Int](repeating: 0, count: pieces.count))
        try parallel(pieces.count, threads: options.threads) { i in
            guard goesOn() else { throw CodecError.cancelled }
            let piece = pieces[i]
            let bytes = pool.with { worker in
                piece.overview.withOptionalPointer { known in
                    worker.coder.encode(
                        piece.planes, layout: piece.layout,
                        independent: description.independentChannels, networks: networks,
                        predictors: piece.predictors, overview: known
                    ).trace.byteCount
                }
            }
            sums.set(i, piece.plain.kept(besides: bytes))
        }
        return Double(sums.all.reduce(0, +) * 8) / share
    }
}
