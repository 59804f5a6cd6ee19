// The backend of swift-metrics in this daemon: figures in memory, told as OpenMetrics text.
//
// What always holds:
// - A figure is changed by one atomic operation; only making a new series and telling take a lock.
// - A registry belongs to one server: nothing is global, so tests with two servers stay apart.

import CoreMetrics
import Synchronization

package final class MetricsRegistry: MetricsFactory {
    enum Kind: String { case counter, gauge, histogram }

    /// One value with its labels, for figures that are read when they are asked for.
    package typealias Reading = (dimensions: [(String, String)], value: Double)

    private enum Series {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    private struct Family {
        let kind: Kind
        var help = ""
        var series: [String: Series] = [:]
        var read: (@Sendable () -> [Reading])?
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    /// Says what a figure is; `label` ends with its unit where it has one.
    package func describe(_ label: String, _ help: String) {
        families.withLock { $0[label]?.help = help }
    }

    /// A figure that is asked for when the text is made. `isCounter`: it only ever grows.
    package func register(
        _ label: String, _ help: String, isCounter: Bool = false,
        read: @escaping @Sendable () -> [Reading]
    ) {
        let family = Family(kind: isCounter ? .counter : .gauge, help: help, read: read)
        families.withLock { $0[label] = family }
    }

    // MARK: MetricsFactory

    package func makeCounter(
        label: String, dimensions: [(String, String)]
    ) -> any CounterHandler {
        let made = series(label, .counter, dimensions) { .counter(CounterCell()) }
        guard case .counter(let cell) = made else { preconditionFailure("\(label) is no counter") }
        return cell
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let made = series(label, .gauge, dimensions) { .gauge(GaugeCell()) }
        guard case .gauge(let cell) = made else { preconditionFailure("\(label) is no gauge") }
        return cell
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        histogram(label, dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        let made = series(label, .histogram, dimensions) { .histogram(HistogramCell()) }
        guard case .histogram(let cell) = made else { preconditionFailure("\(label) is no timer") }
        return cell
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func series(
        _ label: String, _ kind: Kind, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series {
        let name = OpenMetrics.labels(dimensions)
        return families.withLock { families in
            var family = families[label] ?? Family(kind: kind)
            let found = family.series[name] ?? make()
            family.series[name] = found
            families[label] = family
            return found
        }
    }

    // MARK: Text

    /// Everything in the OpenMetrics text format 1.0.
    package func text() -> String {
        var text = ""
        for (label, family) in families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            text += OpenMetrics.head(label, family.kind, family.help)
            if let read = family.read {
                let suffix = family.kind == .counter ? "_total" : ""
                for reading in read() {
                    let labels = OpenMetrics.labels(reading.dimensions)
                    text += OpenMetrics.line(label + suffix, labels, reading.value)
                }
            }
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                switch series {
                case .counter(let cell):
                    text += OpenMetrics.line("\(label)_total", labels, Double(cell.value))
                case .gauge(let cell):
                    text += OpenMetrics.line(label, labels, cell.value)
                case .histogram(let cell):
                    text += OpenMetrics.histogram(label, labels, cell)
                }
            }
        }
        return text + "# EOF\n"
    }
}

/// Lines of the text format.
enum OpenMetrics {
    static func head(_ label: String, _ kind: MetricsRegistry.Kind, _ help: String) -> String {
        var text = "# TYPE \(label) \(kind.rawValue)\n"
        for unit in ["seconds", "bytes"] where label.hasSuffix("_" + unit) {
            text += "# UNIT \(label) \(unit)\n"
        }
        return help.isEmpty ? text : text + "# HELP \(label) \(escaped(help))\n"
    }

    static func labels(_ dimensions: [(String, String)]) -> String {
        if dimensions.isEmpty { return "" }
        let parts = dimensions.map { "\($0)=\"\(escaped($1))\"" }
        return "{" + parts.joined(separator: ",") + "}"
    }

    static func line(_ name: String, _ labels: String, _ value: Double) -> String {
        "\(name)\(labels) \(number(value))\n"
    }

    static func histogram(_ label: String, _ labels: String, _ cell: HistogramCell) -> String {
        var text = ""
        var count: Int64 = 0
        let inner = labels.isEmpty ? "" : labels.dropFirst().dropLast() + ","
        for (index, bound) in HistogramCell.boundsNanoseconds.enumerated() {
            count += cell.count(index)
            let limit = number(Double(bound) / 1e9)
            text += "\(label)_bucket{\(inner)le=\"\(limit)\"} \(count)\n"
        }
        count += cell.count(HistogramCell.boundsNanoseconds.count)
        text += "\(label)_bucket{\(inner)le=\"+Inf\"} \(count)\n"
        text += "\(label)_count\(labels) \(count)\n"
        return text + line("\(label)_sum", labels, Double(cell.sum) / 1e9)
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
            "\n", with: "\\n")
    }
}

final class CounterCell: CounterHandler {
    private let total = Atomic(Int64(0))
    var value: Int64 { total.load(ordering: .relaxed) }
    func increment(by amount: Int64) { total.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { total.store(0, ordering: .relaxed) }
}

final class GaugeCell: MeterHandler {
    private let bits = Atomic(Double(0).bitPattern)
    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (done, found) = bits.weakCompareExchange(
                expected: old, desired: new, ordering: .relaxed)
            if done { return }
            old = found
        }
    }
}

/// Times in fixed buckets, from 50 us to 60 s.
// @unchecked Sendable: the buckets are atomics at fixed addresses, freed with the object.
final class HistogramCell: TimerHandler, RecorderHandler, @unchecked Sendable {
    static let boundsNanoseconds: [Int64] = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]
    private let buckets: UnsafeMutablePointer<Atomic<Int64>>
    private let total = Atomic(Int64(0))

    init() {
        let count = Self.boundsNanoseconds.count + 1
        buckets = .allocate(capacity: count)
        for index in 0..<count { (buckets + index).initialize(to: Atomic(0)) }
    }

    deinit {
        buckets.deinitialize(count: Self.boundsNanoseconds.count + 1)
        buckets.deallocate()
    }

    var sum: Int64 { total.load(ordering: .relaxed) }
    func count(_ bucket: Int) -> Int64 { buckets[bucket].load(ordering: .relaxed) }

    func recordNanoseconds(_ duration: Int64) {
        let bounds = Self.boundsNanoseconds
        let bucket = bounds.firstIndex { duration <= $0 } ?? bounds.count
        buckets[bucket].wrappingAdd(1, ordering: .relaxed)
        total.wrappingAdd(duration, ordering: .relaxed)
    }

    func record(_ value: Int64) { recordNanoseconds(value) }
    func record(_ value: Double) { recordNanoseconds(Int64(value)) }
}
