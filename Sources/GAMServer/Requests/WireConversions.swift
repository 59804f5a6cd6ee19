// Between wire messages and our own types. Everything a peer sends is checked here.

import GAMCore
import GAMProtocol

extension WireReply {
    init(_ failure: Failure, key: String) {
        self.init()
        status = failure.status.rawValue
        text = String(failure.text.prefix(4_000))
        self.key = key
        last = true
    }
}

extension SignalDescription {
    /// Checks a peer's description; throws `badInput` with the reason.
    init(checking message: WireDescription) throws(Failure) {
        do {
            let axes = try message.axes.map { axis in
                guard let kind = UInt8(exactly: axis.kind).flatMap(Axis.Kind.init) else {
                    throw Failure(.badInput, "axis kind \(axis.kind) is not 0 (space) or 1 (time)")
                }
                let unit = axis.unit
                guard unit.utf8.count <= 16, axis.spacing.isFinite, axis.spacing >= 0 else {
                    throw Failure(.badInput, "an axis has a finite spacing and a unit of 16 bytes")
                }
                return Axis(
                    extent: Int(clamping: axis.extent), kind: kind,
                    spacing: axis.spacing == 0 ? 1 : axis.spacing, unit: unit)
            }
            let channels = try message.channels.map { code in
                guard let meaning = UInt8(exactly: code).flatMap(ChannelMeaning.init) else {
                    throw Failure(.badInput, "channel meaning \(code) is not known")
                }
                return meaning
            }
            guard let family = UInt8(exactly: message.family).flatMap(SampleType.Family.init)
            else { throw Failure(.badInput, "sample family \(message.family) is not known") }
            try self.init(
                axes: axes, channels: channels,
                sampleType: SampleType(family: family, bits: Int(message.bits)))
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.badInput, "these samples cannot be stored: \(error)")
        }
    }
}

extension WireDescription {
    init(_ description: SignalDescription) {
        self.init()
        axes = description.axes.map { axis in
            var message = WireAxis()
            message.extent = UInt64(axis.extent)
            message.kind = UInt32(axis.kind.rawValue)
            message.spacing = axis.spacing
            message.unit = axis.unit
            return message
        }
        channels = description.channels.map { UInt32($0.rawValue) }
        family = UInt32(description.sampleType.family.rawValue)
        bits = UInt32(description.sampleType.bits)
    }
}

extension WireStatResult {
    init(_ record: SignalRecord, energy: Bool) {
        self.init()
        let manifest = record.manifest
        let message = record.message
        key = record.key
        kind = message.kind
        description_p = WireDescription(manifest.description)
        rawBytes = UInt64(manifest.description.rawBytes)
        storedBytes = UInt64(record.storedBytes)
        fileBytes = message.fileBytes
        contentHash = manifest.contentHash.hex
        order = manifest.order
        networkSize = manifest.networkSize
        prior = manifest.prior
        effort = UInt32(clamping: manifest.effort)
        energyRounds = energy ? manifest.energyRounds : []
        shardExtents = manifest.shardExtents.map { UInt64($0) }
        shardCount = UInt64(manifest.shardCount)
        generation = message.generation
        adapter = message.adapter
        adapterVersion = message.adapterVersion
        exactness = message.exactness
        dtype = manifest.description.sampleType.name
        bits = UInt32(manifest.description.sampleType.bits)
        createdUnixMs = message.createdUnixMs
        mediaType = message.mediaType
        fileName = message.fileName
        transform = manifest.transform
        lowerBits = UInt32(manifest.lowerBits)
        hasCells_p = manifest.hasCells
    }
}
