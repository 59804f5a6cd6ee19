// What always holds here:
// - A manifest that exists has been checked; reading one runs no code of the plugin.
// - `library` is a bare file name: a manifest cannot point anywhere but to the search folders.

import CGAMPlugin

/// What gamd knows of a plugin without running it (docs/plugins.md, "The manifest").
public struct PluginManifest: Hashable, Sendable {
    /// One file format of the plugin.
    public struct FileType: Hashable, Sendable {
        public let name: String
        public let mediaType: String
        /// Lower case, with the dot.
        public let suffixes: [String]
        public let magic: [MagicPattern]
        public let exactness: Exactness

        package init(
            name: String, mediaType: String, suffixes: [String], magic: [MagicPattern],
            exactness: Exactness
        ) {
            self.name = name
            self.mediaType = mediaType
            self.suffixes = suffixes
            self.magic = magic
            self.exactness = exactness
        }
    }

    public let id: String
    public let version: String
    public let abiMajor: UInt32
    public let abiMinor: UInt32
    public let library: String
    /// Signal kinds it produces: "image", "audio", "sdf", "array" ...
    public let kinds: [String]
    public let types: [FileType]
    public let limits: PluginLimits
    /// Where it was read from.
    public let path: String

    package init(
        id: String, version: String, abi: (UInt32, UInt32), library: String, kinds: [String],
        types: [FileType], limits: PluginLimits, path: String
    ) {
        self.id = id
        self.version = version
        (abiMajor, abiMinor) = abi
        self.library = library
        self.kinds = kinds
        self.types = types
        self.limits = limits
        self.path = path
    }

    /// For example "1.0".
    public var abi: String { "\(abiMajor).\(abiMinor)" }
    public var mediaTypes: [String] { types.map(\.mediaType) }
    public var suffixes: [String] { types.flatMap(\.suffixes) }

    /// Why this host cannot use a plugin of the manifest's ABI; nil when it can.
    var abiRefusal: String? {
        if abiMajor != UInt32(GAM_ABI_MAJOR) {
            return "it has ABI \(abi) and this host speaks \(GAM_ABI_MAJOR).x;"
                + " install a version built for ABI \(GAM_ABI_MAJOR)"
        }
        if abiMinor > UInt32(GAM_ABI_MINOR) {
            return "it needs ABI \(abi) and this host offers \(GAM_ABI_MAJOR).\(GAM_ABI_MINOR);"
                + " update the host"
        }
        return nil
    }

    /// Bytes of the longest magic pattern that `head` matches; 0 when none does.
    func magicBytesMatched(_ head: [UInt8]) -> Int {
        types.flatMap(\.magic).filter { $0.matches(head) }.map(\.byteCount).max() ?? 0
    }

    /// Whether `fileName` ends in one of the suffixes, upper or lower case.
    func hasSuffix(of fileName: String) -> Bool {
        let name = fileName.lowercased()
        return suffixes.contains { name.hasSuffix($0) }
    }
}

/// Bytes at fixed offsets, written "0:52494646+8:57415645".
public struct MagicPattern: Hashable, Sendable {
    struct Piece: Hashable, Sendable {
        let offset: Int
        let bytes: [UInt8]
    }
    let pieces: [Piece]

    /// Bytes of the file's start that any pattern may look at.
    public static let headBytes = 512

    /// Nil when `text` is not a pattern within the first `headBytes` bytes.
    public init?(_ text: String) {
        var pieces: [Piece] = []
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            let fields = part.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 2, let offset = Int(fields[0]), offset >= 0,
                let bytes = Self.bytes(hex: fields[1]), !bytes.isEmpty,
                offset < Self.headBytes, offset + bytes.count <= Self.headBytes
            else { return nil }
            pieces.append(Piece(offset: offset, bytes: bytes))
        }
        self.pieces = pieces
    }

    var byteCount: Int { pieces.reduce(0) { $0 + $1.bytes.count } }

    func matches(_ head: [UInt8]) -> Bool {
        pieces.allSatisfy { piece in
            piece.offset + piece.bytes.count <= head.count
                && head[piece.offset...].starts(with: piece.bytes)
        }
    }

    private static func bytes(hex: Substring) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
