// What always holds here:
// - Offsets and sizes from a plugin are checked before they reach the system.
// - Descriptors are borrowed: nothing here closes one.

import Glibc

/// Small reads of the plugin folders.
package enum FileBytes {
    /// Manifests are small; anything larger is not one.
    static let manifestBytesMax = 64 << 10

    /// Sorted names in `folder` that end in `suffix`; empty when it cannot be read.
    package static func names(in folder: String, suffix: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(suffix) && !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The UTF-8 text of a manifest.
    package static func text(of path: String) throws(PluginError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .manifest(path: path, reason: "it cannot be opened: \(systemError())")
        }
        defer { close(descriptor) }
        let file = try PositionedFile(descriptor: descriptor, plugin: "gamd", name: path)
        guard file.size <= UInt64(manifestBytesMax) else {
            throw .manifest(path: path, reason: "it is larger than \(manifestBytesMax) bytes")
        }
        let bytes = try file.head(manifestBytesMax)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .manifest(path: path, reason: "it is not UTF-8")
        }
        return text
    }
}

/// The text of errno.
package func systemError() -> String { String(cString: strerror(errno)) }

/// Positioned reads and writes on a borrowed, seekable descriptor.
struct PositionedFile: Sendable {
    let descriptor: Int32
    let size: UInt64

    /// A file whose size is known already.
    init(descriptor: Int32, size: UInt64) {
        self.descriptor = descriptor
        self.size = size
    }

    init(descriptor: Int32, plugin: String, name: String) throws(PluginError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .inputOutput(plugin: plugin, file: name, reason: systemError())
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .inputOutput(
                plugin: plugin, file: name,
                reason: "adapters need a regular file; spool pipes into one first")
        }
        self.descriptor = descriptor
        size = UInt64(max(0, status.st_size))
    }

    /// Up to `count` bytes from the start.
    func head(_ count: Int) throws(PluginError) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            let result = read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            failed = result == nil
            used = result ?? 0
        }
        if failed {
            throw .inputOutput(plugin: "gamd", file: "", reason: systemError())
        }
        return bytes
    }

    /// Bytes read, fewer only at the end of the file; nil on an error.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        var done = 0
        while done < buffer.count {
            guard
                let position = Int64(exactly: offset).flatMap({ start -> Int64? in
                    let (sum, overflow) = start.addingReportingOverflow(Int64(done))
                    return overflow ? nil : sum
                })
            else { return done }
            let count = pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(position))
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Whether all bytes were written.
    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var done = 0
        while done < bytes.count {
            guard let start = Int64(exactly: offset), start <= Int64.max - Int64(bytes.count) else {
                return false
            }
            let count = pwrite(
                descriptor, bytes.baseAddress! + done, bytes.count - done,
                off_t(start + Int64(done)))
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return false }
            done += count
        }
        return true
    }
}
