import GAMCore
import GAMFormat
import Testing

@Suite struct RecordTests {
    private let layout = ShardLayout(extents: [64, 72], channels: 1)

    private func range(_ low: [UInt8], _ span: [UInt8]) throws -> Record {
        let header: [UInt8] = [0x47, 1, 2] + [UInt8](repeating: 0, count: 8)
        return try Record(parsing: header + low + span, layout: layout)
    }

    @Test func rangesThatLeave32BitsAreMalformed() {
        let largest = [0xfe] + [UInt8](repeating: 0xff, count: 8) + [0x01]
        let least = [UInt8](repeating: 0xff, count: 9) + [0x01]
        for low in [largest, least, [0xfe, 0xff, 0xff, 0xff, 0x0f]] {
            for span in [[UInt8(1)], largest, least] {
                #expect(throws: FormatError.malformed("value range")) { try range(low, span) }
            }
        }
    }
}
