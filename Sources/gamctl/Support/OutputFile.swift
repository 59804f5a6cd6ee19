// Where a command writes: a file that appears whole or not at all, or stdout.
// What always holds: the file is written under another name in the same folder and renamed at the
// end; an error, SIGINT or SIGTERM removes what was written.

import CLinux
import GAMClient
import GAMProtocol
import Glibc
import Synchronization

final class OutputFile {
    private let path: String?
    private let temporaryPath: String
    private var descriptor: Int32
    private var isFinished = false

    /// - Parameter path: "-" for stdout.
    init(_ path: String) throws(ClientError) {
        if path == "-" {
            self.path = nil
            temporaryPath = ""
            descriptor = STDOUT_FILENO
            return
        }
        self.path = path
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw ClientError(.cannotWrite, "\(path) is a folder; name a file with -o")
        }
        temporaryPath = "\(path).part-\(getpid())"
        descriptor = UnfinishedOutput.create(temporaryPath)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(-descriptor))
            throw ClientError(.cannotWrite, "\(path) cannot be written: \(reason)")
        }
    }

    deinit {
        guard path != nil, !isFinished else { return }
        close(descriptor)
        unlink(temporaryPath)
        UnfinishedOutput.set(nil)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(ClientError) {
        var done = 0
        while done < bytes.count {
            let part = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count < 0 && clinux_errno() == EINTR { continue }
            guard count > 0 else { throw failed("writing") }
            done += count
        }
    }

    /// The file takes its name, durably.
    func finish() throws(ClientError) {
        guard let path else { return }
        guard fsync(descriptor) == 0 || clinux_errno() == EINVAL else { throw failed("syncing") }
        guard rename(temporaryPath, path) == 0 else { throw failed("naming") }
        isFinished = true
        UnfinishedOutput.set(nil)
        close(descriptor)
    }

    private func failed(_ operation: String) -> ClientError {
        let code = clinux_errno()
        let reason = String(cString: strerror(code))
        let status = code == ENOSPC || code == EDQUOT ? Status.noSpace : .ioError
        return ClientError(status, "\(operation) \(path ?? "stdout") failed: \(reason)")
    }
}

/// Writes a whole file, or to stdout.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(ClientError) {
    let file = try OutputFile(path)
    let result = bytes.withUnsafeBytes { bytes in
        Result { () throws(ClientError) in try file.write(bytes) }
    }
    try result.get()
    try file.finish()
}

/// The file to remove when the user interrupts us.
enum UnfinishedOutput {
    private static let path = Mutex<String?>(nil)

    static func set(_ new: String?) { path.withLock { $0 = new } }

    /// Opens a new file; no signal comes between its creation and our knowing of it. Below 0: -errno.
    static func create(_ new: String) -> Int32 {
        path.withLock { path in
            let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { return -clinux_errno() }
            path = new
            return descriptor
        }
    }

    /// Waits for SIGINT and SIGTERM on a thread of its own; removes the file and exits with 130.
    static func watchForInterrupts() {
        let signals = clinux_signal_descriptor(0)
        guard signals >= 0 else { return }
        var thread = pthread_t()
        let argument = UnsafeMutableRawPointer(bitPattern: Int(signals))
        pthread_create(
            &thread, nil,
            { argument in
                _ = clinux_next_signal(Int32(Int(bitPattern: argument)))
                UnfinishedOutput.removeAndExit()
            }, argument)
    }

    private static func removeAndExit() -> Never {
        // The lock is kept until the end: no file can be finished or begun any more.
        path.withLock { path in
            if let path { unlink(path) }
            _exit(GAMProtocol.ExitCode.interrupted.rawValue)
        }
        _exit(GAMProtocol.ExitCode.interrupted.rawValue)
    }
}
