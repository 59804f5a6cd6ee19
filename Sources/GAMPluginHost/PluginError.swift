// What always holds here:
// - Every failure of a plugin reaches the caller as one of these cases; the text says what failed,
//   on what, and what to do. Which exit code or wire status follows is decided by the caller.

/// Why a plugin could not be listed, loaded, or could not do what it was asked.
public enum PluginError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is damaged, cut off, or not what it says it is.
    case badInput(plugin: String, file: String, reason: String)
    /// A valid file of a kind that cannot be kept exactly.
    case unsupported(plugin: String, file: String, reason: String)
    /// The file or its metadata are larger than the limits allow.
    case limit(plugin: String, file: String, reason: String)
    /// An option or a description makes no sense to the adapter.
    case usage(plugin: String, reason: String)
    /// No plugin recognizes the file.
    case noAdapter(file: String)
    /// No plugin has this id.
    case unknownPlugin(id: String)
    /// Reading the input or writing the output failed.
    case inputOutput(plugin: String, file: String, reason: String)
    /// Memory is short.
    case outOfMemory(plugin: String, reason: String)
    /// The adapter broke its contract.
    case fault(plugin: String, reason: String)
    /// The library is missing or speaks another ABI.
    case incompatible(plugin: String, reason: String)
    /// A manifest cannot be read or is not valid.
    case manifest(path: String, reason: String)

    public var description: String {
        switch self {
        case .badInput(let plugin, let file, let reason):
            "\(named(file)): not readable by the \(plugin) adapter: \(reason)"
        case .unsupported(let plugin, let file, let reason):
            "\(named(file)): not supported by the \(plugin) adapter: \(reason)"
        case .limit(let plugin, let file, let reason):
            "\(named(file)): too large for the \(plugin) adapter: \(reason)"
        case .usage(let plugin, let reason):
            "the \(plugin) adapter refuses the request: \(reason)"
        case .noAdapter(let file):
            "\(named(file)): no plugin recognizes this file; see the plugin list, or name an adapter"
        case .unknownPlugin(let id):
            "there is no plugin '\(id)'; see the plugin list"
        case .inputOutput(let plugin, let file, let reason):
            "\(named(file)): input or output failed in the \(plugin) adapter: \(reason)"
        case .outOfMemory(let plugin, let reason):
            "the \(plugin) adapter is short of memory: \(reason)"
        case .fault(let plugin, let reason):
            "the \(plugin) adapter has a fault: \(reason); report it to its author"
        case .incompatible(let plugin, let reason):
            "plugin '\(plugin)' cannot be used: \(reason)"
        case .manifest(let path, let reason):
            "plugin manifest \(path) is not valid: \(reason)"
        }
    }

    private func named(_ file: String) -> String { file.isEmpty ? "the input" : file }
}
