// The checks on signals that no file was ever made of.
// What always holds: an adapter may refuse a signal it cannot write; what it writes must come back.

import GAMCore

extension ConformanceKit {
    private static let types: [(SampleType.Family, Int)] = [
        (.unsigned, 1), (.unsigned, 8), (.unsigned, 12), (.unsigned, 16), (.unsigned, 32),
        (.signed, 8), (.signed, 16), (.signed, 24), (.signed, 32), (.float, 16), (.float, 32),
    ]
    private static let shapes: [[Int]] = [
        [1], [2], [1021], [1, 1], [1, 257], [257, 1], [31, 37], [3, 5, 7], [2, 3, 4, 5],
    ]

    func checkGenerated(_ check: inout ConformanceCheck) {
        var written = 0
        for (family, bits) in Self.types {
            for extents in Self.shapes {
                for channels in [1, 2, 3] {
                    if tryGenerated(&check, family, bits, extents, channels) { written += 1 }
                }
            }
        }
        if written == 0 {
            check.notes.append("the plugin refuses every signal that does not come from its files")
        } else {
            check.notes.append("\(written) of \(check.cases) generated signals were written")
        }
    }

    /// Whether the signal was written; that it came back is checked.
    private func tryGenerated(
        _ check: inout ConformanceCheck, _ family: SampleType.Family, _ bits: Int,
        _ extents: [Int], _ channels: Int
    ) -> Bool {
        let what = "\(family) \(bits) bits, \(extents), \(channels) channels"
        var isWritten = false
        guard let signal = Self.signal(family, bits, extents, channels) else { return false }
        _ = refusal(&check, what) { () throws(PluginError) in
            let file = try plugin.encode(signal, "")
            isWritten = true
            let suffix = plugin.adapter.manifest.suffixes.first ?? ""
            let again: WholeSignal
            do throws(PluginError) {
                again = try plugin.decode(file, "generated" + suffix)
            } catch {
                // The file may need an option to be understood; that is the author's to say.
                if error.isRefusal { throw error }
                throw .fault(
                    plugin: plugin.adapter.id, reason: "it does not read what it wrote: \(error)")
            }
            guard again.samples == signal.samples else {
                throw .fault(plugin: plugin.adapter.id, reason: "other samples came back")
            }
        }
        return isWritten
    }

    /// Pseudo-random samples, all bit patterns of floats included (NaN payloads, infinities).
    static func signal(
        _ family: SampleType.Family, _ bits: Int, _ extents: [Int], _ channels: Int
    ) -> WholeSignal? {
        guard let type = try? SampleType(family: family, bits: bits),
            let description = try? SignalDescription(
                axes: extents.map { Axis(extent: $0, kind: .space) },
                channels: [ChannelMeaning](repeating: .other, count: channels), sampleType: type)
        else { return nil }
        var state = UInt64(bits * 1000 + channels)
        var samples: [UInt8] = []
        samples.reserveCapacity(description.rawBytes)
        for _ in 0..<description.sampleCount {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let word = UInt32(truncatingIfNeeded: state >> 32)
            let spare = UInt32(32 - bits)
            let value =
                family == .signed
                ? UInt32(bitPattern: Int32(bitPattern: word) >> Int32(spare)) : word >> spare
            for byte in 0..<type.containerBytes {
                samples.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)))
            }
        }
        return WholeSignal(
            description: description, samples: samples, metadata: [], kind: "array",
            mediaType: "", exactness: .samples, liesInFile: false)
    }

    func checkExtremes(_ check: inout ConformanceCheck) {
        let huge = 1 << 30
        for extents in [
            [huge], [huge, 1], [1, huge], [huge, 1024], [1 << 20, 1 << 20], [1, 1, 1, huge],
        ] {
            for (family, bits) in [(SampleType.Family.unsigned, 8), (.float, 32)] {
                let what = "\(extents) of \(bits) bits"
                guard let type = try? SampleType(family: family, bits: bits),
                    let description = try? SignalDescription(
                        axes: extents.map { Axis(extent: $0, kind: .space) }, channels: [.other],
                        sampleType: type)
                else { continue }
                _ = refusal(&check, what) { () throws(PluginError) in
                    try begin(description)
                }
            }
        }
    }

    /// Begins a file and gives it up after the first rows that fit 4 MiB.
    private func begin(_ description: SignalDescription) throws(PluginError) {
        let file = try ScratchFile([], plugin.adapter.id)
        let session = try plugin.adapter.encode(
            description: description, metadata: [], descriptor: file.descriptor,
            limits: plugin.limits)
        let rows = [UInt8](repeating: 0, count: min(description.rawBytes, 4 << 20))
        try rows.withUnsafeBytes { bytes in
            Result { () throws(PluginError) in try session.write(bytes) }
        }.get()
    }
}
