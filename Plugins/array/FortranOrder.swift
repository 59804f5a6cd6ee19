// What always holds here:
// - A slab is all elements whose first index lies in `first ..< first + count`. In the file (first
//   axis fastest) it is one run of `count` elements per combination of the other indices; in C
//   order it is contiguous.

/// Copies between a slab's runs (as in the file) and its C order.
struct FortranSlab {
    /// Extents of the array, first index first.
    let extents: [Int]
    let elementBytes: Int
    /// Indices of the first axis in this slab.
    let count: Int

    /// Elements per index of the first axis: the number of runs.
    var runs: Int { extents.dropFirst().reduce(1, *) }
    var byteCount: Int { count * runs * elementBytes }

    /// `runBytes` holds all runs one after the other, second axis fastest.
    func toC(_ runBytes: [UInt8]) -> [UInt8] { copied(runBytes, toC: true) }
    func toRuns(_ cBytes: [UInt8]) -> [UInt8] { copied(cBytes, toC: false) }

    private func copied(_ source: [UInt8], toC: Bool) -> [UInt8] {
        var target = [UInt8](repeating: 0, count: source.count)
        let others = Array(extents.dropFirst())
        var strides = [Int](repeating: 1, count: others.count)
        for axis in stride(from: others.count - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * others[axis + 1]
        }
        var index = [Int](repeating: 0, count: others.count)
        var cOffset = 0
        let total = runs
        for run in 0..<total {
            for first in 0..<count {
                let inRuns = (run * count + first) * elementBytes
                let inC = (first * total + cOffset) * elementBytes
                let (from, to) = toC ? (inRuns, inC) : (inC, inRuns)
                for byte in 0..<elementBytes { target[to + byte] = source[from + byte] }
            }
            for axis in others.indices {
                index[axis] += 1
                cOffset += strides[axis]
                if index[axis] < others[axis] { break }
                cOffset -= strides[axis] * others[axis]
                index[axis] = 0
            }
        }
        return target
    }

    /// As many first indices as fit into `bytes` of memory three times over, at least one.
    static func count(extents: [Int], elementBytes: Int, memory: UInt64) -> Int {
        let perIndex = extents.dropFirst().reduce(elementBytes, *)
        return max(1, min(extents[0], Int(min(memory, 1 << 40)) / 3 / perIndex))
    }
}
