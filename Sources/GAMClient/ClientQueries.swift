// Points between samples, predicates and bounds: answers that are numbers.
// What always holds: numbers are binary64 or int64, little endian, whole.

import GAMProtocol

extension Client {
    /// Values between grid points.
    /// - Parameter coordinates: [points][axes], of rays [rays][2][axes].
    /// - Returns: what the daemon answers for the kind of query, and the numbers.
    public func query(
        _ key: String, _ query: WireQuery, coordinates: [Double]
    ) throws -> (result: WireSamplesResult, values: [Double]) {
        var request = WireRequest()
        request.key = key
        request.query = query
        let bytes = coordinates.flatMap { Self.bytes($0.bitPattern) }
        return try numbers(request, body: bytes) { Double(bitPattern: $0) }
    }

    /// Points whose samples compare as asked.
    /// - Returns: counts, and runs [runs][axes + 1].
    public func search(
        _ key: String, _ search: WireWhere
    ) throws -> (result: WireSamplesResult, runs: [Int64]) {
        var request = WireRequest()
        request.key = key
        request.where = search
        let found = try numbers(request, body: []) { Int64(bitPattern: $0) }
        return (found.result, found.values)
    }

    /// Minimum, maximum and mean of shards: [shards][2 axes + 3 channels].
    public func bounds(
        _ key: String, region: [WireInterval] = []
    ) throws -> (result: WireSamplesResult, values: [Double]) {
        var request = WireRequest()
        request.key = key
        request.bounds.region = region
        return try numbers(request, body: []) { Double(bitPattern: $0) }
    }

    private static func bytes(_ value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private func numbers<Number>(
        _ request: WireRequest, body: [UInt8], _ number: (UInt64) -> Number
    ) throws -> (result: WireSamplesResult, values: [Number]) {
        var bytes: [UInt8] = []
        let result = try receiveBody(request, body: body, nil) { bytes += $0 }
        guard bytes.count % 8 == 0 else {
            throw ClientError(.protocolError, "the daemon sent half a number")
        }
        let values = bytes.withUnsafeBytes { raw in
            (0..<bytes.count / 8).map {
                number(
                    UInt64(
                        littleEndian: raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
            }
        }
        return (result, values)
    }
}
