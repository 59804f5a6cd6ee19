// What always holds here: a decoding has a limit of one second, and every fault came within two.

import GAMPluginHost
import Testing

/// Decoding with a worker that a test plays.
enum FakeDecode {
    static let samples = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }

    /// What decoding a file of 2000 bytes gives when `script` answers, and in how many seconds.
    static func decode(
        _ script: @escaping FakeWorker.Script
    ) -> (result: Result<[UInt8], PluginError>, seconds: Double) {
        let registry = FakeWorker.registry(script)
        var result: Result<[UInt8], PluginError> = .success([])
        let time = ContinuousClock().measure {
            result = Result { () throws(PluginError) in try decode(registry) }
        }
        return (result, time / .seconds(1))
    }

    static func decode(_ registry: PluginRegistry) throws(PluginError) -> [UInt8] {
        let file = TemporaryFile([UInt8](repeating: 3, count: 2000))
        var limits = PluginLimits()
        limits.secondsMax = 1
        let session = try registry.adapter(id: "array").decode(
            descriptor: file.descriptor, fileName: "a.npy", limits: limits)
        var samples: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try buffer.withUnsafeMutableBytes { bytes in
                Result { () throws(PluginError) in try session.read(into: bytes) }
            }.get()
            if count == 0 { return samples }
            samples.append(contentsOf: buffer[..<count])
        }
    }

    static func fault(
        _ words: String, _ script: @escaping FakeWorker.Script,
        at location: SourceLocation = #_sourceLocation
    ) {
        let (result, seconds) = decode(script)
        #expect(seconds < 2, sourceLocation: location)
        guard case .failure(.fault(_, let reason)) = result else {
            Issue.record("no fault but \(result)", sourceLocation: location)
            return
        }
        #expect(reason.contains(words), "\(reason)", sourceLocation: location)
    }

    /// Answers the first request with `answer` and the honest samples.
    static func says(_ answer: FakeAnswer, _ samples: [UInt8] = samples)
        -> FakeWorker.Script
    {
        { worker in
            _ = worker.receive()
            worker.send(answer.opened(worker, samples: samples))
            worker.waitForTheEnd()
        }
    }
}
