// What always holds here: reading manifests runs no code of a plugin; of two with one id the first
// counts and the second is a problem.

import GAMPluginHost

extension PluginRegistry {
    /// Reads every `*.toml` of `manifestFolders`; folders that do not exist are passed over.
    public convenience init(
        manifestFolders: [String], libraryFolders: [String] = [],
        isolation: PluginIsolation = .workers(WorkerOptions()),
        quarantine: QuarantineRule = QuarantineRule()
    ) {
        self.init(
            FoundManifests(folders: manifestFolders), libraryFolders: libraryFolders,
            isolation: isolation, quarantine: quarantine)
    }

    /// A registry whose workers come from `start`.
    package convenience init(
        manifestFolders: [String], libraryFolders: [String], quarantine: QuarantineRule,
        start: @escaping WorkerStarter
    ) {
        self.init(
            FoundManifests(folders: manifestFolders), libraryFolders: libraryFolders,
            quarantine: quarantine, start: start)
    }
}

extension FoundManifests {
    init(folders: [String]) {
        self.init()
        for folder in folders {
            for name in FileBytes.names(in: folder, suffix: ".toml") {
                do throws(PluginError) {
                    try add(folder + "/" + name, in: folder)
                } catch {
                    problems.append(error)
                }
            }
        }
    }

    private mutating func add(_ path: String, in folder: String) throws(PluginError) {
        let manifest = try PluginManifest(text: try FileBytes.text(of: path), path: path)
        guard usable[manifest.id] == nil else {
            throw .manifest(
                path: path, reason: "another manifest already has id '\(manifest.id)'")
        }
        usable[manifest.id] = (manifest, folder)
    }
}
