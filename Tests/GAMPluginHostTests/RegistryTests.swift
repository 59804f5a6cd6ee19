import GAMCore
import GAMPluginHost
import GAMPluginManifests
import Glibc
import Testing

/// A folder that is removed with its files.
final class TemporaryFolder {
    let path: String
    private var names: [String] = []

    init() {
        var name = Array("/tmp/gamd-plugin-folder-XXXXXX".utf8CString)
        path = name.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    func add(_ name: String, _ bytes: [UInt8]) {
        let file = fopen(path + "/" + name, "w")
        precondition(file != nil, "the temporary folder must be writable")
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        names.append(name)
    }

    deinit {
        for name in names { unlink(path + "/" + name) }
        rmdir(path)
    }
}

struct RegistryTests {
    private static let manifest = """
        id = "image"
        version = "1.0.0"
        abi = "1.3"
        library = "libgamd-image.so"
        kinds = ["image"]
        [[types]]
        name = "png"
        media_type = "image/png"
        suffixes = [".png"]
        magic = ["0:89504e47"]
        exactness = "samples"
        """

    @Test func shippedPluginsAreListedWithoutLoadingThem() {
        let registry = PluginTests.registry
        #expect(registry.problems.isEmpty)
        #expect(registry.entries.map(\.manifest.id) == ["array", "audio", "image", "sdf"])
        for entry in registry.entries {
            #expect(entry.isReady, "\(entry.state)")
            #expect(entry.manifest.abi == "1.3")
            #expect(!entry.manifest.suffixes.isEmpty && !entry.manifest.mediaTypes.isEmpty)
        }
        let found = PluginRegistry(manifestFolders: [PluginTests.packageFolder + "/Plugins"])
        #expect(found.entries.allSatisfy { !$0.isReady && $0.libraryPath == nil })
    }

    @Test func manifestsAgreeWithTheCode() throws {
        for entry in PluginTests.registry.entries {
            let adapter = try PluginTests.registry.adapter(id: entry.manifest.id)
            #expect(adapter.parameters.contains { $0.name == "format" })
        }
    }

    @Test(arguments: [
        ("not toml", "= ="), ("no id", manifest.replacing("id = \"image\"\n", with: "")),
        ("bad id", manifest.replacing("\"image\"\n", with: "\"../Image\"\n")),
        ("bad abi", manifest.replacing("\"1.3\"", with: "\"one\"")),
        ("library path", manifest.replacing("libgamd", with: "../libgamd")),
        ("odd hex", manifest.replacing("0:89504e47", with: "0:895")),
        ("far offset", manifest.replacing("0:89504e47", with: "511:8950")),
        ("negative offset", manifest.replacing("0:89504e47", with: "-1:8950")),
        ("huge offset", manifest.replacing("0:89504e47", with: "9223372036854775807:8950")),
        ("bad exactness", manifest.replacing("\"samples\"", with: "\"nearly\"")),
        ("no types", manifest.replacing("[[types]]", with: "[other]")),
        ("bad suffixes", manifest.replacing("[\".png\"]", with: "[1]")),
        ("bad limit", manifest + "\n[limits]\nmemory_bytes_max = -1\n"),
    ])
    func invalidManifestIsAProblem(name: String, text: String) {
        let folder = TemporaryFolder()
        folder.add("x.toml", Array(text.utf8))
        folder.add("ignored.txt", Array("= =".utf8))
        let registry = PluginRegistry(
            manifestFolders: [folder.path], libraryFolders: [PluginTests.buildFolder])
        #expect(registry.entries.isEmpty)
        guard case .manifest(let path, _)? = registry.problems.first else {
            Issue.record("no problem was found")
            return
        }
        #expect(path == folder.path + "/x.toml")
    }

    @Test func secondManifestWithTheSameIdIsAProblem() {
        let folder = TemporaryFolder()
        folder.add("a.toml", Array(Self.manifest.utf8))
        folder.add("b.toml", Array(Self.manifest.utf8))
        let registry = PluginRegistry(manifestFolders: [folder.path])
        #expect(registry.entries.count == 1 && registry.problems.count == 1)
    }

    private func refusal(manifest: String, library: [UInt8]?) -> String {
        let folder = TemporaryFolder()
        folder.add("image.toml", Array(manifest.utf8))
        if let library { folder.add("libgamd-image.so", library) }
        let registry = PluginRegistry(manifestFolders: [folder.path])
        let error = #expect(throws: PluginError.self) { try registry.adapter(id: "image") }
        guard case .incompatible(_, let reason) = error else {
            Issue.record("refused as \(String(describing: error))")
            return ""
        }
        return reason
    }

    @Test(arguments: ["2.0", "0.9", "1.4"])
    func manifestOfAnotherABIIsRefused(abi: String) {
        let manifest = Self.manifest.replacing("\"1.3\"", with: "\"\(abi)\"")
        #expect(refusal(manifest: manifest, library: nil).contains(abi))
    }

    @Test func missingLibraryNamesTheFolders() {
        let reason = refusal(manifest: Self.manifest, library: nil)
        #expect(reason.contains("libgamd-image.so") && reason.contains("/tmp/"))
    }

