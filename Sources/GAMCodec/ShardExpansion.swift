// Samples with more bits than are stored: the stored value, and below it where the network thinks it lay.
//
// What always holds:
// - The upper bits of an answer are the stored value; only bits below it are estimated.
// - Without a landscape (a series, a constant shard) the middle of the value's well is given.

import GAMCore
import GAMFormat

extension ShardWorker {
    /// Canonical bytes of a shard's samples with `type.bits` bits.
    /// - Parameter bytes: the shard's canonical bytes.
    func expanded(
        _ bytes: [UInt8], extents: [Int], to type: SampleType, _ context: CodingContext
    ) -> [UInt8] {
        let layout = ShardLayout(extents: extents, channels: context.channels)
        let offsets = bytes.withUnsafeBytes { self.offsets($0, layout, context) }
        let plain = CodingContext(
            description: context.description, transform: .none, networks: [:])
        let values = bytes.withUnsafeBytes { self.planes($0, layout, plain) }
        let outer = layout.planes / context.channels
        let points = layout.pointCount / outer
        let length = points * context.channels
        var result = [UInt8](repeating: 0, count: layout.sampleCount * type.containerBytes)
        result.withUnsafeMutableBytes { out in
            var wide = [Int32](repeating: 0, count: length)
            for w in 0..<outer {
                for i in 0..<length {
                    wide[i] = Self.widened(
                        values[w * length + i], offsets[w * length + i],
                        from: context.description.sampleType, to: type)
                }
                SampleMapping.store(
                    wide, type, channels: context.channels, points: points,
                    into: out.baseAddress! + w * length * type.containerBytes)
            }
        }
        return result
    }

    /// A value of the mapping's ordered integers, `offset` wells from the middle of its own.
    private static func widened(
        _ value: Int32, _ offset: Double, from old: SampleType, to new: SampleType
    ) -> Int32 {
        let added = new.bits - old.bits
        let width = Double(Int64(1) << Int64(added))
        let inside = min(max(((offset + 0.5) * width - 0.5).rounded(), 0), width - 1)
        let stored = Int64(value) + zero(old)
        return Int32((stored << Int64(added)) + Int64(inside) - zero(new))
    }

    /// What the mapping takes from unsigned samples in containers of 4 bytes.
    private static func zero(_ type: SampleType) -> Int64 {
        type.family == .unsigned && type.containerBytes == 4 ? 1 << 31 : 0
    }

    /// Offsets of all samples in wells, [plane][point], colour transform undone.
    private func offsets(
        _ bytes: UnsafeRawBufferPointer, _ layout: ShardLayout, _ context: CodingContext
    ) -> [Double] {
        let none = [Double](repeating: 0, count: layout.sampleCount)
        guard layout.order == .wavefront, let networks = context.networks[layout.domain] else {
            return none
        }
        let planes = self.planes(bytes, layout, context)
        var fixed = [Int32](repeating: 0, count: layout.sampleCount)
        ShardCoder.overview(planes, layout: layout).withOptionalPointer { known in
            coder.wellMeans(
                planes, layout: layout, independent: context.description.independentChannels,
                networks: networks, overview: known, into: &fixed)
        }
        var offsets = fixed.map { Double($0) / 65536 }
        guard let c = context.description.colourChannels else { return offsets }
        let outer = layout.planes / context.channels
        let points = layout.pointCount / outer
        for w in 0..<outer {
            let base = w * points * context.channels
            let (r, g, b) = (
                base + c.red * points, base + c.green * points, base + c.blue * points
            )
            for i in 0..<points {
                (offsets[r + i], offsets[g + i], offsets[b + i]) = context.transform.inverted(
                    offsets[r + i], offsets[g + i], offsets[b + i])
            }
        }
        return offsets
    }
}

extension ColourTransform {
    /// The transform's inverse without its roundings, for small changes of the planes.
    fileprivate func inverted(
        _ first: Double, _ second: Double, _ third: Double
    ) -> (red: Double, green: Double, blue: Double) {
        switch self {
        case .none: return (first, second, third)
        case .subtractGreen: return (second + first, first, third + first)
        case .ycocg:
            let t = first - third / 2
            let blue = t - second / 2
            return (blue + second, third + t, blue)
        }
    }
}
