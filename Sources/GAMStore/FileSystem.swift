// The few file calls the store makes itself. What always holds: a descriptor is closed once, by
// its owner's deinit, and never inherited by child processes.

import Glibc

struct FileDescriptor: ~Copyable, Sendable {
    let number: Int32
    private let path: String

    init(_ path: String, _ flags: Int32) throws(StoreError) {
        number = Glibc.open(path, flags | O_CLOEXEC, 0o600)
        self.path = path
        guard number >= 0 else { throw .system("opening", path) }
    }

    deinit {
        if number >= 0 { Glibc.close(number) }
    }

    /// The whole of a file of at most 4 KiB, as text; more is not read.
    func readSmall() throws(StoreError) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(number, &bytes, bytes.count)
        guard count >= 0 else { throw .system("reading", path) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

extension StoreError {
    /// The error in `errno`.
    static func system(_ operation: String, _ path: String) -> StoreError {
        let number = errno
        let detail = "\(path): \(String(cString: strerror(number)))"
        let isFull = number == ENOSPC || number == EDQUOT
        return isFull
            ? .noSpace(detail: "\(operation) \(detail)") : .io(operation: operation, detail: detail)
    }
}

/// Names in a folder, without "." and "..".
func entries(of path: String) throws(StoreError) -> Set<String> {
    guard let folder = opendir(path) else { throw .system("listing", path) }
    defer { closedir(folder) }
    var names: Set<String> = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.insert(name) }
    }
    return names
}

/// Lengths of all files in a folder, added up; space that is only reserved (the log reserves some
/// MiB ahead) does not count. Files that vanish while they are counted count as nothing.
/// - Parameter isCounted: by the file's name; folders are looked into in any case.
func lengthOfFiles(
    in path: String, where isCounted: (String) -> Bool = { _ in true }
) throws(StoreError) -> UInt64 {
    var total: UInt64 = 0
    for name in try entries(of: path) {
        var information = stat()
        let child = "\(path)/\(name)"
        guard lstat(child, &information) == 0 else { continue }
        switch information.st_mode & S_IFMT {
        case S_IFDIR: total += try lengthOfFiles(in: child, where: isCounted)
        case S_IFREG where isCounted(name): total += UInt64(clamping: information.st_size)
        default: break
        }
    }
    return total
}
