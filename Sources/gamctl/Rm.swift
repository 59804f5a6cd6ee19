import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl rm KEY...`
struct Rm: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Removes signals.")

    @Argument(help: "Keys of the signals.")
    var keys: [String]

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            var removed: [String] = []
            for key in keys {
                do {
                    try client.delete(key)
                    removed.append(key)
                } catch let error as ClientError where !removed.isEmpty {
                    let done = removed.joined(separator: ", ")
                    throw ClientError(.partial, "removed \(done); then: \(error.text)")
                }
            }
            if connection.json { show(jsonText(["removed": removed])) }
        }
    }
}
