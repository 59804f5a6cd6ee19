// The integer network that gives the samples between those stored, and its arithmetic.
//
// What always holds:
// - Integers only: the same answer on every machine, by every engine, in any order of cells.
// - A cell belongs to every stored point; its outputs are the 2^axes - 1 points between it and the
//   next ones. What the network sees is the window less its middle, divided by its scale: offset and
//   contrast do not change it, and where the window is flat the cubic kernel alone is the answer.
// - No sum overflows: samples have at most 32 bits, so sums of differences stay below 2^45, and a
//   FieldNetwork that exists keeps its own below 2^31.
//
// After Tritical's NNEDI (2009): a small network per cell beside a kernel; docs/measurements.md has
// what it gains. Weights: Priors/train_superresolution.py.

import CGAMKernels
import CGAMPriors
import GAMCore

/// Samples of one channel, the edge's repeated around them: `window` / 2 - 1 before, the rest behind.
/// Unchecked: tasks only read it, within the loan.
struct PaddedPlane: @unchecked Sendable {
    let values: UnsafePointer<Int64>
    let stride: Int
}

struct SuperResolutionNetwork: Sendable {
    let axes: Int
    let window: Int
    /// Points between a stored one and the next ones.
    var outputs: Int { (1 << axes) - 1 }
    /// Samples along the slower axis: a series has one row.
    var windowRows: Int { axes == 1 ? 1 : window }
    var before: Int { window / 2 - 1 }

    private let network: FieldNetwork
    /// The sum of differences of a window over 2^this is its scale.
    private let scaleShift: Int
    private static let correctionMax: Int64 = 1 << 22

    /// The network for signals of so many axes; nil where none beats the cubic kernel.
    static func shipped(axes: Int) -> SuperResolutionNetwork? { networks[axes] }

    private static let networks: [Int: SuperResolutionNetwork] = {
        var found: [Int: SuperResolutionNetwork] = [:]
        for axes in 1...Limits.axesMax {
            var count = 0
            guard let bytes = gam_superresolution(Int32(axes), &count) else { continue }
            do {
                found[axes] = try SuperResolutionNetwork(
                    parsing: UnsafeRawBufferPointer(start: bytes, count: count))
            } catch {
                preconditionFailure("a shipped network is damaged: \(error)")
            }
        }
        return found
    }()

    /// Axes, window, hidden units, outputs (a byte each); then int16 [out][in] of three layers, then
    /// their int32 biases, little endian.
    init(parsing bytes: UnsafeRawBufferPointer) throws {
        precondition(bytes.count > 4, "the four numbers of the shape")
        let (axes, window, hidden, rows) = (
            Int(bytes[0]), Int(bytes[1]), Int(bytes[2]), Int(bytes[3])
        )
        precondition((1...2).contains(axes) && rows == (1 << axes) - 1 && window % 2 == 0)
        let inputs = axes == 1 ? window : window * window
        // The kernel gives 3 K - 1 outputs: those beyond ours have weights of 0.
        let shape = NetworkShape(inputs: inputs, hidden: hidden, components: axes)
        var at = 4
        func take<T: FixedWidthInteger>(_ count: Int, _ type: T.Type, padded: Int) -> [T] {
            defer { at += count * MemoryLayout<T>.size }
            return (0..<padded).map {
                guard $0 < count else { return 0 }
                return T(
                    littleEndian: bytes.loadUnaligned(
                        fromByteOffset: at + $0 * MemoryLayout<T>.size, as: T.self))
            }
        }
        let weights = [
            take(hidden * inputs, Int16.self, padded: hidden * inputs),
            take(hidden * hidden, Int16.self, padded: hidden * hidden),
            take(rows * hidden, Int16.self, padded: shape.outputs * hidden),
        ]
        let biases = [
            take(hidden, Int32.self, padded: hidden), take(hidden, Int32.self, padded: hidden),
            take(rows, Int32.self, padded: shape.outputs),
        ]
        precondition(at == bytes.count, "the file ends with its biases")
        network = try FieldNetwork(shape: shape, weights: weights, biases: biases)
        self.axes = axes
        self.window = window
        scaleShift = Int.bitWidth - 1 - (inputs << (2 * axes)).leadingZeroBitCount
    }

