// A file that is read from front to back.
// What always holds: memory holds one piece of it.

import CLinux
import GAMClient
import GAMProtocol
import Glibc

/// The bytes to put, piece by piece.
final class InputFile {
    private let descriptor: Int32
    private let name: String
    /// nil when it cannot be known, as for a pipe.
    let byteCount: Int?

    init(_ path: String) throws(ClientError) {
        name = path == "-" ? "stdin" : path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = clinux_errno()
            let reason = String(cString: strerror(code))
            let status =
                code == ENOENT || code == ENOTDIR
                ? Status.badInput : code == EACCES ? .permission : .ioError
            throw ClientError(status, "\(path) cannot be read: \(reason)")
        }
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        guard !isKnown || status.st_mode & S_IFMT != S_IFDIR else {
            throw ClientError(.badInput, "\(path) is a folder; name a file")
        }
        byteCount = isKnown && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    deinit {
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    func next() throws(ClientError) -> [UInt8]? {
        while true {
            var failed = false
            let piece = [UInt8](unsafeUninitializedCapacity: WireLimits.chunkBytes) {
                buffer, count in
                let result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                failed = result < 0
                count = max(0, result)
            }
            if failed && clinux_errno() == EINTR { continue }
            guard !failed else {
                let reason = String(cString: strerror(clinux_errno()))
                throw ClientError(.ioError, "reading \(name) failed: \(reason)")
            }
            return piece.isEmpty ? nil : piece
        }
    }
}
