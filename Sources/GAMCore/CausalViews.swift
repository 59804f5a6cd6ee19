// What the causal kernels are shown at each step, and what they give back.
//
// What always holds here: pointers handed to a kernel are used within the call.

import CGAMKernels

extension CausalCoder {
    /// A predictor in use from a step on.
    struct Stage {
        let from: Int
        let taps: (own: Int, cross: Int)
        /// [tap][lane]
        let coefficients: [Int32]
    }

    func stages(_ c: Int) -> [Stage] {
        var stages = [
            Stage(
                from: 0, taps: (1, 0), coefficients: [Int32](repeating: 65_536, count: stride))
        ]
        guard !bank.predictors.isEmpty else { return stages }
        if !bank.starts.isEmpty {
            let start = bank.starts[c].own
            stages.append(
                Stage(
                    from: PredictorBank.startTaps, taps: (start.count, 0),
                    coefficients: start.flatMap { [Int32](repeating: $0, count: stride) }))
        }
        stages.append(Stage(from: Self.warmUp, taps: taps, coefficients: interleaved(c)))
        return stages
    }

    /// Coefficients of a channel as [tap][lane], zero where there are none.
    private func interleaved(_ c: Int) -> [Int32] {
        let (own, cross) = taps
        var table = [Int32](repeating: 0, count: (own + cross) * stride)
        guard !bank.predictors.isEmpty else { return table }
        for lane in 0..<grid.lanes {
            let p = bank.predictors[lane / bank.groupLanes * channels + c]
            for (i, v) in p.own.enumerated() { table[i * stride + lane] = v }
            if cross > 0 {
                for (i, v) in p.cross.enumerated() { table[(own + i) * stride + lane] = v }
            }
        }
        return table
    }

    private var taps: (own: Int, cross: Int) {
        (
            bank.predictors.map(\.own.count).max() ?? 0,
            channels == 1 ? 0 : bank.predictors.map(\.cross.count).max() ?? 0
        )
    }

    func view(_ c: Int, role: Int) -> gam_causal {
        var view = gam_causal()
        view.down = down(c)
        view.low = Int32(Int64(ranges[c].lowerBound) - Int64(origin(c)))
        view.high = Int32(Int64(ranges[c].upperBound) - Int64(origin(c)))
        view.stride = Int32(stride)
        view.cross_first = c == 0 ? 1 : 0
        view.uses_partner = role > 0 ? 1 : 0
        if bank.adaptiveTaps > 0 { view.adaptive = planes.channels[c].adaptive.view }
        return view
    }

    /// Low bits of errors that averages leave out, so that they fit.
    private func down(_ c: Int) -> Int32 {
        let range = Int64(ranges[c].upperBound) - Int64(ranges[c].lowerBound)
        return Int32(max(0, Int64.bitWidth - range.leadingZeroBitCount - 20))
    }

    @inline(__always)
    func aim(
        _ view: inout gam_causal, _ c: Int, _ t: Int, _ coefficients: UnsafePointer<Int32>?,
        _ taps: (own: Int, cross: Int)
    ) {
        (view.own_order, view.cross_order) = (Int32(taps.own), Int32(taps.cross))
        let own = planes.channels[c]
        view.own = UnsafePointer(own.values.pointer + row(t))
        view.own_error = UnsafePointer(own.errors.pointer + row(t))
        view.coefficients = coefficients
        view.averages = (
            UnsafePointer(own.averages[0].pointer), UnsafePointer(own.averages[1].pointer),
            UnsafePointer(own.averages[2].pointer)
        )
        let index = partner(c)
        if bank.adaptiveTaps > 0 {
            own.adaptive.aim(t, partner: index.map { planes.channels[$0].adaptive })
            if t >= Self.warmUp { own.adaptive.predict(engine, count: grid.active(at: t)) }
        }
        guard let index else { return }
        let other = planes.channels[index]
        view.partner = UnsafePointer(other.values.pointer + row(t))
        view.partner_error = UnsafePointer(other.errors.pointer + row(t))
        view.partner_averages = (
            UnsafePointer(other.averages[0].pointer), UnsafePointer(other.averages[1].pointer),
            UnsafePointer(other.averages[2].pointer)
        )
    }

    func gather(_ view: inout gam_causal, count: Int) {
        if engine == .reference {
            Reference.gatherCausal(view, count: count, scratch.batch)
        } else {
            gam_gather_causal(engine.level, &view, Int32(count), scratch.batch)
        }
    }

    func keep(_ c: Int, _ t: Int, _ count: Int) {
        let channel = planes.channels[c]
        if bank.adaptiveTaps > 0 {
            channel.adaptive.learn(engine, count: count, scratch, teaches: t >= Self.warmUp)
        }
        let age = t < Self.warmUp ? t : t - Self.warmUp
        let own = channel.values.pointer + row(t)
        let errors = channel.errors.pointer + row(t)
        if engine == .reference {
            return Reference.keepCausal(
                scratch, count, Int(down(c)), age, own, errors, channel.averages.map(\.pointer))
        }
        withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Int32>?.self, capacity: 3) {
            for k in 0..<3 { $0[k] = channel.averages[k].pointer }
            gam_keep_causal(
                scratch.batch, Int32(count), down(c), Int32(age), scratch.values, own, errors,
                $0.baseAddress)
        }
    }
}
