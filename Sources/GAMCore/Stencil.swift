// Which neighbours the field network sees, as tables.
//
// What always holds here:
// - Own neighbours and errors lie on earlier sheets: dx + 2 dy + 4 dz < 0.
// - Neighbours in a previous plane (a channel recalled before) may lie anywhere around.
// - Near the first planes a neighbour with z < 0 is replaced by the address of plane 0 on the same
//   sheet, so there is one stencil for z = 0, one for z = 1, one for the rest.

import CGAMKernels

/// A neighbour's displacement, slowest axis first.
struct Displacement: Equatable, Sendable {
    let dz: Int
    let dy: Int
    let dx: Int
    init(_ dz: Int, _ dy: Int, _ dx: Int) {
        self.dz = dz
        self.dy = dy
        self.dx = dx
    }
}

/// The displacements of one dimensionality.
struct Neighbourhood: Sendable {
    let own: [Displacement]
    let errors: [Displacement]
    let previous: [Displacement]
    let previousErrors: [Displacement]
    let ahead: [Displacement]
    let base: gam_base

    static let plane = Neighbourhood(
        own: [
            (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-2, -1),
            (-2, 1), (-2, -2), (-2, 2), (0, -3), (-3, 0), (-1, -3), (-3, 1), (-3, -1),
        ].map { Displacement(0, $0.0, $0.1) },
        errors: [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)]
            .map { Displacement(0, $0.0, $0.1) },
        previous: [(0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]
            .map { Displacement(0, $0.0, $0.1) },
        previousErrors: [(0, -1), (-1, 0)].map { Displacement(0, $0.0, $0.1) },
        ahead: [Displacement(0, 0, 0), Displacement(0, 3, 3)],
        base: GAM_BASE_GRADIENT)

    static let volume = Neighbourhood(
        own: [
            (0, 0, -1), (0, -1, 0), (-1, 0, 0), (0, -1, -1), (-1, 0, -1), (-1, -1, 0),
            (-1, -1, -1), (0, -1, 1), (-1, 0, 1), (-1, 1, 0), (-1, 1, 1), (-1, -1, 1),
            (-1, 1, -1), (0, 0, -2), (0, -2, 0), (-2, 0, 0),
        ].map { Displacement($0.0, $0.1, $0.2) },
        errors: [
            (0, 0, -1), (0, -1, 0), (-1, 0, 0), (0, -1, -1), (-1, 0, -1), (-1, -1, 0),
            (0, -1, 1), (-1, 0, 1),
        ].map { Displacement($0.0, $0.1, $0.2) },
        previous: [
            (0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0), (0, -1, -1),
            (0, 1, 1),
        ].map { Displacement($0.0, $0.1, $0.2) },
        previousErrors: [(0, 0, -1), (0, -1, 0)].map { Displacement($0.0, $0.1, $0.2) },
        ahead: [Displacement(0, 0, 0), Displacement(0, 1, 1)],
        base: GAM_BASE_LORENZO)
}

extension Wavefront {
    var neighbourhood: Neighbourhood { depth == 1 ? .plane : .volume }

    /// Offset of a neighbour of an address in plane `z` (`z` up to 2 stands for all above).
    func offset(_ d: Displacement, z: Int) -> Int32 {
        let plane = max(z + d.dz, 0)
        let folded = min(z + d.dz, 0)  // planes before the first: same sheet of plane 0
        return Int32((plane - z) * planeSize + (d.dx + 2 * d.dy + 4 * folded) * stride + d.dy)
    }

    /// The kernel's table for addresses in plane `z`; after the last plane of a previous channel
    /// the last plane stands in.
    func stencil(z: Int) -> gam_stencil {
        let n = neighbourhood
        var s = gam_stencil()
        s.own_count = Int32(n.own.count)
        s.error_count = Int32(n.errors.count)
        s.previous_count = Int32(n.previous.count)
        s.ahead_count = Int32(n.ahead.count)
        s.base = n.base
        fill(&s.own, n.own, z)
        fill(&s.error, n.errors, z)
        fill(&s.previous, n.previous.map { clampedBelow($0, z: z) }, z)
        fill(&s.previous_error, n.previousErrors, z)
        fill(&s.ahead, n.ahead, z)
        return s
    }

    private func clampedBelow(_ d: Displacement, z: Int) -> Displacement {
        z + d.dz >= depth ? Displacement(0, d.dy, d.dx) : d
    }

    private func fill<T>(_ tuple: inout T, _ displacements: [Displacement], _ z: Int) {
        withUnsafeMutableBytes(of: &tuple) { bytes in
            let offsets = bytes.bindMemory(to: Int32.self)
            for (i, d) in displacements.enumerated() { offsets[i] = offset(d, z: z) }
        }
    }
}
