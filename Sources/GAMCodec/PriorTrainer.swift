// Trains a prior from many signals.
//
// What always holds here:
// - The same signals in the same order, options and processor give the same prior.
// - Pictures and volumes are seen as they are, mirrored and with their axes exchanged; statistics of planes
//   are blurred by 0.3, or a network of 91 pictures takes them for the names of its pictures. Seven
//   volumes are told by any blur: networks made from few signals do without (`usesStatistics`).
// - Each signal gives at most its share of the observations, so a large file counts no more than a
//   small one.

import GAMCore
import GAMFit
import GAMFormat

/// How a prior is trained.
public struct TrainOptions: Sendable {
    public var size = NetworkSize.medium
    public var domain = NetworkSet.Domain.plane
    /// Roles to train: 1 for signals of one channel, 3 for colour.
    public var roles = 3
    public var transform = ColourTransform.ycocg
    public var passes = 12.0
    public var rate: Float = 1.6e-2
    public var batch = 4096
    public var decay: Float = 0.1
    /// Whether networks learn from the statistics of planes; false leaves their weights at zero.
    public var usesStatistics = true
    /// Observations per role, over all signals.
    public var observations = 4_000_000
    public var threads = 2
    public var seed: UInt64 = 1

    public init() {}
}

/// Energy a role reached, bits per sample of its observations.
public struct TrainResult: Sendable {
    public let prior: Prior
    public let energies: [Double]
    public let counts: [Int]
}

/// Collects observations signal by signal, then fits one network per role.
public struct PriorTrainer {
    private let options: TrainOptions
    private let pool = WorkerPool(engine: .best)
    private let share: Int
    package private(set) var observations: [Observations]

    /// - Parameter signals: how many will be added, for the share of each.
    public init(options: TrainOptions, signals: Int) {
        self.options = options
        share = max(1, options.observations / max(1, signals))
        observations = (0..<options.roles).map {
            Observations(inputCount: options.domain.inputCount(role: $0))
        }
    }

    /// Adds a signal's shards; those of another domain are passed over.
    public mutating func add(_ description: SignalDescription, from source: some SampleSource)
        throws
    {
        try observe(description, source)
        guard options.domain == .causal, description.channels.count > 1 else { return }
        // The mono role learns from single channels of everything.
        let mono = try SignalDescription(
            axes: description.axes, channels: [.other], sampleType: description.sampleType)
        let one = SingleChannel(
            source: source, container: description.sampleType.containerBytes,
            channels: description.channels.count)
        try observe(mono, one)
    }

    private mutating func observe(
        _ description: SignalDescription, _ source: some SampleSource
    ) throws {
        let grid = ShardGrid(
            extents: description.extents, shardExtents: ShardGrid.defaultShard(description))
        let context = CodingContext(
            description: description, transform: options.transform, networks: [:])
        let every = max(1, description.pointCount / share)
        let shards = min(grid.count, 64)
        for i in 0..<shards {
            let box = grid.box(i * grid.count / shards)
            let layout = ShardLayout(extents: box.map(\.count), channels: context.channels)
            guard layout.domain == options.domain else { continue }
            let bytes = try description.read(box, from: source)
            let planes = pool.with { worker in
                bytes.withUnsafeBytes { worker.planes($0, layout, context) }
            }
            let turns = Turn.of(box.map(\.count), options.domain)
            for turn in turns {
                try collect(
                    turn.applied(to: planes, box.map(\.count)), layout, description,
                    every: every * turns.count)
            }
        }
    }

    private mutating func collect(
        _ planes: [Int32], _ layout: ShardLayout, _ description: SignalDescription, every: Int
    ) throws {
        let lattice = ShardCoder.overview(planes, layout: layout)
        if let lattice, let coarse = layout.overview {
            collect(lattice, coarse, nil, description, every: max(1, every / 4))
        }
        collect(planes, layout, lattice, description, every: every)
    }

    private mutating func collect(
        _ planes: [Int32], _ layout: ShardLayout, _ overview: [Int32]?,
        _ description: SignalDescription, every: Int
    ) {
        var fresh = observations.map { Observations(inputCount: $0.inputCount, every: every) }
        pool.with { worker in
            let predictors = worker.predictors(planes, layout)
            overview.withOptionalPointer { known in
                worker.coder.observe(
                    planes, layout: layout, independent: description.independentChannels,
                    rolesMax: options.roles - 1, predictors: predictors, overview: known,
                    into: &fresh)
            }
        }
        for role in observations.indices { observations[role].append(fresh[role]) }
    }

