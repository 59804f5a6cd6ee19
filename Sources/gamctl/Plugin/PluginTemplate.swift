// What `gamctl plugin new` writes: a working plugin for a made-up format, to be replaced.
// What always holds: what it writes builds without a change and passes the conformance kit; the
// tests build and run both languages.

/// The files of a new plugin.
struct PluginTemplate {
    let name: String
    /// Folder of the plugin kit.
    let kit: String

    private func filled(_ template: String) -> [UInt8] {
        let magic = (name + " 1 ").utf8.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        let text =
            template
            .replacing("@NAME@", with: name)
            .replacing("@KIT@", with: kit)
            .replacing("@MAGIC@", with: magic.joined())
        return Array(text.utf8)
    }

    /// A triangle wave in the made-up format.
    private var example: [UInt8] {
        var bytes = Array("\(name) 1 500\n".utf8)
        for index in 0..<500 {
            let value = abs((index * 37) % 2000 - 1000) - 500
            withUnsafeBytes(of: Int16(value).littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    private var common: [(String, [UInt8])] {
        [
            ("\(name).toml", filled(Self.manifest)),
            ("corpus/example.\(name)", example),
            (".gitignore", Array("build/\n.build/\nPackage.resolved\n".utf8)),
        ]
    }

    var cFiles: [(String, [UInt8])] {
        common + [
            ("Makefile", filled(CTemplate.makefile)), ("\(name).c", filled(CTemplate.source)),
        ]
    }

    var swiftFiles: [(String, [UInt8])] {
        common + [
            ("Makefile", filled(SwiftTemplate.makefile)),
            ("Package.swift", filled(SwiftTemplate.package)),
            ("Sources/Adapter/Adapter.swift", filled(SwiftTemplate.source)),
        ]
    }

    private static let manifest = """
        # What gamd knows of this plugin without running it.
        id = "@NAME@"
        version = "0.1.0"
        abi = "1.3"
        library = "libgamd-@NAME@.so"
        kinds = ["audio"]

        [[types]]
        name = "@NAME@"
        media_type = "application/x-@NAME@"
        suffixes = [".@NAME@"]
        magic = ["0:@MAGIC@"]
        exactness = "file"

        """
}

enum SwiftTemplate {
    static let makefile = """
        # make: builds the plugin into build/; make test: the conformance kit on corpus/;
        # make install FOLDER=...: where gamd looks for plugins.
        GAMCTL ?= gamctl
        FOLDER ?= /usr/local/lib/gamd/plugins

        .PHONY: all test install
        all:
        \tswift build -c release
        \tmkdir -p build
        \tcp .build/release/libgamd-@NAME@.so @NAME@.toml build/

        test: all
        \t$(GAMCTL) plugin test build --corpus corpus/*

        install: all
        \tinstall -D -t $(FOLDER) build/libgamd-@NAME@.so build/@NAME@.toml

        """

    static let package = """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "gamd-@NAME@",
            products: [.library(name: "gamd-@NAME@", type: .dynamic, targets: ["Adapter"])],
            dependencies: [.package(name: "PluginKit", path: "@KIT@")],
            targets: [
                .target(
                    name: "Adapter", dependencies: [.product(name: "GAMPluginKit", package: "PluginKit")])
            ]
        )

        """

    static let source = """
        // A plugin for files of one line, "@NAME@ 1 COUNT", and COUNT 16-bit samples, little endian.
        import GAMPluginKit

        private let table = PluginTable(Adapter())
        @_cdecl("gam_plugin_entry_v1")
        public func pluginEntry() -> UnsafeRawPointer { table.entry }

        struct Adapter: SignalAdapter {
            let id = "@NAME@"
            let version = "0.1.0"

            func probe(head: [UInt8], fileSize: UInt64, fileName: String) -> Int {
                head.starts(with: "@NAME@ 1 ".utf8) ? 100 : 0
            }

            func makeDecoder(for input: AdapterInput) throws(AdapterError) -> any SignalDecoder {
                try Decoder(input)
            }

            func makeEncoder(
                for description: AdapterDescription, output: AdapterOutput
            ) throws(AdapterError) -> any SignalEncoder {
                try Encoder(description, output)
            }
        }

        final class Decoder: SignalDecoder {
            let description: AdapterDescription
            private let input: AdapterInput
            private var at: UInt64

            init(_ input: AdapterInput) throws(AdapterError) {
                let head = try input.readUpTo(64, at: 0)
                guard let end = head.firstIndex(of: UInt8(ascii: "\\n")) else {
                    throw AdapterError(.badInput, "the first line is too long")
                }
                let words = String(decoding: head[..<end], as: UTF8.self).split(separator: " ")
                guard words.count == 3, words[0] == "@NAME@", let count = Int(words[2]), count > 0,
                    count <= 1 << 30
                else { throw AdapterError(.badInput, "the first line is not \\"@NAME@ 1 COUNT\\"") }
                at = UInt64(end + 1)
                guard at + UInt64(count) * 2 == input.size else {
                    throw AdapterError(
                        .badInput, "\\(count) samples are announced and the file has \\(input.size) bytes")
                }
                try input.keep("line", Array(head[...end]))
                self.input = input
                description = AdapterDescription(
                    axes: [AdapterAxis(extent: count, kind: .time)], channels: [.other],
                    family: .signed, bits: 16, exactness: .file, kind: "audio",
                    mediaType: "application/x-@NAME@")
            }

            func readRows(_ rowsMax: Int) throws(AdapterError) -> [UInt8] {
                let left = Int(input.size - at) / 2
                let bytes = try input.read(min(left, rowsMax) * 2, at: at)
                at += UInt64(bytes.count)
                return bytes
            }
        }

        final class Encoder: SignalEncoder {
            private let output: AdapterOutput
            private var at: UInt64

            init(_ description: AdapterDescription, _ output: AdapterOutput) throws(AdapterError) {
                guard description.axes.count == 1, description.channels.count == 1,
                    description.family == .signed, description.bits == 16
                else { throw AdapterError(.usage, "only one channel of 16 bits on one axis is kept") }
                let line = output.kept("line") ?? Array("@NAME@ 1 \\(description.rowCount)\\n".utf8)
                self.output = output
                at = UInt64(line.count)
                try output.write(line, at: 0)
            }

            func writeRows(_ rows: [UInt8]) throws(AdapterError) {
                try output.write(rows, at: at)
                at += UInt64(rows.count)
            }

            func finish() throws(AdapterError) {}
        }

        """
}
