// Keys and values of the metadata family, byte by byte; nothing else builds or takes them apart.
// Integers in keys are big endian (so that byte order is number order), in values little endian.
//
//   00 "format"                    version u32, store id 16 bytes
//   01 n name(n) key               sequence number of the writing commit u64, value bytes
//   02 name                        generation of the partition u64
//   03 transaction id (16)         sequence u64, generation u64
//   04 sequence u64                transaction id (16)
//   05                             sequence of the last commit u64
//   06 blob id                     byte count of the blob u32

enum StoreLayout {
    static let formatVersion: UInt32 = 1
    static let storeIDBytes = 16

    static let formatKey: [UInt8] = [0x00] + Array("format".utf8)
    static let lastSequenceKey: [UInt8] = [0x05]
    static let blobIndexTag: UInt8 = 0x06

    static func entryPrefix(_ partition: PartitionName) -> [UInt8] {
        let name = Array(partition.name.utf8)
        return [0x01, UInt8(name.count)] + name
    }

    static func entryKey(_ partition: PartitionName, _ key: [UInt8]) -> [UInt8] {
        entryPrefix(partition) + key
    }

    static func generationKey(_ partition: PartitionName) -> [UInt8] {
        [0x02] + Array(partition.name.utf8)
    }

    static func receiptKey(_ id: TransactionID) -> [UInt8] { [0x03] + id.bytes }

    static func ringKey(_ sequence: UInt64) -> [UInt8] {
        [0x04] + bytes(of: sequence.bigEndian)
    }

    static func blobIndexKey(_ id: BlobID) -> [UInt8] { [blobIndexTag] + id.bytes }

    static func format(version: UInt32, storeID: [UInt8]) -> [UInt8] {
        bytes(of: version.littleEndian) + storeID
    }

    static func takeFormat(_ bytes: [UInt8]) throws(StoreError) -> (UInt32, storeID: [UInt8]) {
        let version: UInt32 = try take(bytes, at: 0, "the format record")
        try expect(bytes.count == 4 + storeIDBytes, "the format record")
        return (version, Array(bytes[4...]))
    }

    static func entry(_ value: [UInt8], version: UInt64) -> [UInt8] {
        bytes(of: version.littleEndian) + value
    }

    static func takeEntry(_ bytes: [UInt8]) throws(StoreError) -> VersionedValue {
        let version: UInt64 = try take(bytes, at: 0, "a value")
        return VersionedValue(bytes: Array(bytes[8...]), version: version)
    }

    static func number(_ value: UInt64) -> [UInt8] { bytes(of: value.littleEndian) }

    static func takeNumber(_ bytes: [UInt8], _ what: String) throws(StoreError) -> UInt64 {
        try expect(bytes.count == 8, what)
        return try take(bytes, at: 0, what)
    }

    static func receipt(_ receipt: CommitReceipt) -> [UInt8] {
        number(receipt.sequence) + number(receipt.generation)
    }

    static func takeReceipt(_ bytes: [UInt8]) throws(StoreError) -> CommitReceipt {
        try expect(bytes.count == 16, "a transaction record")
        return CommitReceipt(
            sequence: try take(bytes, at: 0, "a transaction record"),
            generation: try take(bytes, at: 8, "a transaction record"))
    }

    static func blobByteCount(_ count: Int) -> [UInt8] { bytes(of: UInt32(count).littleEndian) }

    static func takeBlobByteCount(_ bytes: [UInt8]) throws(StoreError) -> Int {
        try expect(bytes.count == 4, "a blob index record")
        let count: UInt32 = try take(bytes, at: 0, "a blob index record")
        return Int(count)
    }

    static func bytes(of value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value) { [UInt8]($0) }
    }

    private static func take<Number: FixedWidthInteger>(
        _ bytes: [UInt8], at offset: Int, _ what: String
    ) throws(StoreError) -> Number {
        try expect(bytes.count >= offset + MemoryLayout<Number>.size, what)
        let raw = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: offset, as: Number.self)
        }
        return Number(littleEndian: raw)
    }

    private static func expect(_ condition: Bool, _ what: String) throws(StoreError) {
        guard condition else { throw .corruption(detail: "\(what) has a wrong length") }
    }
}
