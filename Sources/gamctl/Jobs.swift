import ArgumentParser
import GAMClient
import GAMProtocol

/// `gamctl jobs [--pause|--resume]`
struct Jobs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows, pauses and resumes what the daemon fits in idle time.")

    @Flag(help: "No fitting until it is resumed or the daemon starts again.")
    var pause = false

    @Flag(help: "Fit again in idle time.")
    var resume = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard !(pause && resume) else { throw ValidationError("Give --pause or --resume.") }
    }

    func run() throws {
        try connection.run { client in
            let result =
                pause || resume ? try client.setRefit(paused: pause) : try client.jobReport()
            let reports = result.jobs.map(JobReport.init)
            if connection.json { return show(jsonText(reports)) }
            show("\(result.paused ? "paused" : "on")\t\(result.waiting) waiting")
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
