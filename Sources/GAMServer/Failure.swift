// How anything that can go wrong becomes a status of the wire.
// What always holds: the switch over every module's errors is exhaustive, so that a new case does
// not compile before it has a status.

import GAMCodec
import GAMCore
import GAMFormat
import GAMPluginHost
import GAMProtocol
import GAMQuery
import GAMStore
import Glibc

/// A request that ended badly: a stable status and a text that says what failed and what to do.
public struct Failure: Error, Equatable, CustomStringConvertible {
    public let status: Status
    public let text: String

    public init(_ status: Status, _ text: String) {
        self.status = status
        self.text = text
    }

    public var description: String { text }

    /// A failed system call.
    static func system(_ operation: String, errno code: Int32) -> Failure {
        let reason = String(cString: strerror(code))
        switch code {
        case ENOSPC, EDQUOT:
            return Failure(.noSpace, "\(operation): \(reason); free space and try again")
        case EACCES, EPERM, EROFS:
            return Failure(.permission, "\(operation): \(reason); check owner and mode")
        case EMFILE, ENFILE, ENOMEM, EAGAIN:
            return Failure(.busy, "\(operation): \(reason); try again later")
        default:
            return Failure(.ioError, "\(operation): \(reason)")
        }
    }

    /// The status of any error a request can meet.
    public init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let unsettled as UnsettledCommit: self.init(unsettled.reason)
        case let error as StoreError: self.init(Self.status(of: error), "\(error)")
        case let error as CodecError: self.init(Self.status(of: error), "\(error)")
        case let error as FormatError: self.init(Self.status(of: error), "\(error)")
        case let error as PluginError: self.init(Self.status(of: error), "\(error)")
        case let error as AdapterError: self.init(Self.status(of: error), "\(error)")
        case let error as QueryError: self.init(.badRequest, "\(error)")
        case let error as SignalError: self.init(.badInput, "\(error)")
        case let error as ConfigurationError: self.init(.configuration, "\(error)")
        case let error as KeyError: self.init(.badRequest, "\(error)")
        default: self.init(.failed, "unexpected error: \(error); please report it")
        }
    }

    private static func status(of error: StoreError) -> Status {
        switch error {
        case .notFound, .corruption: .integrity
        case .conflict, .closed: .busy
        case .limitExceeded: .tooLarge
        case .noSpace: .noSpace
        case .io, .unknownOutcome: .ioError
        case .alreadyOpen: .busy
        case .newerVersion, .notAStore: .configuration
        }
    }

    private static func status(of error: CodecError) -> Status {
        switch error {
        case .integrity, .missingRecord, .malformed: .integrity
        case .unsupported: .unsupported
        case .badRegion: .badRequest
        case .cancelled: .cancelled
        }
    }

    private static func status(of error: FormatError) -> Status {
        switch error {
        case .truncated, .malformed, .checksum: .integrity
        case .version: .unsupported
        }
    }

    private static func status(of error: PluginError) -> Status {
        switch error {
        case .badInput, .unsupported, .noAdapter: .badInput
        case .limit: .tooLarge
        case .usage: .badRequest
        case .unknownPlugin, .incompatible, .manifest: .adapterMissing
        case .inputOutput: .ioError
        case .outOfMemory: .busy
        case .fault: .adapterFault
        }
    }

    private static func status(of error: AdapterError) -> Status {
        switch error {
        case .missing: .adapterMissing
        case .unknownFormat: .badRequest
        case .fault: .adapterFault
        }
    }

    /// The same with the key in front of the text.
    func about(_ key: String) -> Failure {
        key.isEmpty || text.hasPrefix("\"\(key)\"") ? self : Failure(status, "\"\(key)\": \(text)")
    }
}
