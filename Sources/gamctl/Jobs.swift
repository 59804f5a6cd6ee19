import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl jobs`
struct Jobs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what the daemon fits in idle time.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.run { client in
            let reports = try client.jobs().map(JobReport.init)
            if connection.json { return show(jsonText(reports)) }
            for job in reports {
                let percent = fixed(100 * job.progress, 0)
                let bytes = job.bytesAfter == 0 ? "" : "\t\(job.bytesBefore) -> \(job.bytesAfter)"
                show("\(job.key)\t\(job.state)\t\(percent) %\(bytes)")
            }
        }
    }
}

private struct JobReport: Encodable {
    let key: String
    let state: String
    let progress: Double
    let bytesBefore: UInt64
    let bytesAfter: UInt64

    init(_ job: WireJob) {
        key = job.key
        state = job.state
        progress = job.progress
        bytesBefore = job.bytesBefore
        bytesAfter = job.bytesAfter
    }
}
