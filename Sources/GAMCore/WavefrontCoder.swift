// Walks the sheets of a spatial shard and hands every batch to a step.
//
// What always holds here:
// - Planes are walked one after the other; a plane sees up to two earlier ones completely.
// - Positions on the overview lattice are known beforehand and never priced.
//
// Batches: a 256x256 shard has 766 sheets of 85 positions on average, one batch each; 64^3 has 442
// sheets of 593 positions, in batches of at most 256.

import CGAMKernels

/// One channel of a shard in sheared form.
final class ShearedPlane {
    let values = Buffer()
    let errors = Buffer()
    var low: Int32 = 0
    var high: Int32 = 0
}

/// What a plane is walked with.
struct PlaneContext {
    let plane: ShearedPlane
    /// Earlier planes it may look at, nearest first; at most two.
    let previous: [ShearedPlane]
    /// The overview's values interpolated to every address, sheared; nil without an overview.
    let ahead: Buffer?
    /// Overview spacing; 0 without an overview.
    let spacing: Int
    /// How many lower bits the step codes alone; 0 for all. The plane then holds at least the others.
    let lowerBits: Int
    let network: FieldNetwork?
}

/// Walks planes of one geometry.
final class WavefrontCoder {
    let geometry: Wavefront
    let engine: Engine
    let scratch: BatchScratch
    private let stencils: [gam_stencil]

    init(geometry: Wavefront, engine: Engine, scratch: BatchScratch) {
        self.geometry = geometry
        self.engine = engine
        self.scratch = scratch
        stencils = (0..<geometry.depth).map { geometry.stencil(z: $0) }
    }

    /// Inputs of a network that sees `previous` planes.
    static func inputCount(_ geometry: Wavefront, previous: Int) -> Int {
        withUnsafePointer(to: geometry.stencil(z: 0)) {
            Int(gam_input_count($0, Int32(previous)))
        }
    }

    private struct Run {
        let element: Int
        let at: Int
        let count: Int
    }

    /// - Parameter complete: the plane's values are all there already (writing, fitting).
    func walk(_ context: PlaneContext, complete: Bool, step: inout some BatchStep) {
        let values = context.plane.values.reserve(geometry.size)
        let errors = context.plane.errors.reserve(geometry.size)
        var runs: [Run] = []
        runs.reserveCapacity(64)
        var raw = makeRun(context)
        func walkSheets(_ network: UnsafePointer<gam_network>?) {
            for t in 0..<geometry.sheets {
                walkSheet(t, context, complete, values, errors, &raw, &runs, network, &step)
            }
        }
        if let network = context.network {
            network.withKernel { walkSheets($0) }
        } else {
            walkSheets(nil)
        }
    }

    private func makeRun(_ context: PlaneContext) -> gam_run {
        var run = gam_run()
        run.previous_planes = Int32(context.previous.count)
        run.low = context.plane.low
        run.high = context.plane.high
        let far = ([context.plane] + context.previous).contains {
            max(abs(Int64($0.low)), abs(Int64($0.high))) >= 1 << 26
        }
        run.wide = far ? 1 : 0
        return run
    }

    private func walkSheet(
        _ t: Int, _ context: PlaneContext, _ complete: Bool,
        _ values: UnsafeMutablePointer<Int32>, _ errors: UnsafeMutablePointer<Int32>,
        _ run: inout gam_run, _ runs: inout [Run], _ network: UnsafePointer<gam_network>?,
        _ step: inout some BatchStep
    ) {
        var used = 0
        var anyKnown = false
        for z in geometry.planes(ofSheet: t) {
            let sheet = t - 4 * z
            if sheet == 0 { beginPlane(z, context.plane, values, errors) }
            let columns = geometry.columns(ofSheet: sheet)
            var y = columns.lowerBound
            while y <= columns.upperBound {
                if used == BatchScratch.batchMax {
                    finishBatch(
                        &used, &anyKnown, context, complete, values, errors, &runs, network, &step)
                }
                let count = min(columns.upperBound - y + 1, BatchScratch.batchMax - used)
                let element = geometry.element(z: z, sheet: sheet, y: y)
                point(&run, at: element, context, values, errors)
                stencils.withUnsafeBufferPointer {
                    engine.gather(
                        $0.baseAddress! + z, &run, at: used, count: count, scratch.batch)
                }
                if context.spacing > 0 {
                    let marked = mark(
                        z, sheet, y, count, used, context.spacing, values + element)
                    anyKnown = anyKnown || marked
                }
                runs.append(Run(element: element, at: used, count: count))
                used += count
                y += count
            }
        }
        finishBatch(&used, &anyKnown, context, complete, values, errors, &runs, network, &step)
        for z in geometry.planes(ofSheet: t) {
            let sheet = t - 4 * z
            geometry.extend(values, z: z, sheet: sheet)
            geometry.extend(errors, z: z, sheet: sheet)
            if sheet == geometry.planeSheets - 1 {
                let last = geometry.element(z: z, sheet: sheet, y: geometry.height - 1)
                geometry.padAfter(values, z: z, value: values[last])
                geometry.padAfter(errors, z: z, value: 0)
            }
        }
    }

