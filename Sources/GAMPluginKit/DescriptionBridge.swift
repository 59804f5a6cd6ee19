// What always holds here:
// - Texts are cut to their C arrays with room for the NUL.

import CGAMPlugin

/// Writes `description` into the host's struct.
func fill(_ target: UnsafeMutablePointer<gam_description>, _ description: AdapterDescription) {
    var raw = gam_description()
    raw.struct_size = target.pointee.struct_size
    raw.axis_count = UInt32(description.axes.count)
    raw.channel_count = UInt32(description.channels.count)
    raw.family = description.family.rawValue
    raw.bits = UInt32(description.bits)
    raw.exactness = description.exactness.rawValue
    raw.order = UInt32(GAM_ORDER_AUTO)
    raw.samples_at = description.samplesAt
    withUnsafeMutableBytes(of: &raw.axes) { bytes in
        let axes = bytes.bindMemory(to: gam_axis.self)
        for (index, axis) in description.axes.prefix(axes.count).enumerated() {
            axes[index].extent = UInt64(axis.extent)
            axes[index].kind = axis.kind.rawValue
            axes[index].spacing = axis.spacing
            withUnsafeMutableBytes(of: &axes[index].unit) { copy(axis.unit, to: $0, limit: 16) }
        }
    }
    withUnsafeMutableBytes(of: &raw.channels) {
        $0.copyBytes(from: description.channels.prefix($0.count).map(\.rawValue))
    }
    withUnsafeMutableBytes(of: &raw.kind) { copy(description.kind, to: $0, limit: 15) }
    withUnsafeMutableBytes(of: &raw.media_type) { copy(description.mediaType, to: $0, limit: 63) }
    target.pointee = raw
}

private func copy(_ text: String, to target: UnsafeMutableRawBufferPointer, limit: Int) {
    target.copyBytes(from: text.utf8.prefix(limit))
}

extension AdapterDescription {
    /// What the host wants encoded.
    init(_ raw: gam_description) throws(AdapterError) {
        guard raw.axis_count <= UInt32(GAM_AXES_MAX),
            raw.channel_count <= UInt32(GAM_CHANNELS_MAX),
            let family = Family(rawValue: raw.family), (1...32).contains(raw.bits)
        else { throw AdapterError(.usage, "the description of the signal is not valid") }
        var axes: [AdapterAxis] = []
        withUnsafeBytes(of: raw.axes) { bytes in
            for axis in bytes.bindMemory(to: gam_axis.self).prefix(Int(raw.axis_count)) {
                let unit = withUnsafeBytes(of: axis.unit) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                axes.append(
                    AdapterAxis(
                        extent: Int(clamping: axis.extent),
                        kind: AdapterAxis.Kind(rawValue: axis.kind) ?? .space,
                        spacing: axis.spacing, unit: unit))
            }
        }
        let channels = withUnsafeBytes(of: raw.channels) {
            $0.prefix(Int(raw.channel_count)).map { AdapterChannel(rawValue: $0) ?? .other }
        }
        self.init(
            axes: axes, channels: channels, family: family, bits: Int(raw.bits),
            exactness: .samples, kind: "", mediaType: "")
    }
}
