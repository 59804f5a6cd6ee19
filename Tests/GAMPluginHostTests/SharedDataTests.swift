// Round trips of the shared test data; they need $GAMD_SHARED or ../shared beside the package.

import GAMPluginHost
import Testing

@Suite(.enabled(if: PluginTests.sharedFolder != nil, "shared test data is not beside the package"))
struct SharedDataTests {
    @Test(arguments: PluginTests.sharedFiles("pngsuite", ".png"))
    func pngSuiteIsExactOrRefused(path: String) throws {
        let name = PluginTests.lastName(path)
        let bytes = try PluginTests.bytes(ofFile: path)
        if name.hasPrefix("x") {
            let error = #expect(throws: PluginError.self) {
                try PluginTests.decode(bytes, named: name)
            }
            guard case .badInput = error else {
                Issue.record("\(name) was refused as \(String(describing: error))")
                return
            }
            return
        }
        try roundTrip(bytes, name, plugin: "image")
    }

    @Test(arguments: ["kodak", "images"])
    func picturesAreExact(folder: String) throws {
        let files = PluginTests.sharedFiles(folder, ".png")
        #expect(!files.isEmpty)
        for path in files {
            let bytes = try PluginTests.bytes(ofFile: path)
            try roundTrip(bytes, PluginTests.lastName(path), plugin: "image")
        }
    }

    @Test func soundIsExact() throws {
        let files = PluginTests.sharedFiles("audio", ".wav")
        #expect(!files.isEmpty)
        for path in files {
            let bytes = try PluginTests.bytes(ofFile: path)
            let name = PluginTests.lastName(path)
            try roundTrip(bytes, name, plugin: "audio")
            try throughFLAC(bytes, name)
        }
    }

    @Test(arguments: ["sdf", "volumes"])
    func volumesAreExact(folder: String) throws {
        let files = PluginTests.sharedFiles(folder, ".npy")
        #expect(!files.isEmpty)
        for path in files {
            let bytes = try PluginTests.bytes(ofFile: path)
            try roundTrip(bytes, PluginTests.lastName(path), plugin: "array")
        }
    }

    /// The same samples as FLAC and back.
    private func throughFLAC(_ bytes: [UInt8], _ name: String) throws {
        let wave = try PluginTests.decode(bytes, named: name)
        let flac = try PluginTests.encode(wave, plugin: "audio", options: ["format": "flac"])
        let decoded = try PluginTests.decode(flac, named: "x.flac")
        let isSame = decoded.samples == wave.samples && decoded.description == wave.description
        #expect(isSame, "\(name) changed as FLAC")
        #expect(flac.count < bytes.count)
    }

    /// Faulty and unusual FLAC files are refused with a typed error or kept exactly.
    @Test(arguments: ["faulty", "uncommon"])
    func oddFLACFilesAreRefusedOrExact(folder: String) throws {
        let files = PluginTests.sharedFiles("flac-test-files/" + folder, ".flac")
        #expect(!files.isEmpty)
        for path in files {
            let bytes = try PluginTests.bytes(ofFile: path)
            let name = PluginTests.lastName(path)
            do throws(PluginError) {
                try roundTrip(bytes, name, plugin: "audio")
            } catch {
                guard case .badInput = error else {
                    guard case .unsupported = error else {
                        Issue.record("\(name): \(error)")
                        continue
                    }
                    continue
                }
            }
        }
    }

    /// Decodes, encodes, decodes again: description, metadata and samples must be the same.
    private func roundTrip(_ bytes: [UInt8], _ name: String, plugin: String) throws(PluginError) {
        let first = try PluginTests.decode(bytes, named: name, step: 5003)
        let again = try PluginTests.encode(first, plugin: plugin, step: 7001)
        let second = try PluginTests.decode(again, named: name)
        // Compared outside the macro: a failure must not print megabytes of samples.
        let sameSamples = first.samples == second.samples
        let sameMetadata = first.metadata == second.metadata
        #expect(sameSamples, "the samples of \(name) changed")
        #expect(sameMetadata, "the metadata of \(name) changed")
        #expect(first.description == second.description)
        #expect(first.kind == second.kind && first.mediaType == second.mediaType)
        let isSameFile = first.exactness == .samples || bytes == again
        #expect(isSameFile, "the bytes of \(name) changed")
    }
}