    private func beginPlane(
        _ z: Int, _ plane: ShearedPlane, _ values: UnsafeMutablePointer<Int32>,
        _ errors: UnsafeMutablePointer<Int32>
    ) {
        let first =
            z == 0
            ? Int32((Int64(plane.low) + Int64(plane.high)) >> 1)
            : values[geometry.element(z: z - 1, sheet: 0, y: 0)]
        geometry.pad(values, z: z, before: first)
        geometry.pad(errors, z: z, before: 0)
    }

    @inline(__always)
    private func point(
        _ run: inout gam_run, at element: Int, _ context: PlaneContext,
        _ values: UnsafeMutablePointer<Int32>, _ errors: UnsafeMutablePointer<Int32>
    ) {
        run.value = UnsafePointer(values + element)
        run.error = UnsafePointer(errors + element)
        if !context.previous.isEmpty {
            run.previous_value.0 = UnsafePointer(context.previous[0].values.pointer + element)
            run.previous_error.0 = UnsafePointer(context.previous[0].errors.pointer + element)
        }
        if context.previous.count > 1 {
            run.previous_value.1 = UnsafePointer(context.previous[1].values.pointer + element)
            run.previous_error.1 = UnsafePointer(context.previous[1].errors.pointer + element)
        }
        run.ahead = context.ahead.map { UnsafePointer($0.pointer + element) }
    }

    /// Marks the positions of a run that the overview knows; true if there are any.
    private func mark(
        _ z: Int, _ sheet: Int, _ y: Int, _ count: Int, _ at: Int, _ spacing: Int,
        _ values: UnsafePointer<Int32>
    ) -> Bool {
        scratch.known.advanced(by: at).update(repeating: 0, count: count)
        let coarseZ = geometry.depth == 1 || z % spacing == 0
        guard coarseZ, sheet % spacing == 0 else { return false }
        for i in 0..<count where (y + i) % spacing == 0 {
            scratch.known[at + i] = 1
            scratch.values[at + i] = values[i]
        }
        return true
    }

    private func finishBatch(
        _ used: inout Int, _ anyKnown: inout Bool, _ context: PlaneContext, _ complete: Bool,
        _ values: UnsafeMutablePointer<Int32>, _ errors: UnsafeMutablePointer<Int32>,
        _ runs: inout [Run], _ network: UnsafePointer<gam_network>?, _ step: inout some BatchStep
    ) {
        if complete {
            for run in runs {
                (scratch.values + run.at).update(from: values + run.element, count: run.count)
            }
        }
        if context.lowerBits > 0 {
            for run in runs {
                for i in 0..<run.count {
                    let value = values[run.element + i]
                    scratch.floors[run.at + i] = (value >> context.lowerBits) << context.lowerBits
                }
            }
        }
        step.take(
            scratch, count: used, anyKnown: anyKnown, low: context.plane.low,
            high: context.plane.high, network: network)
        for run in runs {
            step.placed(element: run.element, at: run.at, count: run.count)
            gam_keep(
                scratch.batch, Int32(run.at), Int32(run.count), scratch.values,
                values + run.element, errors + run.element)
        }
        runs.removeAll(keepingCapacity: true)
        used = 0
        anyKnown = false
    }
}
