// Owns the growing buffers behind gam_writer.

import CGAMKernels

/// A finished trace: rANS states, words and loose bits.
package struct Trace: Equatable, Sendable {
    package var states: [UInt32] = Array(repeating: 65536, count: GAM_STATES)
    package var words: [UInt16] = []
    package var bits: [UInt8] = []

    package init() {}
    package init(states: [UInt32], words: [UInt16], bits: [UInt8]) {
        self.states = states
        self.words = words
        self.bits = bits
    }

    package var byteCount: Int { 4 * states.count + 2 * words.count + bits.count }
}

/// Collects priced symbols of one record; `finish` turns them into a trace.
final class TraceWriter {
    private var raw = gam_writer()

    /// - Parameter symbolsMax: how many values will be priced at most.
    init(symbolsMax: Int) {
        raw.symbols = .allocate(capacity: max(symbolsMax, 1))
        raw.symbol_capacity = symbolsMax
        raw.bits_capacity = 4096
        raw.bits = .allocate(capacity: raw.bits_capacity)
    }

    deinit {
        raw.symbols.deallocate()
        raw.bits.deallocate()
    }

    func price(
        _ level: gam_level, components: Int32, count: Int, _ scratch: BatchScratch,
        known: UnsafePointer<UInt8>?
    ) {
        precondition(raw.symbol_count + count <= raw.symbol_capacity, "more values than announced")
        reserveBits(count * GAM_VALUE_BYTES_MAX + 16)
        gam_price_trace(
            level, &raw, components, Int32(count), scratch.landscapes, scratch.base, known,
            scratch.values)
    }

    /// As `price`, for lower bits alone.
    func priceLower(
        components: Int32, count: Int, _ scratch: BatchScratch, _ lower: gam_lower,
        known: UnsafePointer<UInt8>?
    ) {
        precondition(raw.symbol_count + count <= raw.symbol_capacity, "more values than announced")
        reserveBits(count * GAM_VALUE_BYTES_MAX + 16)
        gam_price_lower(
            &raw, components, Int32(count), scratch.landscapes, scratch.base, lower, known,
            scratch.values)
    }

    private func reserveBits(_ more: Int) {
        guard raw.bit_bytes + more > raw.bits_capacity else { return }
        let capacity = 2 * raw.bits_capacity + more
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        grown.update(from: raw.bits, count: raw.bit_bytes)
        raw.bits.deallocate()
        raw.bits = grown
        raw.bits_capacity = capacity
    }

    func finish() -> Trace {
        var trace = Trace()
        trace.words = Array(unsafeUninitializedCapacity: raw.symbol_count) { words, count in
            count = gam_finish_trace(&raw, words.baseAddress, raw.symbol_count, &trace.states)
        }
        trace.bits = Array(UnsafeBufferPointer(start: raw.bits, count: raw.bit_bytes))
        return trace
    }
}
