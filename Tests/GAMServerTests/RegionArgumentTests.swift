// Regions as users write them, held against Python's slices.

import GAMClient
import GAMProtocol
import Testing

struct RegionArgumentTests {
    @Test(
        arguments: [
            ("0:4,1:3", [10, 20], [0..<4, 1..<3]),
            ("2:,:5", [10, 20], [2..<10, 0..<5]),
            ("-3:,:-5", [10, 20], [7..<10, 0..<15]),
            (":", [10, 20], [0..<10, 0..<20]),
            ("3", [10], [3..<4]),
            ("-1", [10], [9..<10]),
            ("5:100", [10], [5..<10]),
            ("-100:2", [10], [0..<2]),
            (" 1 : 2 ", [10], [1..<2]),
        ])
    func slicesFollowPython(text: String, extents: [Int], expected: [Range<Int>]) throws {
        let intervals = expected.map { WireInterval($0.lowerBound, $0.upperBound) }
        #expect(try RegionArgument(text).resolved(extents: extents) == intervals)
    }

    @Test(
        arguments: [
            ("::2", 10, 0, 10, 2), ("::-1", 10, 9, -1, -1), ("8:2:-3", 10, 8, 2, -3),
            (":3:-1", 10, 9, 3, -1), ("-2::-4", 10, 8, -1, -4), ("100:-100:-1", 10, 9, -1, -1),
            ("1::3", 10, 1, 10, 3),
        ])
    func stepsFollowPython(text: String, extent: Int, start: Int, stop: Int, step: Int) throws {
        let interval = WireInterval(start, stop, step: step)
        #expect(try RegionArgument(text).resolved(extents: [extent]) == [interval])
    }

    @Test(
        arguments: [
            ("1:2:0", [10]), ("1:2:3:4", [10]), ("1:5:-1", [10]), ("a:b", [10]), ("5:5", [10]),
            ("7:3", [10]), ("1,2,3", [10, 20]),
            ("99", [10]), ("9223372036854775807", [10]), ("", [10]),
            ("1:99999999999999999999", [10]),
        ])
    func senselessRegionIsRefused(text: String, extents: [Int]) {
        let error = #expect(throws: ClientError.self) {
            try RegionArgument(text).resolved(extents: extents)
        }
        #expect(error?.status == .badRequest)
    }
}
