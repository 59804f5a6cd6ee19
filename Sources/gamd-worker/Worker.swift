// gamd-worker: the process in which one plugin runs. gamd and gamctl start it; it serves the socket
// it finds as descriptor 3 and takes the id of its parent as its only argument.
// What always holds: it dies with its parent, and it has nothing but that socket and /dev/null
// before the first file arrives.

import CLinux
import CSandbox
import GAMPluginHost
import Glibc

@main
struct Worker {
    private static let socket: Int32 = 3

    static func main() {
        guard CommandLine.arguments.count == 2, let parent = Int32(CommandLine.arguments[1]),
            clinux_become_worker(parent, socket) >= 0
        else {
            let text = Array("gamd-worker is started by gamd and gamctl, not by hand\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            exit(64)
        }
        WorkerLoop.run(socket: socket, walls: KernelWalls())
    }
}

/// Landlock, seccomp and resource limits.
private struct KernelWalls: WorkerWalls {
    var hasLandlock: Bool { csandbox_landlock_version() > 0 }

    func limit(memoryBytes: UInt64, fileBytes: UInt64, descriptors: UInt64) -> Int32 {
        csandbox_set_limits(memoryBytes, fileBytes, descriptors)
    }

    func beforeLoading(readable: [String], landlock: Bool) -> Int32 {
        let paths = readable.map { strdup($0) }
        defer { for path in paths { free(path) } }
        return paths.map { UnsafePointer($0) }.withUnsafeBufferPointer {
            csandbox_while_loading($0.baseAddress, $0.count, landlock ? 1 : 0)
        }
    }

    func beforeWorking(landlock: Bool) -> Int32 { csandbox_while_working(landlock ? 1 : 0) }
}
