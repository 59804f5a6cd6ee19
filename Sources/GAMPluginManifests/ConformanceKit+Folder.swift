// What always holds here: the kit sees the plugins of one folder and of no other.

import GAMPluginHost

extension PluginIsolation {
    /// A plugin under test is the only one, and may fall a thousand times.
    fileprivate var restartingAtOnce: PluginIsolation {
        guard case .workers(var options) = self else { return self }
        options.restartMilliseconds = 0
        return .workers(options)
    }
}

extension ConformanceKit {
    /// - Parameter folder: with the manifest and the library of one plugin.
    /// - Parameter id: which one, where there are several.
    public init(
        folder: String, id: String?, corpus: [CorpusFile], isolation: PluginIsolation,
        seconds: UInt64 = 10
    ) throws(PluginError) {
        let registry = PluginRegistry(
            manifestFolders: [folder], libraryFolders: [folder],
            isolation: isolation.restartingAtOnce, quarantine: Self.lenient)
        try self.init(
            registry: registry, folder: folder, id: id, corpus: corpus, seconds: seconds)
    }
}
