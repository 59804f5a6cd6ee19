// What always holds here:
// - A description from a plugin becomes a SignalDescription only through its checking init.

import CGAMPlugin
import GAMCore

/// Everything an adapter says about a signal.
struct AdapterDescription {
    let signal: SignalDescription
    let exactness: Exactness
    let order: OrderHint
    let kind: String
    let mediaType: String

    /// Checks what the plugin filled in.
    init(_ raw: gam_description, plugin: String, file: String) throws(PluginError) {
        func fault(_ reason: String) -> PluginError { .fault(plugin: plugin, reason: reason) }
        guard let exactness = Exactness(rawValue: raw.exactness),
            let order = OrderHint(rawValue: raw.order)
        else { throw fault("it described an unknown exactness or order") }
        signal = try SignalDescription(raw, plugin: plugin, file: file)
        self.exactness = exactness
        self.order = order
        kind = text(of: raw.kind)
        mediaType = text(of: raw.media_type)
        guard !kind.isEmpty else { throw fault("it described a signal without a kind") }
    }
}

extension SignalDescription {
    /// Checks a C description.
    init(_ raw: gam_description, plugin: String, file: String) throws(PluginError) {
        func fault(_ reason: String) -> PluginError { .fault(plugin: plugin, reason: reason) }
        guard raw.axis_count <= UInt32(GAM_AXES_MAX),
            raw.channel_count <= UInt32(GAM_CHANNELS_MAX)
        else { throw fault("it described \(raw.axis_count) axes, \(raw.channel_count) channels") }
        guard let family = UInt8(exactly: raw.family).flatMap(SampleType.Family.init(rawValue:))
        else { throw fault("it described an unknown sample family") }
        var axes: [Axis] = []
        for axis in bytesArray(of: raw.axes, count: Int(raw.axis_count), as: gam_axis.self) {
            axes.append(try Self.axis(axis, fault))
        }
        var channels: [ChannelMeaning] = []
        for code in bytesArray(of: raw.channels, count: Int(raw.channel_count), as: UInt8.self) {
            guard let meaning = ChannelMeaning(rawValue: code) else {
                throw fault("it described the unknown channel meaning \(code)")
            }
            channels.append(meaning)
        }
        do {
            let type = try SampleType(family: family, bits: Int(raw.bits))
            try self.init(axes: axes, channels: channels, sampleType: type)
        } catch {
            throw .unsupported(plugin: plugin, file: file, reason: "\(error)")
        }
    }

    private static func axis(
        _ raw: gam_axis, _ fault: (String) -> PluginError
    ) throws(PluginError) -> Axis {
        let unit = text(of: raw.unit)
        guard let kind = UInt8(exactly: raw.kind).flatMap(Axis.Kind.init(rawValue:)),
            let extent = Int(exactly: raw.extent), raw.spacing.isFinite, raw.spacing > 0,
            unit.utf8.count <= 16
        else { throw fault("it described an axis with a bad kind, extent, spacing or unit") }
        return Axis(extent: extent, kind: kind, spacing: raw.spacing, unit: unit)
    }
}

extension gam_description {
    /// The C form of a checked description.
    init(_ signal: SignalDescription) {
        self.init()
        struct_size = MemoryLayout<gam_description>.size
        axis_count = UInt32(signal.axes.count)
        channel_count = UInt32(signal.channels.count)
        family = UInt32(signal.sampleType.family.rawValue)
        bits = UInt32(signal.sampleType.bits)
        withUnsafeMutableBytes(of: &axes) { bytes in
            let target = bytes.bindMemory(to: gam_axis.self)
            for (index, axis) in signal.axes.enumerated() { target[index] = gam_axis(axis) }
        }
        withUnsafeMutableBytes(of: &channels) { bytes in
            bytes.copyBytes(from: signal.channels.map(\.rawValue))
        }
    }

    /// Rows and bytes of a row, as gam_plugin.h defines them.
    static func rows(of signal: SignalDescription) -> (count: UInt64, bytes: Int) {
        let pointBytes = signal.channels.count * signal.sampleType.containerBytes
        guard signal.axes.count > 1, let last = signal.axes.last else {
            return (UInt64(signal.pointCount), pointBytes)
        }
        return (UInt64(signal.pointCount / last.extent), last.extent * pointBytes)
    }
}

extension gam_axis {
    fileprivate init(_ axis: Axis) {
        self.init()
        extent = UInt64(axis.extent)
        kind = UInt32(axis.kind.rawValue)
        spacing = axis.spacing
        withUnsafeMutableBytes(of: &unit) { $0.copyBytes(from: axis.unit.utf8.prefix(16)) }
    }
}

/// The first `count` elements of a C array, which Swift sees as a tuple.
private func bytesArray<Tuple, Element>(
    of tuple: Tuple, count: Int, as type: Element.Type
) -> [Element] {
    withUnsafeBytes(of: tuple) { Array($0.bindMemory(to: type).prefix(count)) }
}

/// The NUL-terminated text of a C char array; all of it when there is no NUL.
private func text<Tuple>(of tuple: Tuple) -> String {
    withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
