// Where the daemon listens, when nobody says.

import Glibc

public enum SocketPath {
    public static let system = "/run/gamd/gamd.sock"

    /// The given path, else GAMD_SOCKET, else the system's socket, else that of the user's session
    /// if only that exists.
    public static func find(_ given: String?) -> String {
        if let given { return given }
        if let path = variable("GAMD_SOCKET") { return path }
        guard access(system, F_OK) != 0, let folder = variable("XDG_RUNTIME_DIR") else {
            return system
        }
        let own = folder + "/gamd/gamd.sock"
        return access(own, F_OK) == 0 ? own : system
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
