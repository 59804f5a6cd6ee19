// Which implementation of the integer contract runs: the Swift reference or the C kernels.
//
// What always holds here: every engine gives the same bits for the same input.

import CGAMKernels

/// An implementation of the integer contract.
public enum Engine: Hashable, Sendable {
    /// The slow, obvious Swift implementation that defines the truth.
    case reference
    case baseline, avx2, avx512, neon

    /// The fastest engine of this processor.
    public static let best: Engine = {
        switch gam_level_best() {
        case GAM_AVX512: .avx512
        case GAM_AVX2: .avx2
        case GAM_NEON: .neon
        default: .baseline
        }
    }()

    /// Every engine this processor can run.
    public static var available: [Engine] {
        var all: [Engine] = [.reference, .baseline]
        if best == .avx2 || best == .avx512 { all.append(.avx2) }
        if best == .avx512 { all.append(.avx512) }
        if best == .neon { all.append(.neon) }
        return all
    }

    package var level: gam_level {
        switch self {
        case .reference, .baseline: GAM_BASELINE
        case .avx2: GAM_AVX2
        case .avx512: GAM_AVX512
        case .neon: GAM_NEON
        }
    }

    @inline(__always)
    func gather(
        _ stencil: UnsafePointer<gam_stencil>, _ run: UnsafePointer<gam_run>, at: Int, count: Int,
        _ batch: UnsafeMutablePointer<gam_batch>
    ) {
        if self == .reference {
            Reference.gather(stencil.pointee, run.pointee, at: at, count: count, batch)
        } else {
            gam_gather(level, stencil, run, Int32(at), Int32(count), batch)
        }
    }

    @inline(__always)
    package func infer(
        _ network: UnsafePointer<gam_network>, count: Int, _ batch: UnsafeMutablePointer<gam_batch>
    ) {
        if self == .reference {
            Reference.infer(network.pointee, count: count, batch)
        } else {
            gam_infer(level, network, Int32(count), batch)
        }
    }
}
