// Figures that are read when they are asked for: of the process, the store, the catalog and the
// plugins.

import CLinux
import GAMStore
import Glibc

/// What the heap says of itself.
public struct HeapFigures: Sendable {
    /// Blocks in use.
    public var usedBytes: UInt64 = 0
    /// The rest of the pages that hold them, and pages that have just been freed.
    public var freeBytes: UInt64 = 0

    public init() {}
}

extension ServerMetrics {
    func watch(_ heap: @escaping @Sendable () -> HeapFigures) {
        registry.register("gamd_heap_bytes", "Blocks in use, and the rest of their pages.") {
            let figures = heap()
            return [
                ([("state", "used")], Double(figures.usedBytes)),
                ([("state", "free")], Double(figures.freeBytes)),
            ]
        }
    }

    /// Adds what the process, the catalog, the store and the plugins say of themselves.
    func watch(
        catalog: SignalCatalog, caches: [(name: String, cache: any CacheFigures)],
        adapters: any SignalAdapters
    ) {
        watchProcess()
        watch(adapters)
        watch(catalog.inventory)
        watchStore(catalog.store)
        registry.register("gamd_cache_hits", "Lookups a cache answered.", isCounter: true) {
            caches.map { ([("cache", $0.name)], Double($0.cache.figures.hits)) }
        }
        registry.register("gamd_cache_misses", "Lookups a cache missed.", isCounter: true) {
            caches.map { ([("cache", $0.name)], Double($0.cache.figures.misses)) }
        }
        registry.register("gamd_cache_bytes", "Memory a cache holds.") {
            caches.map { ([("cache", $0.name)], Double($0.cache.figures.bytes)) }
        }
        let quarantine = catalog.quarantine
        registry.register("gamd_quarantined_signals", "Damaged signals that are not given out.") {
            [([], Double(quarantine.count))]
        }
    }

    private func watch(_ inventory: Inventory) {
        registry.register("gamd_signals", "Signals in the store.") {
            [([], Double(inventory.totals.signals))]
        }
        registry.register("gamd_signals_raw_bytes", "Bytes of all samples, decoded.") {
            [([], Double(inventory.totals.rawBytes))]
        }
        registry.register("gamd_signals_stored_bytes", "Bytes of all signals as stored.") {
            [([], Double(inventory.totals.storedBytes))]
        }
        registry.register("gamd_stored_ratio", "Stored bytes as part of the raw bytes.") {
            let totals = inventory.totals
            let raw = Double(totals.rawBytes)
            return [([], raw > 0 ? Double(totals.storedBytes) / raw : 0)]
        }
        registry.register("gamd_prefix_signals", "Signals of a prefix with a quota.") {
            inventory.prefixTotals.map { ([("prefix", $0.prefix)], Double($0.totals.signals)) }
        }
        registry.register("gamd_prefix_stored_bytes", "Their bytes as stored.") {
            inventory.prefixTotals.map { ([("prefix", $0.prefix)], Double($0.totals.storedBytes)) }
        }
    }

    private func watch(_ adapters: any SignalAdapters) {
        func each(
            _ label: String, _ help: String, isCounter: Bool = false,
            _ value: @escaping @Sendable (AdapterFigures) -> Int
        ) {
            registry.register(label, help, isCounter: isCounter) {
                adapters.figures().map { ([("plugin", $0.id)], Double(value($0))) }
            }
        }
        each("gamd_plugin_files", "Files decoded or encoded.", isCounter: true) { $0.files }
        each(
            "gamd_plugin_breaches", "Crashes, time-outs and broken contracts of a plugin.",
            isCounter: true
        ) { $0.faults }
        each("gamd_plugin_quarantined", "1 while a plugin is put aside for its faults.") {
            $0.isQuarantined ? 1 : 0
        }
        each("gamd_plugin_workers_started", "Worker processes started.", isCounter: true) {
            $0.workersStarted
        }
        each("gamd_plugin_workers_busy", "Workers with a file.") { $0.workersBusy }
        each("gamd_plugin_workers_idle", "Workers kept ready.") { $0.workersIdle }
    }

    private func watchStore(_ store: any ShardStore) {
        registry.register("gamd_store_size_bytes", "Bytes of the store on disk, by use.") {
            guard let size = try? store.size() else { return [] }
            let dead = min(size.deadBytes, size.bytes)
            return [
                ([("use", "live")], Double(size.bytes - dead)), ([("use", "dead")], Double(dead)),
            ]
        }
        guard let watched = store as? any StoreFigures else { return }
        registry.register(
            "gamd_store_stalls", "Times RocksDB slowed or stopped writes.", isCounter: true
        ) {
            [([], Double(watched.figures().writeStalls))]
        }
        registry.register(
            "gamd_store_background_errors", "Errors of RocksDB in the background.", isCounter: true
        ) {
            [([], Double(watched.figures().backgroundErrors))]
        }
        registry.register("gamd_store_writes_stopped", "1 while RocksDB takes no writes.") {
            [([], watched.figures().isWriteStopped ? 1 : 0)]
        }
        registry.register(
            "gamd_store_pending_compaction_bytes", "Bytes RocksDB has yet to compact."
        ) {
            [([], Double(watched.figures().pendingCompactionBytes))]
        }
        registry.register("gamd_store_block_cache_bytes", "Memory of the store's own cache.") {
            [([], Double(watched.figures().blockCacheBytes))]
        }
    }

    private func watchProcess() {
        registry.register("process_resident_memory_bytes", "Resident memory.") {
            [([], Double(ProcessFigures.residentBytes()))]
        }
        registry.register("process_open_fds", "Open descriptors.") {
            [([], Double(ProcessFigures.openDescriptors()))]
        }
        registry.register("process_threads", "Threads.") {
            [([], Double(ProcessFigures.threads()))]
        }
        registry.register("process_cpu_seconds", "Processor time used.", isCounter: true) {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
            let micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
            return [([], Double(seconds) + Double(micros) / 1e6)]
        }
        let start = Double(unixMilliseconds()) / 1000
        registry.register("process_start_time_seconds", "When the daemon started.") {
            [([], start)]
        }
    }
}

/// What /proc says of this process.
enum ProcessFigures {
    static func residentBytes() -> Int {
        let pages = text("/proc/self/statm").split(separator: " ").dropFirst().first
        return (pages.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    static func openDescriptors() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = -1  // the descriptor of the folder itself
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
        }
        return count
    }

    static func threads() -> Int {
        // "... Threads:\tN": the 20th field of stat counts threads, after the name in brackets.
        let fields = text("/proc/self/stat").split(separator: ")").last?.split(separator: " ")
        return fields.flatMap { $0.count > 17 ? Int($0[17]) : nil } ?? 0
    }

    private static func text(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }
}
