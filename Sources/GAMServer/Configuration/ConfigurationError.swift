// Why a configuration cannot be used. Every text names the place: a file with its line, an
// environment variable or an option.

public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case syntax(place: String, reason: String)
    case unknownKey(place: String, key: String)
    case wrongType(place: String, key: String, expected: String)
    case outOfRange(place: String, key: String, allowed: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "configuration \(path) cannot be read: \(reason)"
        case .syntax(let place, let reason):
            "configuration \(place) is not valid TOML: \(reason)"
        case .unknownKey(let place, let key):
            "configuration \(place): unknown key \(key); gamd.toml(5) lists all keys"
        case .wrongType(let place, let key, let expected):
            "configuration \(place): \(key) must be \(expected)"
        case .outOfRange(let place, let key, let allowed):
            "configuration \(place): \(key) must be \(allowed)"
        }
    }
}
