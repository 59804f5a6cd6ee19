// What always holds here:
// - Listing plugins and matching magic bytes or suffixes runs no code of a plugin.
// - Plugins run in workers unless the registry was made to trust them. A library loaded into this
//   process is loaded once and stays: C code may have left threads or handlers behind.
// - Lookup rule: a manifest names its library; it is looked for beside the manifest, then in the
//   library folders in the order given.

import Glibc
import Synchronization

/// What was read from a list of folders, by plugin id.
package struct FoundManifests: Sendable {
    package var usable: [String: (manifest: PluginManifest, folder: String)] = [:]
    package var problems: [PluginError] = []

    package init() {}
}

/// The plugins found in a list of folders.
public final class PluginRegistry: Sendable {
    /// A plugin as found, usable or not.
    public struct Entry: Sendable {
        public let manifest: PluginManifest
        /// Path of the library, nil when it was not found.
        public let libraryPath: String?
        /// "ready", or why it cannot be used.
        public let state: String
        public var isReady: Bool { state == "ready" }

        var library: LibraryIdentity? {
            libraryPath.map {
                LibraryIdentity(
                    path: $0, id: manifest.id, abiMajor: manifest.abiMajor,
                    abiMinor: manifest.abiMinor)
            }
        }
    }

    /// Sorted by id.
    public let entries: [Entry]
    /// Manifests that could not be used at all.
    public let problems: [PluginError]
    private let faults: FaultBook
    /// Nil when plugins run in this process.
    private let pool: WorkerPool?
    private let loaded = Mutex<[String: PluginLibrary]>([:])

    package convenience init(
        _ manifests: FoundManifests, libraryFolders: [String], isolation: PluginIsolation,
        quarantine: QuarantineRule
    ) {
        let pool: WorkerPool? =
            switch isolation {
            case .workers(let options): WorkerPool(options: options)
            case .inProcess: nil
            }
        self.init(manifests, libraryFolders, pool, quarantine)
    }

    /// A registry whose workers come from `start`.
    package convenience init(
        _ manifests: FoundManifests, libraryFolders: [String], quarantine: QuarantineRule,
        start: @escaping WorkerStarter
    ) {
        let pool = WorkerPool(options: WorkerOptions(), start: start)
        self.init(manifests, libraryFolders, pool, quarantine)
    }

    private init(
        _ manifests: FoundManifests, _ libraryFolders: [String], _ pool: WorkerPool?,
        _ quarantine: QuarantineRule
    ) {
        faults = FaultBook(rule: quarantine)
        self.pool = pool
        entries = manifests.usable.values
            .map { Self.entry($0.manifest, $0.folder, libraryFolders) }
            .sorted { $0.manifest.id < $1.manifest.id }
        problems = manifests.problems
    }

    private static func entry(
        _ manifest: PluginManifest, _ manifestFolder: String, _ libraryFolders: [String]
    ) -> Entry {
        let folders = [manifestFolder] + libraryFolders
        let path = folders.map { $0 + "/" + manifest.library }.first { access($0, R_OK) == 0 }
        let state =
            manifest.abiRefusal
            ?? (path == nil
                ? "library \(manifest.library) is in none of: \(folders.joined(separator: ", "))"
                : "ready")
        return Entry(manifest: manifest, libraryPath: path, state: state)
    }

    /// The state of plugin `id` at the moment: that of its entry, or why it is put aside.
    public func state(of entry: Entry) -> String {
        faults.quarantine(entry.manifest.id) ?? entry.state
    }

    /// What the workers of a plugin have done so far.
    public func figures(of id: String) -> WorkerFigures {
        var figures = pool?.figures(id) ?? WorkerFigures()
        figures.faults = faults.count(id)
        return figures
    }

    /// Runs `body`; a fault that it finds in plugin `id` counts as one of the plugin's.
    public func noting<Result>(
        faultsOf id: String, _ body: () throws -> Result
    ) throws -> Result {
        let before = faults.count(id)
        do {
            return try body()
        } catch let error as PluginError {
            // What a session has thrown is counted already.
            if faults.count(id) == before { faults.note(error) }
            if case .fault = error { pool?.dropIdle(id) }
            throw error
        }
    }

    /// The adapter of plugin `id`, loading its library the first time.
    public func adapter(id: String) throws(PluginError) -> Adapter {
        guard let entry = entries.first(where: { $0.manifest.id == id }) else {
            throw .unknownPlugin(id: id)
        }
        guard entry.isReady, let library = entry.library else {
            throw .incompatible(plugin: id, reason: entry.state)
        }
        if let reason = faults.quarantine(id) { throw .incompatible(plugin: id, reason: reason) }
        if let pool {
            let profile = try faults.noting { () throws(PluginError) in
                try pool.profile(library)
            }
            return Adapter(
                manifest: entry.manifest, host: WorkerHost(pool: pool, library: library),
                profile: profile, faults: faults)
        }
        let local = try load(library)
        return Adapter(
            manifest: entry.manifest, host: LocalHost(library: local), profile: local.profile,
            faults: faults)
    }

    /// Loading under the lock: two requests must not run one library's constructors twice.
    private func load(_ identity: LibraryIdentity) throws(PluginError) -> PluginLibrary {
        let result = loaded.withLock { libraries -> Result<PluginLibrary, PluginError> in
            if let library = libraries[identity.id] { return .success(library) }
            do throws(PluginError) {
                let library = try PluginLibrary(identity)
                libraries[identity.id] = library
                return .success(library)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Ids of the plugins whose magic bytes fit `head`, longest match first; without any, those
    /// whose suffix fits. Runs no plugin code.
    public func candidates(head: [UInt8], fileName: String) -> [String] {
        let byMagic =
            entries
            .map { (id: $0.manifest.id, bytes: $0.manifest.magicBytesMatched(head)) }
            .filter { $0.bytes > 0 }
            .sorted { $0.bytes > $1.bytes }
            .map(\.id)
        return byMagic.isEmpty
            ? entries.filter { $0.manifest.hasSuffix(of: fileName) }.map(\.manifest.id) : byMagic
    }

    /// The adapter for the file behind `descriptor`: among the candidates the one whose probe is
    /// surest; a single one is not asked. Its error then says what is wrong with the file.
    public func detect(descriptor: Int32, fileName: String) throws(PluginError) -> Adapter {
        let file = try PositionedFile(descriptor: descriptor, plugin: "gamd", name: fileName)
        let head = try file.head(MagicPattern.headBytes)
        let ids = candidates(head: head, fileName: fileName)
        // With one candidate there is nothing to choose: its own error says what is wrong.
        if ids.count == 1 { return try adapter(id: ids[0]) }
        var best: (adapter: Adapter, confidence: Int)?
        var firstError: PluginError?
        for id in ids {
            do throws(PluginError) {
                let adapter = try adapter(id: id)
                let confidence = try adapter.probe(
                    head: head, size: file.size, fileName: fileName)
                if confidence > best?.confidence ?? 0 { best = (adapter, confidence) }
            } catch {
                firstError = firstError ?? error
            }
        }
        if let best { return best.adapter }
        if let firstError { throw firstError }
        let named = entries.first { $0.manifest.hasSuffix(of: fileName) }
        guard let named else { throw .noAdapter(file: fileName) }
        return try adapter(id: named.manifest.id)
    }
}