    /// The points of cells, unrounded, in units of 16^-axes.
    /// - Parameters:
    ///   - first: the window of the first of `count` neighbouring cells begins here.
    ///   - emit: takes cell, point and value; bit 0 of the point is half a step along the fastest
    ///     axis, bit 1 along the one before it. Point 0 is the stored sample.
    func predict(
        _ plane: PaddedPlane, first: Int, count: Int, _ engine: Engine,
        _ batch: UnsafeMutablePointer<gam_batch>, _ emit: (Int, Int, Int64) -> Void
    ) {
        precondition(count <= GAM_BATCH_MAX, "one batch")
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: count + inputs) { memory in
            let sums = memory.baseAddress!
            var all: Int64 = 0
            for cell in 0..<count {
                sums[cell] = gather(plane, first + cell, cell, sums + count, batch)
                all |= sums[cell]
            }
            if all != 0 { network.withKernel { engine.infer($0, count: count, batch) } }
            let shift = Int64(12 + scaleShift - 4 * axes)
            withUnsafePointer(to: &batch.pointee.outputs) { rows in
                let rows = UnsafeRawPointer(rows).assumingMemoryBound(to: Int32.self)
                for cell in 0..<count {
                    emit(cell, 0, stored(plane, first + cell) << Int64(4 * axes))
                    for output in 0..<outputs {
                        let raw = Int64(rows[output * GAM_BATCH_STRIDE + cell])
                        let clamped = min(max(raw, -Self.correctionMax), Self.correctionMax)
                        // A flat window has the sum 0: its outputs are those of another batch.
                        let correction = ((clamped >> 8) * sums[cell]) >> shift
                        emit(cell, output + 1, cubic(plane, first + cell, output) + correction)
                    }
                }
            }
        }
    }

    private var inputs: Int { windowRows * window }

    /// Writes the inputs of one cell, 256 = one scale; gives the sum of its differences.
    @inline(__always)
    private func gather(
        _ plane: PaddedPlane, _ first: Int, _ cell: Int,
        _ differences: UnsafeMutablePointer<Int64>, _ batch: UnsafeMutablePointer<gam_batch>
    ) -> Int64 {
        let middle = middleSum(plane, first)
        let factor = Int64(1) << Int64(2 * axes)
        var sum: Int64 = 0
        for row in 0..<windowRows {
            let line = plane.values + first + row * plane.stride
            let out = differences + row * window
            for column in 0..<window {
                out[column] = line[column] * factor - middle
                sum += abs(out[column])
            }
        }
        let reciprocal = (Int64(1) << Int64(48 + scaleShift)) / max(sum, 1)
        withUnsafeMutablePointer(to: &batch.pointee.inputs) { pairs in
            let pairs = UnsafeMutableRawPointer(pairs).assumingMemoryBound(to: Int32.self) + cell
            for pair in 0..<inputs / 2 {
                let low = Self.input(differences[2 * pair], reciprocal)
                let high = Self.input(differences[2 * pair + 1], reciprocal)
                pairs[pair * GAM_BATCH_STRIDE] = (low & 0xffff) | (high << 16)
            }
        }
        return sum
    }

    @inline(__always)
    private static func input(_ difference: Int64, _ reciprocal: Int64) -> Int32 {
        let scaled = (difference * reciprocal + (1 << 39)) >> 40
        return Int32(truncatingIfNeeded: min(max(scaled, -limit), limit))
    }

    private static let limit = Int64(GAM_INPUT_MAX)

    /// The sum of the 4^axes samples around the cell.
    @inline(__always)
    private func middleSum(_ plane: PaddedPlane, _ first: Int) -> Int64 {
        let inner = plane.values + innerPlace(plane, first)
        var sum: Int64 = 0
        for row in 0..<(axes == 1 ? 1 : 4) {
            let line = inner + row * plane.stride
            sum += line[0] + line[1] + line[2] + line[3]
        }
        return sum
    }

    private func stored(_ plane: PaddedPlane, _ first: Int) -> Int64 {
        plane.values[first + before + (axes == 1 ? 0 : before * plane.stride)]
    }

    /// Where the 4^axes samples around a cell begin.
    @inline(__always)
    private func innerPlace(_ plane: PaddedPlane, _ first: Int) -> Int {
        let edge = window / 2 - 2
        return first + edge + (axes == 1 ? 0 : edge * plane.stride)
    }

    /// Catmull-Rom half way along the axes of an output, in 16^-axes.
    @inline(__always)
    private func cubic(_ plane: PaddedPlane, _ first: Int, _ output: Int) -> Int64 {
        let inner = plane.values + innerPlace(plane, first)
        let stride = plane.stride
        switch (axes, output) {
        case (1, _): return Self.halfway(inner, 1)
        case (_, 0): return 16 * Self.halfway(inner + stride, 1)
        case (_, 1): return 16 * Self.halfway(inner + 1, stride)
        default:
            let near = Self.halfway(inner + stride, 1) + Self.halfway(inner + 2 * stride, 1)
            return 9 * near - Self.halfway(inner, 1) - Self.halfway(inner + 3 * stride, 1)
        }
    }

    /// Between the second and third of four samples, in sixteenths.
    @inline(__always)
    private static func halfway(_ line: UnsafePointer<Int64>, _ step: Int) -> Int64 {
        9 * (line[step] + line[2 * step]) - line[0] - line[3 * step]
    }
}
