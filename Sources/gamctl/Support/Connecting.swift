// What every command that speaks to the daemon shares: its options and its way to fail.
// What always holds: an error is told on stderr, and the exit code is that of its status.

import ArgumentParser
import GAMClient
import GAMProtocol
import Glibc

struct ConnectionOptions: ParsableArguments {
    @Option(
        help: """
            Socket of the daemon. Default: GAMD_SOCKET, /run/gamd/gamd.sock, \
            then $XDG_RUNTIME_DIR/gamd/gamd.sock.
            """)
    var socket: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// Connects, runs `body`, and turns errors into exit codes.
    func run(_ body: (Client) throws -> Void) throws {
        try reporting(json: json) {
            try body(try Client(path: SocketPath.find(socket)))
        }
    }
}

/// Runs `body`; an error is printed and becomes the exit code of its status.
func reporting(json: Bool, _ body: () throws -> Void) throws {
    do {
        try body()
    } catch let exit as ArgumentParser.ExitCode {
        throw exit
    } catch {
        let failure = ClientError(local: error)
        if json {
            let report = ErrorReport(
                status: "\(failure.status)", code: failure.status.rawValue, text: failure.text)
            tell(jsonText(report))
        } else {
            tell("gamctl: \(failure.text)")
        }
        throw ArgumentParser.ExitCode(failure.status.exitCode.rawValue)
    }
}

private struct ErrorReport: Encodable {
    let status: String
    let code: UInt32
    let text: String
}

/// A line on stderr.
func tell(_ line: String) {
    writeAll(Array((line + "\n").utf8), to: STDERR_FILENO)
}

/// A line on stdout.
func show(_ line: String) {
    writeAll(Array((line + "\n").utf8), to: STDOUT_FILENO)
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        // A closed pipe behind us (`gamctl ls | head`) ends us as it ends others.
        guard count > 0 else { _exit(GAMProtocol.ExitCode.ioError.rawValue) }
        rest = rest.dropFirst(count)
    }
}
