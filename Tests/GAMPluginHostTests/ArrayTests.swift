import GAMCore
import GAMPluginHost
import Testing

struct ArrayTests {
    static func npy(
        _ descriptor: String, _ shape: String, fortran: Bool = false, version: UInt8 = 1,
        _ data: [UInt8]
    ) -> [UInt8] {
        let text =
            "{'descr': '\(descriptor)', 'fortran_order': \(fortran ? "True" : "False"), "
            + "'shape': \(shape), }\n"
        var file = Bytes()
        file.array = [0x93] + Array("NUMPY".utf8) + [version, 0]
        file.little(text.utf8.count, version == 1 ? 2 : 4)
        file.text(text)
        return file.array + data
    }

    @Test(arguments: ["|b1", "|u1", "|i1", "u2", "i2", "f2", "u4", "i4", "f4"])
    func everyElementTypeIsExact(name: String) throws {
        let size = Int(String(name.last!))!
        let canonical = try PluginTests.samples(
            24, SampleType(family: .unsigned, bits: size * 8), seed: 6)
        for version: UInt8 in [1, 2, 3] {
            for mark in name.hasPrefix("|") ? [""] : ["<", ">"] {
                let data = mark == ">" ? swapped(canonical, size) : canonical
                let file = Self.npy(mark + name, "(2, 3, 4)", version: version, data)
                let decoded = try PluginTests.decode(file, named: "a.npy", step: 5)
                #expect(decoded.samples == canonical, "\(mark)\(name)")
                #expect(decoded.description.extents == [2, 3, 4])
                #expect(decoded.description.channels == [.other])
                #expect(try PluginTests.encode(decoded, plugin: "array", step: 7) == file)
            }
        }
    }

    @Test(arguments: [UInt64(512 << 20), UInt64(80)])
    func fortranOrderIsTransposedAndComesBack(memory: UInt64) throws {
        // Element [i][j][k] of shape (4, 3, 2) has the value 100 i + 10 j + k.
        var inC = Bytes()
        var inFortran = Bytes()
        for i in 0..<4 {
            for j in 0..<3 { for k in 0..<2 { inC.little(100 * i + 10 * j + k, 2) } }
        }
        for k in 0..<2 {
            for j in 0..<3 { for i in 0..<4 { inFortran.big(100 * i + 10 * j + k, 2) } }
        }
        let file = Self.npy(">i2", "(4, 3, 2)", fortran: true, inFortran.array + [9, 9])
        let decoded = try PluginTests.decode(
            file, named: "a.npy", limits: PluginLimits(memoryBytesMax: memory))
        #expect(decoded.samples == inC.array)
        #expect(decoded.description.extents == [4, 3, 2])
        let target = TemporaryFile()
        let session = try PluginTests.registry.adapter(id: "array").encode(
            description: decoded.description, metadata: decoded.metadata,
            descriptor: target.descriptor, limits: PluginLimits(memoryBytesMax: memory))
        try decoded.samples.withUnsafeBytes { try session.write($0) }
        try session.finish()
        #expect(target.bytes == file)
    }

