// Priors beside the shipped ones, for commands that need no daemon.
//
// What always holds here: a file that is no prior is an error that names it, never left out: a signal
// written with it could not be read.

import ArgumentParser
import GAMClient
import GAMCodec
import GAMFormat
import Glibc

/// Where a user's own priors are found: what `gamctl train` wrote.
struct PriorOptions: ParsableArguments {
    @Option(help: "Prior file, or folder of .prior files, beside the shipped ones; repeatable.")
    var priors: [String] = []

    /// The shipped priors, and those of --priors and GAMD_PRIORS behind them. Each signal starts from
    /// the best on a sample of it, unless --prior names one.
    func library() throws -> PriorLibrary {
        let paths = try (priors + environmentPaths()).flatMap { try files($0) }
        return PriorLibrary.shipped.adding(try paths.map { try prior($0) })
    }

    private func prior(_ path: String) throws -> Prior {
        do {
            return try Prior(parsing: try wholeFile(path))
        } catch let error as FormatError {
            throw ClientError(.badInput, "\(path) is not a prior: \(error.description)")
        }
    }

    /// The file itself, or the prior files of a folder in the order of their names.
    private func files(_ path: String) throws(ClientError) -> [String] {
        guard let folder = opendir(path) else { return [path] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".prior") { names.append("\(path)/\(name)") }
        }
        guard !names.isEmpty else { throw ClientError(.badInput, "no .prior files in \(path)") }
        return names.sorted()
    }

    private func environmentPaths() -> [String] {
        guard let text = getenv("GAMD_PRIORS") else { return [] }
        return String(cString: text).split(separator: ":").map(String.init)
    }
}
