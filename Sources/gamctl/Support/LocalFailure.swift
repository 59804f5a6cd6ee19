// What goes wrong in this process, for commands that need no daemon, in the daemon's own words.
// What always holds: the same fault has the same status here and on the wire (GAMServer/Failure).

import GAMClient
import GAMCodec
import GAMCore
import GAMPluginHost
import GAMProtocol
import GAMServer
import GAMStore

extension ClientError {
    /// An error of any module below gamctl; what none of them throws is a fault of ours.
    init(local error: any Error) {
        switch error {
        case let error as ClientError: self = error
        case let error as CodecError: self.init(Self.status(of: error), "\(error)")
        case let error as FormatError: self.init(Self.status(of: error), "\(error)")
        case let error as PluginError: self.init(Self.status(of: error), "\(error)")
        case let error as SignalError: self.init(.badInput, "\(error)")
        case is StoreError, is Failure, is ConfigurationError:
            let failure = Failure(error)
            self.init(failure.status, failure.text)
        default: self.init(.failed, "\(error)")
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
}
