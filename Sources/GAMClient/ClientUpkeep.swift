// What an administrator asks of the daemon.

import GAMProtocol

extension Client {
    /// The daemon's figures as OpenMetrics text.
    public func metrics() throws -> String {
        var request = WireRequest()
        request.metrics = WireMetrics()
        return try call(request).metrics.text
    }

    /// The configuration in force, with the origin of each value.
    public func configuration() throws -> [WireSetting] {
        var request = WireRequest()
        request.config = WireConfig()
        return try call(request).config.settings
    }

    /// The fitting under way, what was done last, and whether it is paused.
    public func jobReport() throws -> WireJobsResult {
        var request = WireRequest()
        request.jobs = WireJobs()
        return try call(request).jobs
    }

    public func setRefit(paused: Bool) throws -> WireJobsResult {
        var request = WireRequest()
        request.refit.pause = paused
        return try call(request).jobs
    }

    /// Makes a backup and deletes all but the newest `keep`, if that is not 0.
    public func createBackup(keep: Int = 0) throws -> WireBackupResult {
        var request = WireRequest()
        request.backup.action = "create"
        request.backup.keep = UInt32(clamping: keep)
        return try call(request).backup
    }

    public func listBackups() throws -> WireBackupResult {
        var request = WireRequest()
        request.backup.action = "list"
        return try call(request).backup
    }

    /// Recalls every signal of a backup, the newest for 0.
    public func verifyBackup(
        _ id: UInt32, progress: Progress? = nil
    ) throws -> WireBackupResult {
        var request = WireRequest()
        request.progress = progress != nil
        request.backup.action = "verify"
        request.backup.id = id
        return try call(request, progress: progress).backup
    }

    /// - Parameter action: "start", "stop" or "status".
    public func scrub(_ action: String) throws -> WireScrubResult {
        var request = WireRequest()
        request.scrub.action = action
        return try call(request).scrub
    }

    /// Deletes records nobody names and gives dead space back.
    public func collect() throws -> WireCollectResult {
        var request = WireRequest()
        request.collect = WireCollect()
        return try call(request).collect
    }
}
