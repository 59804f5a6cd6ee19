// The checks on what a plugin must survive.

import GAMCore
import Glibc

extension ConformanceKit {
    /// Files up to this size are cut at every byte.
    private static let everyByteMax = 4096
    private static let cutsMax = 512
    private static let woundsMax = 400

    func checkCuts(_ check: inout ConformanceCheck) {
        var refused = 0
        for file in corpus {
            let count = file.bytes.count
            let cuts =
                count <= Self.everyByteMax
                ? Array(0..<count) : (0..<Self.cutsMax).map { count * $0 / Self.cutsMax }
            for cut in cuts {
                let error = refusal(&check, "\(file.name) cut to \(cut) bytes") {
                    () throws(PluginError) in
                    _ = try plugin.decode(Array(file.bytes[..<cut]), file.name)
                }
                if error != nil { refused += 1 }
            }
        }
        check.notes.append("\(refused) of \(check.cases) were refused")
    }

    func checkDamage(_ check: inout ConformanceCheck) {
        var refused = 0
        var state: UInt64 = 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for file in corpus where !file.bytes.isEmpty {
            for wound in 0..<Self.woundsMax {
                var bytes = file.bytes
                // Half of the wounds near the start, where headers are.
                let reach = wound % 2 == 0 ? min(bytes.count, 512) : bytes.count
                for _ in 0...(wound % 3) {
                    bytes[random(reach)] = [0, 0xFF, 0x7F, 0x80, UInt8(random(256))][random(5)]
                }
                let error = refusal(&check, "\(file.name), wound \(wound)") {
                    () throws(PluginError) in
                    _ = try plugin.decode(bytes, file.name)
                }
                if error != nil { refused += 1 }
            }
        }
        check.notes.append("\(refused) of \(check.cases) were refused")
    }

    func checkLimits(_ check: inout ConformanceCheck) {
        for file in corpus {
            guard let signal = try? plugin.decode(file.bytes, file.name) else { continue }
            let metadata = signal.metadata.reduce(0) { $0 + $1.bytes.count }
            var tight = plugin.limits
            tight.samplesMax = UInt64(signal.description.sampleCount) - 1
            expectLimit(&check, file, tight, "one sample fewer than the file has")
            tight = plugin.limits
            tight.channelsMax = UInt64(signal.description.channels.count) - 1
            expectLimit(&check, file, tight, "one channel fewer than the file has")
            if metadata > 0 {
                tight = plugin.limits
                tight.metadataBytesMax = UInt64(metadata) - 1
                expectLimit(&check, file, tight, "one byte of metadata fewer than the file has")
            }
            tight = plugin.limits
            tight.memoryBytesMax = 1 << 16
            _ = refusal(&check, "\(file.name) in 64 KiB of memory") { () throws(PluginError) in
                _ = try plugin.decode(file.bytes, file.name, limits: tight)
            }
            checkOutputLimit(&check, file, signal)
        }
    }

    private func expectLimit(
        _ check: inout ConformanceCheck, _ file: CorpusFile, _ limits: PluginLimits, _ what: String
    ) {
        let error = refusal(&check, "\(file.name), \(what)") { () throws(PluginError) in
            _ = try plugin.decode(file.bytes, file.name, limits: limits)
        }
        guard let error else {
            check.fail("\(file.name) was decoded with a limit of \(what)")
            return
        }
        if case .limit = error { return }
        if !error.isBreach { check.fail("\(file.name), \(what): not a limit but \(error)") }
    }

    private func checkOutputLimit(
        _ check: inout ConformanceCheck, _ file: CorpusFile, _ signal: WholeSignal
    ) {
        guard let bytes = try? plugin.encode(signal, file.name), !bytes.isEmpty else { return }
        var tight = plugin.limits
        tight.outputBytesMax = UInt64(bytes.count) - 1
        let error = refusal(&check, "\(file.name), one byte of output fewer") {
            () throws(PluginError) in
            _ = try plugin.encode(signal, file.name, limits: tight)
        }
        if error == nil { check.fail("\(file.name) was written beyond its limit") }
    }

    func checkAbandoned(_ check: inout ConformanceCheck) {
        for file in corpus {
            _ = refusal(&check, file.name) { () throws(PluginError) in
                let scratch = try ScratchFile(file.bytes, plugin.adapter.id)
                let whole = try plugin.decode(file.bytes, file.name)
                do {
                    let session = try plugin.adapter.decode(
                        descriptor: scratch.descriptor, fileName: file.name,
                        limits: plugin.limits)
                    var few = [UInt8](repeating: 0, count: min(64, whole.samples.count))
                    _ = try few.withUnsafeMutableBytes { bytes in
                        Result { () throws(PluginError) in try session.read(into: bytes) }
                    }.get()
                }
                do {
                    let target = try ScratchFile([], plugin.adapter.id)
                    _ = try plugin.adapter.encode(
                        description: whole.description, metadata: whole.metadata,
                        descriptor: target.descriptor, limits: plugin.limits)
                }
                guard try plugin.decode(file.bytes, file.name) == whole else {
                    throw .fault(plugin: plugin.adapter.id, reason: "the next session differs")
                }
            }
        }
    }

    func checkOptions(_ check: inout ConformanceCheck) {
        let parameters = plugin.adapter.parameters
        check.cases = parameters.count
        for parameter in parameters where parameter.name.isEmpty || parameter.help.isEmpty {
            check.fail("option '\(parameter.name)' has no name or no help text")
        }
        guard let file = corpus.first else { return }
        let error = refusal(&check, "an unknown option") { () throws(PluginError) in
            _ = try plugin.decode(file.bytes, file.name, options: ["no-such-option": "1"])
        }
        guard case .usage = error else {
            check.fail("an unknown option is not refused")
            return
        }
    }
}
