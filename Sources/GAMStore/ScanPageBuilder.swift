// Collects one page of a scan; the one place that knows where a page ends.
// What always holds: a page that says it is not the last ends before an entry that exists.

struct ScanPageBuilder {
    private(set) var page = ScanPage()
    private let limit: Int
    private var bytes = 0

    init(limit: Int) {
        self.limit = min(limit, StoreLimits.scanEntriesMax)
    }

    /// Adds an entry if the page has room; false when it is full.
    mutating func add(
        _ key: @autoclosure () -> [UInt8], _ value: @autoclosure () -> VersionedValue
    ) -> Bool {
        guard page.entries.count < limit, bytes < StoreLimits.scanBytesMax else {
            page.isLast = false
            return false
        }
        let entry = ScanPage.Entry(key: key(), value: value())
        bytes += entry.key.count + entry.value.bytes.count
        page.entries.append(entry)
        return true
    }
}
