// What would be lost when an array is written in another format than it came in.
// What always holds: elements are never changed by a conversion; it is refused, unless the option
// drop_metadata=1 allows it, when the other format does not get everything that was kept.

import GAMPluginKit

struct Conversion {
    private let source: String?
    private let target: String
    private let output: AdapterOutput

    /// Fields of an NRRD header that its layout or a new header says as well.
    private static let plainFields: Set<String> = [
        "type", "dimension", "sizes", "endian", "encoding", "spacings",
    ]

    init(from source: String?, to target: String, _ output: AdapterOutput) {
        self.source = source
        self.target = target
        self.output = output
    }

    func check() throws(AdapterError) {
        guard let source, source != target, output.option("drop_metadata") != "1" else { return }
        let lost = losses(source)
        guard !lost.isEmpty else { return }
        throw AdapterError(
            .usage,
            "writing this \(source) as \(target) would lose:"
                + " \(lost.joined(separator: ", ").prefix(300)); accept that with --drop-metadata")
    }

    private func losses(_ source: String) -> [String] {
        let tail = output.kept("array.tail") == nil ? [] : ["bytes behind the array"]
        switch source {
        case "npy": return tail
        case "nrrd": return tail + (output.kept("nrrd.header").map(fields) ?? [])
        case "vdb":
            return ["transform, class, background, name and active voxels of the grid"]
        default: return ["the metadata of \(source)"]
        }
    }

    /// Names of the header's lines that say more than the layout.
    private func fields(_ header: [UInt8]) -> [String] {
        String(decoding: header, as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst()
            .compactMap { line in
                if line.first == "#" { return "a comment" }
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let name = line[..<colon].lowercased()
                let value = line[line.index(after: colon)...]
                let isTrivial =
                    name == "spacings"
                    ? value.split(separator: " ").allSatisfy { ["1", "1.0", "NaN"].contains($0) }
                    : Self.plainFields.contains(name)
                return isTrivial ? nil : name
            }
    }
}