    /// The built image library with fields of its entry table changed: major, minor, size.
    @Test(arguments: [(8, "2.3"), (12, "1.9"), (0, "too few")])
    func libraryOfAnotherABIIsRefused(offset: Int, expected: String) throws {
        var library = try PluginTests.bytes(
            ofFile: PluginTests.buildFolder + "/libgamd-image.so")
        // struct_size 80, ABI 1.3: the start of gam_plugin_v1 in the data section.
        let table: [UInt8] = [80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]
        let starts = stride(from: 0, to: library.count - 16, by: 8)
            .filter { library[$0] == 80 && library[$0..<$0 + 16].elementsEqual(table) }
        try #require(starts.count == 1)
        library[starts[0] + offset] = offset == 0 ? 40 : offset == 8 ? 2 : 9
        #expect(refusal(manifest: Self.manifest, library: library).contains(expected))
    }

    @Test func libraryThatIsNoPluginIsRefused() throws {
        #expect(
            refusal(manifest: Self.manifest, library: Array("not ELF".utf8))
                .contains("cannot be loaded"))
        let folder = TemporaryFolder()
        folder.add("m.toml", Array(Self.manifest.replacing("libgamd-image", with: "libz").utf8))
        let registry = PluginRegistry(
            manifestFolders: [folder.path],
            libraryFolders: ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"])
        let error = #expect(throws: PluginError.self) { try registry.adapter(id: "image") }
        #expect("\(String(describing: error))".contains("gam_plugin_entry_v1"))
    }

    @Test func libraryOfAnotherPluginIsRefused() throws {
        let audio = try PluginTests.bytes(ofFile: PluginTests.buildFolder + "/libgamd-audio.so")
        #expect(refusal(manifest: Self.manifest, library: audio).contains("'audio'"))
    }

    @Test func limitsOfTheManifestHold() throws {
        let folder = TemporaryFolder()
        let text = Self.manifest + "\n[limits]\nsamples_max = 100\n"
        folder.add("image.toml", Array(text.utf8))
        let registry = PluginRegistry(
            manifestFolders: [folder.path], libraryFolders: [PluginTests.buildFolder])
        let signal = try PluginTests.signal(
            extents: [11, 10], channels: [.gray], family: .unsigned, bits: 8, seed: 1)
        let file = TemporaryFile(try PluginTests.encode(signal, plugin: "image"))
        let error = #expect(throws: PluginError.self) {
            try registry.adapter(id: "image").decode(
                descriptor: file.descriptor, fileName: "a.png")
        }
        guard case .limit = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }

    @Test func contentBeatsTheNameAndUnknownFilesHaveNoAdapter() throws {
        let signal = try PluginTests.signal(
            extents: [4, 4], channels: [.gray], family: .unsigned, bits: 8, seed: 1)
        let png = try PluginTests.encode(signal, plugin: "image")
        #expect(try PluginTests.decode(png, named: "a.wav").mediaType == "image/png")
        #expect(try PluginTests.decode(png, named: "").mediaType == "image/png")
        for (bytes, name) in [([], "a.xyz"), (Array("hello".utf8), "")] as [([UInt8], String)] {
            let error = #expect(throws: PluginError.self) {
                try PluginTests.decode(bytes, named: name)
            }
            #expect(error == .noAdapter(file: name))
        }
        for name in ["a.PNG", "a.flac", "a.npy"] {
            let error = #expect(throws: PluginError.self) {
                try PluginTests.decode(Array("hello, world".utf8), named: name)
            }
            guard case .badInput = error else {
                Issue.record("\(name) was refused as \(String(describing: error))")
                continue
            }
        }
        #expect(throws: PluginError.unknownPlugin(id: "none")) {
            try PluginTests.registry.adapter(id: "none")
        }
    }

    @Test func pipesAreRefusedWithAdvice() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let error = #expect(throws: PluginError.self) {
            try PluginTests.registry.detect(descriptor: ends[0], fileName: "a.png")
        }
        #expect("\(String(describing: error))".contains("spool"))
    }

    @Test func tooFewAndTooManySamplesAreRefused() throws {
        let signal = try PluginTests.signal(
            extents: [4, 4], channels: [.gray], family: .unsigned, bits: 4, seed: 1)
        for count in [15, 17] {
            let file = TemporaryFile()
            let session = try PluginTests.registry.adapter(id: "image").encode(
                description: signal.description, metadata: [], descriptor: file.descriptor)
            #expect(throws: PluginError.self) {
                try [UInt8](repeating: 1, count: count).withUnsafeBytes { try session.write($0) }
                try session.finish()
            }
        }
        let file = TemporaryFile()
        let session = try PluginTests.registry.adapter(id: "image").encode(
            description: signal.description, metadata: [], descriptor: file.descriptor)
        #expect(throws: PluginError.self, "16 does not fit 4 bits") {
            try [UInt8](repeating: 16, count: 16).withUnsafeBytes { try session.write($0) }
            try session.finish()
        }
    }
}
