// Bytes on their way in or out, kept in a file without a name.
// What always holds: the file is gone with this object or with the process, whatever happens;
// memory holds none of it.

import CLinux
import GAMCodec
import Glibc

/// An unlinked temporary file: appended to by one thread, then read at any place by many.
// @unchecked Sendable: `byteCount` changes only in `append`, which one thread calls before the
// file is handed on; pread and pwrite on one descriptor are safe from many threads.
final class SpoolFile: SampleSource, @unchecked Sendable {
    let descriptor: Int32
    private(set) var byteCount = 0
    private let bytesMax: Int
    private let what: String

    /// - Parameters:
    ///   - bytesMax: appending more throws `tooLarge`.
    ///   - what: names the bytes in messages, for example "the file".
    init(folder: String, bytesMax: Int, what: String) throws(Failure) {
        descriptor = clinux_unlinked_file(folder)
        self.bytesMax = bytesMax
        self.what = what
        guard descriptor >= 0 else {
            throw Failure.system("creating a temporary file in \(folder)", errno: -descriptor)
        }
    }

    deinit { close(descriptor) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard bytes.count <= bytesMax - byteCount else {
            throw Failure(
                .tooLarge,
                "\(what) is larger than \(bytesMax) bytes; raise the limit in the configuration")
        }
        var done = 0
        while done < bytes.count {
            let part = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, part.baseAddress, part.count, byteCount)
            if count < 0 {
                if clinux_errno() == EINTR { continue }
                throw Failure.system("spooling \(what)", errno: clinux_errno())
            }
            done += count
            byteCount += count
        }
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < buffer.count {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, part.baseAddress, part.count, offset + done)
            if count < 0 && clinux_errno() == EINTR { continue }
            guard count > 0 else {
                let error = count < 0 ? clinux_errno() : EIO
                throw Failure.system("reading \(what) at byte \(offset + done)", errno: error)
            }
            done += count
        }
    }

    /// Takes over what someone else wrote through `descriptor`.
    func adoptWrittenSize() throws(Failure) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Failure.system("measuring \(what)", errno: clinux_errno())
        }
        guard status.st_size <= bytesMax else {
            throw Failure(.tooLarge, "\(what) is larger than \(bytesMax) bytes")
        }
        byteCount = Int(status.st_size)
    }

    /// Lends all bytes in order, in pieces of at most `pieceBytes`.
    func forEachPiece(
        of pieceBytes: Int = 1 << 20, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        var offset = 0
        while offset < byteCount {
            let count = min(pieceBytes, byteCount - offset)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try read(at: offset, into: part)
            try body(UnsafeRawBufferPointer(part))
            offset += count
        }
    }
}

/// Where temporary files live: the state folder, on the disk of the store.
final class SpoolFolder: Sendable {
    let path: String
    private let descriptor: Int32
    private let freeBytesMin: @Sendable () -> Int

    init(path: String, freeBytesMin: @escaping @Sendable () -> Int) throws(Failure) {
        self.path = path
        self.freeBytesMin = freeBytesMin
        if mkdir(path, 0o700) < 0 && clinux_errno() != EEXIST {
            throw Failure.system("creating \(path)", errno: clinux_errno())
        }
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure.system("opening \(path)", errno: clinux_errno())
        }
    }

    deinit { close(descriptor) }

    func file(_ what: String, bytesMax: Int) throws(Failure) -> SpoolFile {
        try checkFreeSpace(before: 0)
        return try SpoolFile(folder: path, bytesMax: bytesMax, what: what)
    }

    /// Throws `noSpace` when writing `count` bytes would leave less than the reserve free.
    func checkFreeSpace(before count: Int) throws(Failure) {
        let free = clinux_free_bytes(descriptor)
        guard free >= 0 else { throw Failure.system("measuring \(path)", errno: Int32(-free)) }
        let wanted = Int64(freeBytesMin()) + Int64(count)
        guard free >= wanted else {
            let text = "\(free) bytes are free in the state folder, \(wanted) are needed"
            throw Failure(.noSpace, text + "; free space and try again")
        }
    }
}
