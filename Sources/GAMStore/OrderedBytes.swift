// A map from byte strings to values, visited in byte order.
// What always holds: `order` is sorted, without duplicates, and holds exactly the keys of `values`.

struct OrderedBytes<Value> {
    private var order: [[UInt8]] = []
    private var values: [[UInt8]: Value] = [:]

    subscript(key: [UInt8]) -> Value? {
        get { values[key] }
        set {
            let old = values[key]
            values[key] = newValue
            guard (old == nil) != (newValue == nil) else { return }
            let place = firstIndex { !$0.lexicographicallyPrecedes(key) }
            if newValue == nil {
                order.remove(at: place)
            } else {
                order.insert(key, at: place)
            }
        }
    }

    /// Keys that start with `prefix`, from the first one after `after`.
    func keys(prefix: [UInt8], after: [UInt8]?) -> some Sequence<[UInt8]> {
        let start = firstIndex { key in
            let isBefore = key.lexicographicallyPrecedes(prefix)
            let isPast = after.map { $0.lexicographicallyPrecedes(key) } ?? true
            return !isBefore && isPast
        }
        return order[start...].prefix { $0.starts(with: prefix) }
    }

    func reduce(_ bytes: ([UInt8], Value) -> Int) -> Int {
        values.reduce(0) { $0 + bytes($1.key, $1.value) }
    }

    /// Binary search: `matches` is false up to some key and true from there on.
    private func firstIndex(_ matches: ([UInt8]) -> Bool) -> Int {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if matches(order[middle]) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
