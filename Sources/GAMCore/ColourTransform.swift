// Reversible colour transforms between red, green and blue planes.
//
// What always holds here: `forward` then `inverse` gives the same planes back for any values whose
// sums fit 32 bits; the writer only uses transforms for samples of at most 16 bits.

/// Which reversible transform a signal's red, green and blue planes went through.
public enum ColourTransform: UInt8, Sendable, CaseIterable {
    case none = 0
    /// Planes become G, R - G, B - G.
    case subtractGreen = 1
    /// Planes become Y, Co, Cg (YCoCg-R: Malvar and Sullivan 2003, lifting form).
    case ycocg = 2

    public var name: String {
        switch self {
        case .none: "none"
        case .subtractGreen: "subtract-green"
        case .ycocg: "YCoCg-R"
        }
    }

    package func forward(
        _ r: UnsafeMutablePointer<Int32>, _ g: UnsafeMutablePointer<Int32>,
        _ b: UnsafeMutablePointer<Int32>, count: Int
    ) {
        switch self {
        case .none: break
        case .subtractGreen:
            for i in 0..<count {
                let green = g[i]
                g[i] = r[i] &- green
                r[i] = green
                b[i] = b[i] &- green
            }
        case .ycocg:
            for i in 0..<count {
                let co = r[i] &- b[i]
                let t = b[i] &+ (co >> 1)
                let cg = g[i] &- t
                r[i] = t &+ (cg >> 1)
                g[i] = co
                b[i] = cg
            }
        }
    }

    package func inverse(
        _ r: UnsafeMutablePointer<Int32>, _ g: UnsafeMutablePointer<Int32>,
        _ b: UnsafeMutablePointer<Int32>, count: Int
    ) {
        switch self {
        case .none: break
        case .subtractGreen:
            for i in 0..<count {
                let green = r[i]
                r[i] = g[i] &+ green
                b[i] = b[i] &+ green
                g[i] = green
            }
        case .ycocg:
            for i in 0..<count {
                let co = g[i]
                let cg = b[i]
                let t = r[i] &- (cg >> 1)
                g[i] = cg &+ t
                b[i] = t &- (co >> 1)
                r[i] = b[i] &+ co
            }
        }
    }
}

extension SignalDescription {
    /// Indices of the red, green and blue channels if the signal has exactly one of each and its
    /// samples are integers of at most 16 bits.
    package var colourChannels: (red: Int, green: Int, blue: Int)? {
        guard sampleType.family != .float, sampleType.bits <= 16,
            let r = channels.firstIndex(of: .red), let g = channels.firstIndex(of: .green),
            let b = channels.firstIndex(of: .blue),
            channels.filter({ $0 == .red || $0 == .green || $0 == .blue }).count == 3
        else { return nil }
        return (r, g, b)
    }

    /// Channels that never look at another one.
    package var independentChannels: Set<Int> {
        Set(channels.indices.filter { channels[$0] == .alpha || channels[$0] == .paletteIndex })
    }
}