    /// Fits the networks.
    /// - Parameter progress: told role and done fraction.
    public mutating func train(name: String, progress: @Sendable (Int, Double) -> Void) throws
        -> TrainResult
    {
        let networks = ResultSlots([FieldNetwork?](repeating: nil, count: options.roles))
        let energies = ResultSlots([Double](repeating: 0, count: options.roles))
        let options = self.options
        var generator = SeededGenerator(seed: options.seed)
        if options.domain != .causal {
            for role in observations.indices {
                if options.usesStatistics {
                    observations[role].blurStatistics { generator.noise(deviation: 80) }
                } else {
                    observations[role].clearStatistics()
                }
            }
        }
        let observations = self.observations
        // The largest roles first, so that threads end together.
        let order = (0..<options.roles).sorted {
            observations[$0].count * observations[$0].inputCount
                > observations[$1].count * observations[$1].inputCount
        }
        try parallel(options.roles, threads: options.threads) { i in
            let role = order[i]
            var generator = SeededGenerator(seed: options.seed &* 1000 &+ UInt64(role))
            var network = FloatNetwork(
                shape: options.size.shape(options.domain, role: role), using: &generator)
            if options.domain != .causal { network.forgetLastInputs(PlaneStatistics.count) }
            var fitter = Fitter(network)
            let schedule = FitSchedule(
                passes: options.passes, rate: options.rate, batch: options.batch,
                seed: options.seed, decay: options.decay, memory: 0.98)
            energies.set(
                role,
                fitter.fit(observations[role], schedule) {
                    progress(role, $0)
                    return true
                })
            networks.set(role, fitter.network.quantised())
        }
        guard let set = NetworkSet(domain: options.domain, roles: networks.all.compactMap { $0 })
        else { preconditionFailure("every role was fitted") }
        return TrainResult(
            prior: Prior(name: name, size: options.size, networks: set), energies: energies.all,
            counts: observations.map(\.count))
    }
}

/// A way to look at a picture or volume: axes exchanged, then some of them mirrored.
private struct Turn {
    /// Source axis of each axis.
    let axes: [Int]
    let mirrored: [Bool]

    /// Those that keep the extents of a shard.
    static func of(_ extents: [Int], _ domain: NetworkSet.Domain) -> [Turn] {
        let same = Array(0..<extents.count)
        let none = Turn(axes: same, mirrored: same.map { _ in false })
        guard domain != .causal, extents.count == 2 || extents.count == 3 else { return [none] }
        let mirrors = same.map { axis in Turn(axes: same, mirrored: same.map { $0 == axis }) }
        guard Set(extents).count == 1 else { return [none] + mirrors }
        if extents.count == 2 {
            return [none] + mirrors + [Turn(axes: [1, 0], mirrored: [false, false])]
        }
        let orders = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        return [none] + mirrors
            + orders.enumerated().map { number, axes in
                Turn(axes: axes, mirrored: same.map { (number + 1) >> $0 & 1 == 1 })
            }
    }

    /// - Parameter planes: [plane][extents...].
    func applied(to planes: [Int32], _ extents: [Int]) -> [Int32] {
        guard axes != Array(axes.indices) || mirrored.contains(true) else { return planes }
        let points = extents.reduce(1, *)
        var strides = extents.map { _ in 1 }
        for axis in extents.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * extents[axis + 1]
        }
        var from = [Int](repeating: 0, count: points)
        for i in 0..<points {
            var (rest, source) = (i, 0)
            for axis in extents.indices {
                let at = rest / strides[axis]
                rest %= strides[axis]
                source += (mirrored[axis] ? extents[axis] - 1 - at : at) * strides[axes[axis]]
            }
            from[i] = source
        }
        return stride(from: 0, to: planes.count, by: points).flatMap { start in
            from.map { planes[start + $0] }
        }
    }
}

/// The first channel of a signal as a signal of its own.
private struct SingleChannel<Source: SampleSource>: SampleSource {
    let source: Source
    let container: Int
    let channels: Int

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let points = buffer.count / container
        let stride = container * channels
        var bytes = [UInt8](repeating: 0, count: points * stride)
        try bytes.withUnsafeMutableBytes {
            try source.read(at: offset / container * stride, into: $0)
        }
        for i in 0..<points {
            for k in 0..<container { buffer[i * container + k] = bytes[i * stride + k] }
        }
    }
}
