// Figures read back from OpenMetrics text.
// What always holds: a line that is no figure is skipped.

import Foundation

struct Figures {
    /// By name with labels, as the text has them: `gamd_requests_total{operation="get",...}`.
    let values: [String: Double]

    init(_ text: String) {
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            values[String(line[..<space])] = value
        }
        self.values = values
    }

    subscript(name: String) -> Double { values[name] ?? 0 }

    /// All series of a family with the value of one of their labels.
    func series(_ family: String, by label: String) -> [String: Double] {
        var sums: [String: Double] = [:]
        for (name, value) in values where name.hasPrefix(family + "{") {
            if let key = Self.label(label, of: name) { sums[key, default: 0] += value }
        }
        return sums
    }

    static func label(_ label: String, of name: String) -> String? {
        guard let start = name.range(of: "\(label)=\"") else { return nil }
        let rest = name[start.upperBound...]
        return rest.firstIndex(of: "\"").map { String(rest[..<$0]) }
    }

    /// The time in seconds below which `part` of the new requests of an operation stayed: the
    /// upper bound of its bucket; nil when there were none.
    func quantile(_ part: Double, of operation: String, since old: Figures) -> Double? {
        let prefix = "gamd_request_seconds_bucket{operation=\"\(operation)\""
        var buckets: [(bound: Double, count: Double)] = []
        for (name, value) in values where name.hasPrefix(prefix) {
            guard let text = Self.label("le", of: name) else { continue }
            let bound = text == "+Inf" ? .infinity : Double(text) ?? .infinity
            buckets.append((bound, value - old[name]))
        }
        buckets.sort { $0.bound < $1.bound }
        guard let total = buckets.last?.count, total > 0 else { return nil }
        return buckets.first { $0.count >= part * total }?.bound
    }
}
