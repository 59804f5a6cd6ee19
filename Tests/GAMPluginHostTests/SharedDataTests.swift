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

    /// Decodes, encodes, decodes again: description, metadata and samples must be the same.
    private func roundTrip(_ bytes: [UInt8], _ name: String, plugin: String) throws {
        let first = try PluginTests.decode(bytes, named: name, step: 5003)
        let again = try PluginTests.encode(first, plugin: plugin, step: 7001)
        let second = try PluginTests.decode(again, named: name)
        // Compared outside the macro: a failure must not print megabytes of samples.
        let isSame = first == second
        #expect(isSame, "\(name) changed")
        let isSameFile = first.exactness == .samples || bytes == again
        #expect(isSameFile, "the bytes of \(name) changed")
    }
}
