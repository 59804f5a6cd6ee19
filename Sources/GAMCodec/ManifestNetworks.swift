// What a manifest says about networks and records, made whole.

import GAMCore
import GAMFormat

extension SignalManifest {
    public var shardCount: Int {
        ShardGrid(extents: description.extents, shardExtents: shardExtents).count
    }

    /// Order of the whole shards.
    public var order: String { fullLayout.order.name }
    public var networkSize: String { size.rawValue }
    public var transform: String { transformCode.name }
    /// Name of the prior of the whole shards.
    public var prior: String { priors[fullLayout.domain]?.name ?? "none" }

    /// Layout of a whole shard.
    var fullLayout: ShardLayout {
        ShardLayout(extents: shardExtents, channels: description.channels.count)
    }

    /// All records of this generation.
    public var recordIDs: [RecordID] {
        let grid = ShardGrid(extents: description.extents, shardExtents: shardExtents)
        var ids: [RecordID] = hasNetwork ? [.network] : []
        for index in 0..<grid.count {
            let layout = ShardLayout(
                extents: grid.box(index).map(\.count), channels: description.channels.count)
            if layout.overview != nil { ids.append(.overview(index: index)) }
            ids.append(.shard(index: index))
            if lowerBits > 0 { ids.append(.lower(index: index)) }
            if hasCells { ids.append(.cells(index: index)) }
        }
        if hasBounds {
            let count = (grid.count - 1) / SignalBounds.shardsPerRecord + 1
            ids += (0..<count).map { .bounds(index: $0) }
        }
        return ids
    }

    /// Networks by domain: priors, with the signal's own changes applied.
    func networks(_ library: PriorLibrary, _ source: some RecordSource) throws
        -> [NetworkSet.Domain: NetworkSet]
    {
        var networks: [NetworkSet.Domain: NetworkSet] = [:]
        for (domain, reference) in priors {
            guard let prior = library.prior(id: reference.id), prior.networks.domain == domain
            else {
                throw CodecError.unsupported(
                    "the prior \(reference.name) (id \(String(reference.id, radix: 16))) is not one of this program's; gamctl takes its file with --priors"
                )
            }
            networks[domain] = prior.networks
        }
        guard hasNetwork else { return networks }
        let bytes = try source.bytes(of: .network)
        do {
            let delta = try NetworkDelta(parsing: bytes) { id in
                library.prior(id: id)?.networks.roles.map(\.shape)
            }
            guard let prior = library.prior(id: delta.prior) else {
                throw FormatError.malformed("network record")
            }
            let changed = try delta.applied(to: prior)
            networks[changed.domain] = changed
        } catch let error as FormatError {
            throw CodecError.integrity(shard: 0, reason: error.description)
        }
        return networks
    }
}

extension NetworkDelta {
    /// The prior's networks with the changes: as many roles as before, each within the integer
    /// contract, or nothing.
    package func applied(to prior: Prior) throws(FormatError) -> NetworkSet {
        guard roles.count == prior.networks.roles.count else {
            throw .malformed("network record")
        }
        var changed: [FieldNetwork] = []
        for (network, role) in zip(prior.networks.roles, roles) {
            guard let result = role.map({ $0.applied(to: network) }) ?? network else {
                throw .malformed("network record")
            }
            changed.append(result)
        }
        guard let set = NetworkSet(domain: prior.networks.domain, roles: changed) else {
            throw .malformed("network record")
        }
        return set
    }
}
