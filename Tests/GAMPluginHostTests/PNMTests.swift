import GAMCore
import GAMPluginHost
import Testing

struct PNMTests {
    /// Name, file, expected samples.
    static let files: [(String, [UInt8], [UInt8])] = [
        ("a.pbm", Array("P1\n# c\n3 2\n1 0 1\n010\n".utf8), [1, 0, 1, 0, 1, 0]),
        ("a.pgm", Array("P2 3 1 300\n0 7 300\n".utf8), [0, 0, 7, 0, 44, 1]),
        ("a.ppm", Array("P3\n1 2\n255\n1 2 3 4 5 255".utf8), [1, 2, 3, 4, 5, 255]),
        (
            "b.pbm", Array("P4\n10 1\n".utf8) + [0b1010_0000, 0b0100_0000],
            [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]
        ),
        ("b.pgm", Array("P5 # depth\n2 2\n100\n".utf8) + [0, 1, 99, 100], [0, 1, 99, 100]),
        ("c.pgm", Array("P5 2 1 65535\n".utf8) + [1, 2, 255, 254], [2, 1, 254, 255]),
        ("b.ppm", Array("P6\n1 1\n255\n".utf8) + [1, 2, 3] + Array("more".utf8), [1, 2, 3]),
        (
            "b.pam",
            Array(
                "P7\nWIDTH 1\nHEIGHT 2\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n"
                    .utf8) + [1, 2, 3, 4], [1, 2, 3, 4]
        ),
    ]

    @Test(arguments: files)
    func everyVariantIsExact(name: String, file: [UInt8], samples: [UInt8]) throws {
        let decoded = try PluginTests.decode(file, named: name, step: 3)
        #expect(decoded.samples == samples)
        let again = try PluginTests.encode(decoded, plugin: "image")
        #expect(try PluginTests.decode(again, named: name) == decoded)
        if decoded.exactness == .file { #expect(again == file) }
    }

    @Test(arguments: [
        "P5 2 2 255\nabc", "P5 2 2 100\n\u{7f}\u{7f}\u{7f}\u{7f}", "P5 0 2 255\n", "P5 2 2 0\nabcd",
        "P5 2 2 70000\nabcdefgh", "P5 99999999999 2 255\n", "P5 1073741824 1073741824 255\n",
        "P2 2 2 255\n1 2 3", "P2 2 2 255\n1 2 3 256", "P2 2 2 255\n1 2 3 x", "P6", "P5 2",
        "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 99\nMAXVAL 255\nENDHDR\nabc", "P7\nWIDTH 1\nENDHDR\n",
    ])
    func badFilesAreRefused(text: String) throws {
        #expect(throws: PluginError.self) {
            try PluginTests.decode(Array(text.utf8), named: "a.pnm")
        }
    }

    @Test func arraysBecomePAM() throws {
        let signal = try PluginTests.signal(
            extents: [3, 5], channels: Array(repeating: .other, count: 7), family: .unsigned,
            bits: 11, seed: 3)
        let file = try PluginTests.encode(signal, plugin: "image", options: ["format": "pnm"])
        let decoded = try PluginTests.decode(file, named: "a.pam")
        #expect(decoded.samples == signal.samples)
        #expect(decoded.description == signal.description)
    }
}
