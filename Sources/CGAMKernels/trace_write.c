// The trace, written: symbols priced under the landscapes in order, coded backwards at the end.
//
// What always holds here: what gam_finish_trace leaves, gam_recall_trace (trace.c) reads; symbol i
// belongs to state i mod 8.
#include "lanes.h"
#include "trace_bits.h"

INLINE void give_escape(gam_writer *w, int64_t d) {
    uint64_t z = ((uint64_t)d << 1) ^ (uint64_t)(d >> 63);
    int32_t length = z ? 64 - __builtin_clzll(z) : 0;
    give_bits(w, (uint64_t)length, 6);
    give_bits(w, z & 0x1ffff, length > 17 ? 17 : length);
    if (length > 17) give_bits(w, z >> 17, length - 17);
}

typedef uint32_t bits16 __attribute__((vector_size(64)));

/// F(bin) of 16 positions from n on.
INLINE lanes below_lanes(const gam_landscapes *l, int32_t components, int32_t n, lanes bin) {
    bits16 sum = {};
    for (int32_t k = 0; k < components; k++) {
        lanes t = (bin + load(&l->whole[k][n])) * load(&l->step[k][n]) + load(&l->part[k][n]);
        lanes w = wells(MIN(MAX(t, fill(-32767)), fill(32767)));
        sum += ((bits16)w * (bits16)load(&l->weight[k][n])) >> 16;
    }
    lanes inside = bin > load(&l->first[n]), past = bin > load(&l->last[n]);
    return ((lanes)sum & inside & ~past) | (fill(GAM_TOTAL - GAM_ESCAPE) & past);
}

/// The bin of each value, saturated at +-2^20.
INLINE lanes bins(lanes value, lanes base, lanes shift) {
    bits16 up = (bits16)value - (bits16)base, down = (bits16)base - (bits16)value;
    bits16 most = (bits16){} + (1u << 20);
    lanes over = (lanes)MIN(up >> (bits16)shift, most);
    lanes under = -(lanes)(MIN((down - 1) >> (bits16)shift, most) + 1);
    lanes rises = value >= base;
    return (over & rises) | (under & ~rises);
}

/// Symbols of 16 positions: start | frequency << 16; frequency 0 asks for an escape.
INLINE void symbols16(const gam_landscapes *l, int32_t components, int32_t n, const int32_t *base,
                      const int32_t *values, int32_t *bin_of, int32_t *symbols) {
    lanes bin = bins(load(values + n), load(base + n), load(&l->shift[n]));
    lanes inside = (bin >= load(&l->first[n])) & (bin <= load(&l->last[n]));
    lanes near = bin & inside;
    lanes start = below_lanes(l, components, n, near);
    lanes width = (below_lanes(l, components, n, near + 1) - start) & inside;
    store(bin_of + n, bin);
    store(symbols + n, start | (width << 16));
}

INLINE void price_body(gam_writer *w, int32_t components, int32_t count, const gam_landscapes *l,
                       const int32_t *base, const uint8_t *known, const int32_t *values) {
    int32_t bin[GAM_BATCH_STRIDE], symbols[GAM_BATCH_STRIDE];
    for (int32_t n = 0; n < count; n += 16)
        symbols16(l, components, n, base, values, bin, symbols);
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        int64_t d = (int64_t)values[n] - base[n];
        uint32_t symbol = (uint32_t)symbols[n];
        if (symbol >> 16 == 0) {
            w->symbols[w->symbol_count++] = (GAM_TOTAL - GAM_ESCAPE) | (uint32_t)GAM_ESCAPE << 16;
            give_escape(w, d);
            continue;
        }
        w->symbols[w->symbol_count++] = symbol;
        int32_t shift = l->shift[n];
        if (shift > 0) give_bits(w, (uint64_t)(d - ((int64_t)bin[n] << shift)), shift);
    }
}

#define PRICE(NAME, TARGET)                                                                       \
    TARGET static void NAME(gam_writer *w, int32_t k, int32_t count, const gam_landscapes *l,     \
                            const int32_t *base, const uint8_t *known, const int32_t *values) {   \
        if (k == 1) price_body(w, 1, count, l, base, known, values);                              \
        else if (k == 2) price_body(w, 2, count, l, base, known, values);                         \
        else price_body(w, 3, count, l, base, known, values);                                     \
    }

PRICE(price_baseline, )
#if GAM_X86
PRICE(price_avx2, TARGET_AVX2)
PRICE(price_avx512, TARGET_AVX512)
#endif

void gam_price_trace(gam_level level, gam_writer *writer, int32_t components, int32_t count,
                     const gam_landscapes *l, const int32_t *base, const uint8_t *known,
                     const int32_t *values) {
#if GAM_X86
    if (level >= GAM_AVX512)
        return price_avx512(writer, components, count, l, base, known, values);
    if (level >= GAM_AVX2) return price_avx2(writer, components, count, l, base, known, values);
#endif
    price_baseline(writer, components, count, l, base, known, values);
}

size_t gam_finish_trace(gam_writer *w, uint16_t *words, size_t capacity,
                        uint32_t states[GAM_STATES]) {
    if (w->held_count > 0) give_bits(w, 0, 8 - w->held_count);
    size_t at = capacity;
    for (int i = 0; i < GAM_STATES; i++) states[i] = 65536;
    for (size_t i = w->symbol_count; i-- > 0;) {
        uint32_t start = w->symbols[i] & 65535, frequency = w->symbols[i] >> 16;
        uint32_t x = states[i % GAM_STATES];
        if (x >> 16 >= frequency) {
            words[--at] = (uint16_t)x;
            x >>= 16;
        }
        states[i % GAM_STATES] = (x / frequency << 16) + x % frequency + start;
    }
    __builtin_memmove(words, words + at, (capacity - at) * sizeof *words);
    return capacity - at;
}
