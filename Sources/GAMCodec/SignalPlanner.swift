// Chooses a signal's transform and priors by measuring a sample of it.
//
// What always holds here: the choice depends on the samples alone, never on threads or time.

import GAMCore
import GAMFormat

/// What all shards of a signal will be written with.
struct SignalPlan: Sendable {
    var transform: ColourTransform
    var networks: [NetworkSet.Domain: NetworkSet]
    var references: [NetworkSet.Domain: PriorReference]
    /// The prior of whole shards.
    var mainPrior: Prior?
    var delta: NetworkDelta?
    /// Bits per sample after each kept round.
    var energyRounds: [Double] = []
}

/// A few strips of a signal: parts of up to four shards.
struct ShardSample {
    struct Strip {
        let extents: [Int]
        let bytes: [UInt8]
    }
    let strips: [Strip]

    /// Points of a strip, at most a hundredth of the signal; at 256 columns, 32 rows.
    private static let stripPointsMax = 8192

    init(_ description: SignalDescription, _ grid: ShardGrid, _ source: some SampleSource) throws {
        var strips: [Strip] = []
        let wanted = min(4, grid.count)
        let points = min(Self.stripPointsMax, max(2048, description.pointCount / 100))
        for i in 0..<wanted {
            let index = (2 * i + 1) * grid.count / (2 * wanted)
            let box = Self.middle(of: grid.box(index), points)
            strips.append(
                Strip(extents: box.map(\.count), bytes: try description.read(box, from: source)))
        }
        self.strips = strips
    }

    /// The middle of a box, cut along its slowest axes to `stripPoints` points.
    private static func middle(of box: [Range<Int>], _ stripPoints: Int) -> [Range<Int>] {
        var part = box
        for axis in box.indices {
            let points = part.reduce(1) { $0 * $1.count }
            guard points > stripPoints, part[axis].count > 8 else { continue }
            let wanted = max(8, part[axis].count * stripPoints / points)
            let start = part[axis].lowerBound + (part[axis].count - wanted) / 2
            part[axis] = start..<start + wanted
        }
        return part
    }
}

struct SignalPlanner {
    let description: SignalDescription
    let priors: PriorLibrary
    let options: WriteOptions
    let pool: WorkerPool

    func plan(_ sample: ShardSample) -> SignalPlan {
        var plan = SignalPlan(transform: .none, networks: [:], references: [:])
        for domain in NetworkSet.Domain.allCases {
            if let prior = candidates(domain).first { use(prior, &plan) }
        }
        let domain = ShardLayout(
            extents: options.shardExtents ?? ShardGrid.defaultShard(description),
            channels: description.channels.count
        ).domain
        // Upper bits are those of the samples: a transform would mix in lower ones.
        if description.colourChannels != nil && options.lowerBits == 0 {
            plan.transform = cheapestTransform(sample)
        }
        let roles = min(3, description.channels.count)
        let all = candidates(domain)
        let fitting = all.filter { $0.networks.roles.count >= roles }
        let list = fitting.isEmpty ? all : fitting
        if let first = list.first { use(first, &plan) }
        plan.mainPrior = list.first
        if list.count > 1 {
            let prior = best(list, sample, plan) { plan, prior in use(prior, &plan) }
            use(prior, &plan)
            plan.mainPrior = prior
        }
        return plan
    }

    private func candidates(_ domain: NetworkSet.Domain) -> [Prior] {
        let all = priors.candidates(domain, options.size)
        guard let wanted = options.prior else { return all }
        let named = all.filter {
            $0.name == wanted || $0.name == "\(wanted)-\(options.size.rawValue)"
        }
        return named.isEmpty ? all : named
    }

    private func use(_ prior: Prior, _ plan: inout SignalPlan) {
        plan.networks[prior.networks.domain] = prior.networks
        plan.references[prior.networks.domain] = PriorReference(id: prior.id, name: prior.name)
    }

    /// The transform whose planes leave the smallest gradient errors: bits of |error|, summed;
    /// coding the sample with each transform would cost half as much as coding a small picture.
    /// The priors of photos know YCoCg-R, so it wins unless another one is 4 % better.
    private func cheapestTransform(_ sample: ShardSample) -> ColourTransform {
        let costs = ColourTransform.allCases.map { transform in
            let context = CodingContext(
                description: description, transform: transform, networks: [:])
            return sample.strips.reduce(0) { sum, strip in
                let layout = ShardLayout(extents: strip.extents, channels: context.channels)
                let planes = pool.with { worker in
                    strip.bytes.withUnsafeBytes { worker.planes($0, layout, context) }
                }
                return sum + gradientBits(planes, width: strip.extents.last!)
            } * (transform == .ycocg ? 96 : 100)
        }
        return ColourTransform.allCases[costs.indices.min { costs[$0] < costs[$1] }!]
    }

    private func gradientBits(_ values: [Int32], width: Int) -> Int {
        var bits = 0
        for i in min(width + 1, values.count)..<values.count {
            let (w, n, nw) = (values[i - 1], values[i - width], values[i - width - 1])
            let base = min(max(w &+ n &- nw, min(w, n)), max(w, n))
            bits += 32 - (values[i] &- base).magnitude.leadingZeroBitCount
        }
        return bits
    }

    /// The choice with the fewest bytes on the sample; the first of equals.
    private func best<T: Sendable>(
        _ choices: [T], _ sample: ShardSample, _ plan: SignalPlan,
        _ apply: (inout SignalPlan, T) -> Void
    ) -> T {
        let plans = choices.map { choice in
            var changed = plan
            apply(&changed, choice)
            return changed
        }
        let description = self.description
        let sizes = plans.map { plan in
            let context = CodingContext(
                description: description, transform: plan.transform, networks: plan.networks)
            return sample.strips.reduce(0) { sum, strip in
                sum + pool.with { $0.modelledBytes(strip.bytes, strip.extents, context) }
            }
        }
        return choices[sizes.indices.min { sizes[$0] < sizes[$1] }!]
    }
}

extension ShardWorker {
    /// Bytes the network alone would need for a strip.
    func modelledBytes(_ bytes: [UInt8], _ extents: [Int], _ context: CodingContext) -> Int {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        guard let networks = context.networks[layout.domain] else { return bytes.count }
        let planes = bytes.withUnsafeBytes { self.planes($0, layout, context) }
        let coded = coder.encode(
            planes, layout: layout, independent: context.description.independentChannels,
            networks: networks, predictors: predictors(planes, layout), overview: nil)
        return coded.trace.byteCount
    }
}