    @Test func channelsAndKindComeFromOptionsOnly() throws {
        let file = Self.npy("<f4", "(2, 2, 3)", Array(repeating: 1, count: 48))
        let plain = try PluginTests.decode(file, named: "a.npy")
        #expect(plain.kind == "array" && plain.description.channels.count == 1)
        let last = try PluginTests.decode(file, named: "a.npy", options: ["channels": "last"])
        #expect(last.description.extents == [2, 2] && last.description.channels.count == 3)
        #expect(try PluginTests.encode(last, plugin: "array") == file)
        let distance = try PluginTests.decode(file, named: "a.npy", options: ["kind": "sdf"])
        #expect(distance.kind == "sdf" && distance.description.channels == [.distance])
        for options in [["channels": "first"], ["kind": "mesh"], ["unknown": "1"]] {
            let error = #expect(throws: PluginError.self) {
                try PluginTests.decode(file, named: "a.npy", options: options)
            }
            guard case .usage = error else {
                Issue.record("refused as \(String(describing: error))")
                return
            }
        }
    }

    @Test(arguments: [
        npy("<f8", "(2,)", Array(repeating: 0, count: 16)),
        npy("<c8", "(2,)", Array(repeating: 0, count: 16)),
        npy("|O", "(2,)", Array(repeating: 0, count: 16)), npy("|u1", "()", [1]),
        npy("|u1", "(0, 4)", []), npy("|u1", "(1, 1, 1, 1, 1)", [1]), npy("|u1", "(5,)", [1]),
        npy("<f4", "(1099511627776, 1099511627776)", [1]),
        npy("<f4", "(9223372036854775807, 4)", [1]), npy("|u1", "(-1,)", [1]),
        npy("|u1", "(99999999999999999999,)", [1]), npy("|u1", "(2, ", [1, 2]),
        npy("|u1", "(1,)", version: 9, [1]), npy("|u1', 'x", "(1,)", [1]),
        Array("\u{93}NUMPY".utf8), [0x93] + Array("NUMPY".utf8) + [2, 0, 0xff, 0xff, 0xff, 0xff],
    ])
    func arraysThatCannotBeKeptAreRefused(file: [UInt8]) throws {
        let error = #expect(throws: PluginError.self) {
            try PluginTests.decode(file, named: "a.npy")
        }
        switch error {
        case .unsupported, .badInput, .limit: break
        default: Issue.record("refused as \(String(describing: error))")
        }
    }

    static func nrrd(_ fields: String, _ data: [UInt8]) -> [UInt8] {
        Array("NRRD0004\n# by hand\n\(fields)\n\n".utf8) + data
    }

    @Test func nrrdComesBackByteForByte() throws {
        let data = (0..<24).map { UInt8($0) }
        let file = Self.nrrd(
            "type: short\ndimension: 3\nsizes: 2 3 2\nspacings: 0.5 1 2\nendian: big\n"
                + "encoding: raw\nkind:=sdf", data)
        let decoded = try PluginTests.decode(file, named: "a.nrrd")
        #expect(decoded.kind == "sdf")
        #expect(decoded.description.extents == [2, 3, 2])
        #expect(decoded.description.axes.map(\.spacing) == [2, 1, 0.5])
        #expect(decoded.samples == swapped(data, 2))
        #expect(decoded.exactness == .file)
        #expect(try PluginTests.encode(decoded, plugin: "array") == file)
    }

    @Test func nrrdKindsNameTheChannels() throws {
        let file = Self.nrrd(
            "type: uchar\ndimension: 3\nsizes: 3 2 2\nencoding: raw\nkinds: RGB-color domain domain",
            Array(1...12))
        let decoded = try PluginTests.decode(file, named: "a.nrrd")
        #expect(decoded.description.channels == [.red, .green, .blue])
        #expect(decoded.description.extents == [2, 2])
        #expect(try PluginTests.encode(decoded, plugin: "array") == file)
    }

    /// bytes(range(12)) in a gzip stream, made by Python's gzip with mtime 0.
    static let gzipped: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 100, 98, 102, 97, 101, 99, 231, 224, 228, 226, 6,
        0, 101, 201, 112, 146, 12, 0, 0, 0,
    ]

    @Test func gzippedNRRDIsExact() throws {
        let fields = "type: uint8\ndimension: 2\nsizes: 4 3\nencoding: gzip"
        let file = Self.nrrd(fields, Self.gzipped)
        let decoded = try PluginTests.decode(file, named: "a.nrrd")
        #expect(decoded.samples == (0..<12).map { UInt8($0) })
        #expect(decoded.exactness == .samples)
        let again = try PluginTests.encode(decoded, plugin: "array")
        #expect(try PluginTests.decode(again, named: "a.nrrd") == decoded)
        for length in (file.count - Self.gzipped.count)..<file.count {
            #expect(throws: PluginError.self, "cut at \(length)") {
                try PluginTests.decode(Array(file[..<length]), named: "a.nrrd")
            }
        }
        for sizes in ["4 2", "4 4"] {
            let lying = Self.nrrd(fields.replacing("4 3", with: sizes), Self.gzipped)
            #expect(throws: PluginError.self) {
                try PluginTests.decode(lying, named: "a.nrrd")
            }
        }
    }

    @Test(arguments: [
        "type: double\ndimension: 1\nsizes: 1\nendian: little\nencoding: raw",
        "type: uint8\ndimension: 1\nsizes: 8\nencoding: hex",
        "type: uint8\ndimension: 2\nsizes: 8\nencoding: raw",
        "type: uint8\ndimension: 1\nsizes: 8\nencoding: raw\ndata file: x.raw",
        "type: int16\ndimension: 1\nsizes: 4\nencoding: raw",
        "type: uint8\ndimension: 1\nsizes: -8\nencoding: raw",
        "type: uint8\ndimension: 1\nsizes: 9\nencoding: raw",
        "type: uint8\ndimension: 2\nsizes: 4611686018427387904 4\nencoding: raw",
    ])
    func nrrdThatCannotBeKeptIsRefused(fields: String) throws {
        #expect(throws: PluginError.self) {
            try PluginTests.decode(
                Self.nrrd(fields, Array(repeating: 0, count: 8)), named: "a.nrrd")
        }
    }
}
