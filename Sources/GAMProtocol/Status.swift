// Status codes of the wire and exit codes of the command line; docs/protocol.md lists both.
// What always holds: a code keeps its number and its meaning for ever; new ones get new numbers.

/// How a request ended.
public enum Status: UInt32, Sendable, CaseIterable, Error {
    case ok = 0
    /// A fault of the daemon itself.
    case failed = 1
    case notFound = 2
    /// Stored bytes or bytes on the way are not what was written.
    case integrity = 3
    /// Some parts succeeded, some did not; the text says which.
    case partial = 4
    /// The request makes no sense for this signal: region, level, format, option, key.
    case badRequest = 5
    /// The file or the samples cannot be stored: damaged, of no known type, not representable.
    case badInput = 6
    /// Larger than a limit of the configuration or the format.
    case tooLarge = 7
    case alreadyExists = 8
    case cannotWrite = 9
    case ioError = 10
    /// Too many connections or requests, or the daemon is stopping.
    case busy = 11
    case noSpace = 12
    /// The deadline of the request has passed.
    case timedOut = 13
    /// The peer broke the rules of the protocol.
    case protocolError = 14
    /// An operation, option or version the peer does not know.
    case unsupported = 15
    case permission = 16
    case configuration = 17
    case cancelled = 18
    /// The adapter that is needed is not installed.
    case adapterMissing = 19
    /// The adapter crashed, hung or broke its contract.
    case adapterFault = 20
    /// No daemon answers; made by clients, never sent.
    case unreachable = 21

    /// What a process that ends with this status exits with.
    public var exitCode: ExitCode {
        switch self {
        case .ok: .ok
        case .failed, .adapterFault: .other
        case .notFound: .notFound
        case .integrity: .integrity
        case .partial: .partial
        case .badRequest: .usage
        case .badInput, .tooLarge: .badInput
        case .unreachable: .unreachable
        case .alreadyExists, .cannotWrite: .cannotWrite
        case .ioError: .ioError
        case .busy, .noSpace, .timedOut: .tryLater
        case .protocolError, .unsupported: .protocolError
        case .permission: .permission
        case .configuration, .adapterMissing: .configuration
        case .cancelled: .interrupted
        }
    }
}

/// Exit codes of gamctl and gamd, after sysexits.h where it has one.
public enum ExitCode: Int32, Sendable, CaseIterable {
    case ok = 0
    case other = 1
    case notFound = 3
    case integrity = 4
    case partial = 5
    case usage = 64
    case badInput = 65
    case unreachable = 69
    case cannotWrite = 73
    case ioError = 74
    case tryLater = 75
    case protocolError = 76
    case permission = 77
    case configuration = 78
    case interrupted = 130
}
