// The checks that need files: what an author says is good must come back.

import CGAMPlugin
import GAMCore

extension ConformanceKit {
    func checkIdentity(_ check: inout ConformanceCheck) {
        check.cases = 1
        let adapter = plugin.adapter
        if adapter.codeVersion != adapter.manifest.version {
            check.fail(
                "the manifest says version \(adapter.manifest.version), the code"
                    + " \(adapter.codeVersion)")
        }
        if adapter.kitVersion.isEmpty { check.fail("sdk_version is empty") }
    }

    func checkDetection(_ check: inout ConformanceCheck) {
        for file in corpus {
            _ = refusal(&check, file.name) { () throws(PluginError) in
                let scratch = try ScratchFile(file.bytes, plugin.adapter.id)
                let found = try registry.detect(
                    descriptor: scratch.descriptor, fileName: file.name)
                guard found.id == plugin.adapter.id else {
                    throw .fault(plugin: found.id, reason: "it was chosen instead")
                }
                let confidence = try plugin.adapter.probe(
                    head: Array(file.bytes.prefix(MagicPattern.headBytes)),
                    size: UInt64(file.bytes.count), fileName: file.name)
                guard (1...100).contains(confidence) else {
                    throw .fault(plugin: found.id, reason: "its probe answers \(confidence)")
                }
            }
        }
        noteEmptyCorpus(&check)
    }

    private func noteEmptyCorpus(_ check: inout ConformanceCheck) {
        if corpus.isEmpty { check.fail("there is no file to try; name some with --corpus") }
    }

    func checkCorpus(_ check: inout ConformanceCheck) {
        for file in corpus {
            check.cases += 1
            do throws(PluginError) {
                let signal = try plugin.decode(file.bytes, file.name)
                let again = try plugin.encode(signal, file.name)
                if let difference = try difference(file, signal, again) {
                    check.fail("\(file.name): \(difference)")
                }
            } catch {
                check.fail("\(error)")
            }
        }
        noteEmptyCorpus(&check)
    }

    /// What is not as promised in a file that was decoded and encoded `again`; nil when all is.
    private func difference(
        _ file: CorpusFile, _ signal: WholeSignal, _ again: [UInt8]
    ) throws(PluginError) -> String? {
        if signal.exactness == .file {
            if again == file.bytes { return nil }
            let at = zip(again, file.bytes).enumerated().first { $1.0 != $1.1 }?.offset
            return "it promises the same file and gives \(again.count) bytes for"
                + " \(file.bytes.count), first difference at \(at ?? again.count)"
        }
        let second = try plugin.decode(again, file.name)
        if second.samples != signal.samples { return "other samples came back" }
        if second.description != signal.description { return "another description came back" }
        if second.kind != signal.kind { return "another kind came back" }
        if second.metadata != signal.metadata {
            return "other metadata came back: \(second.metadata.map(\.key))"
        }
        return nil
    }

    func checkDeterminism(_ check: inout ConformanceCheck) {
        for file in corpus {
            _ = refusal(&check, file.name) { () throws(PluginError) in
                let first = try plugin.decode(file.bytes, file.name)
                guard try plugin.decode(file.bytes, file.name) == first else {
                    throw .fault(plugin: plugin.adapter.id, reason: "decoding twice differs")
                }
                guard
                    try plugin.encode(first, file.name) == (try plugin.encode(first, file.name))
                else { throw .fault(plugin: plugin.adapter.id, reason: "encoding twice differs") }
            }
        }
        noteEmptyCorpus(&check)
    }

    func checkPlace(_ check: inout ConformanceCheck) {
        var places = 0
        for file in corpus {
            _ = refusal(&check, file.name) { () throws(PluginError) in
                let signal = try plugin.decode(file.bytes, file.name)
                guard signal.liesInFile else { return }
                places += 1
                let rows = try plugin.decode(file.bytes, file.name, rows: true)
                let pairs = zip(signal.samples, rows.samples)
                guard let at = pairs.enumerated().first(where: { $1.0 != $1.1 }) else { return }
                throw .fault(
                    plugin: plugin.adapter.id,
                    reason: "byte \(at.offset) of the samples is \(at.element.0) in the file and"
                        + " \(at.element.1) in what read_rows gives")
            }
        }
        if places == 0 && !corpus.isEmpty { check.notes.append("no file has samples_at") }
        noteEmptyCorpus(&check)
    }

    func checkPieces(_ check: inout ConformanceCheck) {
        for file in corpus {
            _ = refusal(&check, file.name) { () throws(PluginError) in
                let whole = try plugin.decode(file.bytes, file.name, rows: true)
                let encoded = try plugin.encode(whole, file.name)
                let row = gam_description.rows(of: whole.description).bytes
                // Very small pieces of very large files say nothing new.
                for step in [row, row * 3, 1 + row * 2] where whole.samples.count / step < 20_000 {
                    let pieces = try plugin.decode(
                        file.bytes, file.name, step: step, rows: true)
                    guard pieces == whole,
                        try plugin.encode(whole, file.name, step: step) == encoded
                    else {
                        throw .fault(
                            plugin: plugin.adapter.id, reason: "pieces of \(step) bytes differ")
                    }
                }
            }
        }
        noteEmptyCorpus(&check)
    }
}
