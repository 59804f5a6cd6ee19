// Holds a plugin to its contract: docs/plugins.md lists the checks.
// What always holds: a check that could not try anything says so in a note; a fault of the plugin
// (crash, time-out, broken contract) is a failure wherever it happens.

import GAMCore
import Glibc

/// Runs every check on the plugin of one folder.
public struct ConformanceKit {
    public struct CorpusFile: Sendable {
        public let name: String
        public let bytes: [UInt8]

        public init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    let registry: PluginRegistry
    let plugin: PluginUnderTest
    let corpus: [CorpusFile]
    private let seconds: UInt64

    /// A plugin under test may fail as often as it likes.
    package static var lenient: QuarantineRule {
        var rule = QuarantineRule()
        rule.faultsMax = .max
        return rule
    }

    /// - Parameter registry: made from `folder` alone, with the rule `lenient`.
    /// - Parameter id: which plugin, where there are several.
    package init(
        registry: PluginRegistry, folder: String, id: String?, corpus: [CorpusFile],
        seconds: UInt64
    ) throws(PluginError) {
        self.registry = registry
        if let problem = registry.problems.first { throw problem }
        guard let found = id ?? registry.entries.first?.manifest.id else {
            throw .manifest(path: folder, reason: "there is no *.toml in this folder")
        }
        guard id != nil || registry.entries.count == 1 else {
            let ids = registry.entries.map(\.manifest.id).joined(separator: ", ")
            throw .manifest(path: folder, reason: "it has several plugins; choose one of: \(ids)")
        }
        let limits = PluginLimits(memoryBytesMax: 256 << 20, secondsMax: seconds)
        plugin = PluginUnderTest(adapter: try registry.adapter(id: found), limits: limits)
        self.corpus = corpus
        self.seconds = seconds
    }

    /// - Parameter progress: called with the name of each check before it runs.
    public func run(progress: (String) -> Void = { _ in }) -> ConformanceReport {
        let adapter = plugin.adapter
        var report = ConformanceReport(
            plugin: adapter.id, version: adapter.manifest.version, abi: adapter.manifest.abi,
            kit: adapter.kitVersion)
        for (name, claim, body) in checks {
            progress(name)
            var check = ConformanceCheck(name, claim)
            body(&check)
            report.checks.append(check)
        }
        return report
    }

    private typealias Body = (inout ConformanceCheck) -> Void

    private var checks: [(String, String, Body)] {
        [
            (
                "identity", "manifest and code tell the same version, and the code has a kit",
                checkIdentity
            ),
            (
                "detection", "every file of the corpus is recognized as this plugin's",
                checkDetection
            ),
            (
                "corpus", "every file of the corpus comes back as exactly as it promises",
                checkCorpus
            ),
            ("determinism", "decoding and encoding twice gives the same bytes", checkDeterminism),
            (
                "place", "samples that lie in the file are those that the adapter reads", checkPlace
            ),
            ("pieces", "samples do not depend on the size of the pieces asked for", checkPieces),
            (
                "generated",
                "arrays of every type and of odd extents come back exactly, or are refused",
                checkGenerated
            ),
            ("extremes", "the largest signals are refused or begun without harm", checkExtremes),
            (
                "truncation", "files cut off anywhere are refused or decoded, never a fault",
                checkCuts
            ),
            (
                "damage", "files with changed bytes are refused or decoded, never a fault",
                checkDamage
            ),
            ("limits", "limits on samples, metadata, memory and output hold", checkLimits),
            ("abandoned", "sessions left midway do no harm to the next one", checkAbandoned),
            ("options", "unknown options are refused, known ones have a help text", checkOptions),
        ]
    }

    /// Runs `body`; a fault is a failure, any other refusal is its own answer.
    func refusal(
        _ check: inout ConformanceCheck, _ what: String, _ body: () throws(PluginError) -> Void
    ) -> PluginError? {
        check.cases += 1
        do throws(PluginError) {
            try body()
            return nil
        } catch {
            if error.isBreach { check.fail("\(what): \(error)") }
            return error
        }
    }
}

extension PluginError {
    /// Whether it tells of a good file that is not kept, or of an option that is missing.
    var isRefusal: Bool {
        switch self {
        case .unsupported, .usage: true
        default: false
        }
    }

    /// Whether it tells of a plugin that broke its contract, or cannot be used at all.
    var isBreach: Bool {
        switch self {
        case .fault, .incompatible, .manifest, .unknownPlugin: true
        case .badInput, .unsupported, .limit, .usage, .noAdapter, .inputOutput, .outOfMemory: false
        }
    }
}
