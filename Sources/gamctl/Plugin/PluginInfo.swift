import ArgumentParser
import GAMClient
import GAMPluginHost
import GAMProtocol

/// `gamctl plugin info ID`
struct PluginInfo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells what a plugin reads, its options and its limits; needs no daemon.")

    @Argument(help: "Id of the plugin.")
    var id: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var plugins: PluginOptions

    func run() throws {
        try reporting(json: json) {
            let adapter = try plugins.registry().adapter(id: id)
            let report = Report(adapter)
            show(json ? jsonText(report) : report.text)
        }
    }
}

private struct Report: Encodable {
    struct FileType: Encodable {
        let name: String
        let mediaType: String
        let suffixes: [String]
        let exactness: String
    }
    struct Option: Encodable {
        let name: String
        let defaultValue: String
        let help: String
    }

    let id: String
    let version: String
    let abi: String
    let kit: String
    let manifest: String
    let kinds: [String]
    let types: [FileType]
    let options: [Option]

    init(_ adapter: Adapter) {
        let manifest = adapter.manifest
        id = manifest.id
        version = manifest.version
        abi = manifest.abi
        kit = adapter.kitVersion
        self.manifest = manifest.path
        kinds = manifest.kinds
        types = manifest.types.map {
            FileType(
                name: $0.name, mediaType: $0.mediaType, suffixes: $0.suffixes,
                exactness: $0.exactness.name)
        }
        options = adapter.parameters.map {
            Option(name: $0.name, defaultValue: $0.defaultValue, help: $0.help)
        }
    }

    var text: String {
        var lines = [
            "\(id) \(version), ABI \(abi), built with the kit \(kit)",
            "manifest: \(manifest)", "kinds: \(kinds.joined(separator: ", "))",
        ]
        for type in types {
            lines.append(
                "reads \(type.name): \(type.mediaType) \(type.suffixes.joined(separator: " "));"
                    + " exact to the \(type.exactness)")
        }
        for option in options {
            let value = option.defaultValue.isEmpty ? "" : " (default \(option.defaultValue))"
            lines.append("--set \(option.name)=...: \(option.help)\(value)")
        }
        return lines.joined(separator: "\n")
    }
}
