// The trace of the lower bits of values whose upper bits are known.
//
// What always holds here:
// - A value lies in [floor, floor + 2^bits); what a trace holds instead sets `failed`.
// - The landscape is that of the whole value, cut to the bins of that interval and spread over the
//   whole total: F'(j) = (F(j) - F(first)) * S / mass + (j - first) * R / n, with n bins, S + R =
//   GAM_TOTAL - GAM_ESCAPE, and R >= n, so that no bin is without a share.
// - Where the interval spans 8 bins or fewer, bins hold several values: the landscape is flat there, and
//   the bits are written as they are.
//
// One version for all processors: lower bits are read when everything is, and cost a search of three
// or four edges a value.
#include "trace_bits.h"

enum {
    FLAT_BINS_LOG2 = 3,  // an interval of at most so many bins is flat
    MASS_FULL = 256,     // below, F is too coarse: the uniform part grows
};

/// The bins a value can be in, and what F is spread with.
typedef struct {
    int32_t first, last;
    uint32_t under, mass;      // F(first), F(last + 1) - F(first)
    uint64_t model, uniform;   // S, R
} cut;

INLINE int32_t bin_of(int64_t value, int32_t base, int32_t shift) {
    int64_t bin = (value - base) >> shift;
    return bin < -GAM_BINS_MAX ? -GAM_BINS_MAX : bin > GAM_BINS_MAX ? GAM_BINS_MAX : (int32_t)bin;
}

/// F without the limits of the plane's range.
INLINE uint32_t open_below(const gam_landscapes *l, int32_t components, int32_t n, int32_t bin) {
    uint32_t sum = 0;
    for (int32_t k = 0; k < components; k++) {
        int64_t t = ((int64_t)bin + l->whole[k][n]) * l->step[k][n] + l->part[k][n];
        t = t < -32767 ? -32767 : t > 32767 ? 32767 : t;
        sum += ((uint32_t)l->weight[k][n] * well_function((int32_t)t)) >> 16;
    }
    return sum;
}

INLINE int is_flat(const gam_landscapes *l, int32_t n, int32_t bits) {
    return l->shift[n] > 0 && l->shift[n] + FLAT_BINS_LOG2 >= bits;
}

INLINE cut cut_of(const gam_landscapes *l, int32_t components, int32_t n, int32_t base, int32_t floor,
                  int32_t bits) {
    cut c;
    c.first = bin_of(floor, base, l->shift[n]);
    c.last = bin_of((int64_t)floor + ((int64_t)1 << bits) - 1, base, l->shift[n]);
    c.under = open_below(l, components, n, c.first);
    c.mass = open_below(l, components, n, c.last + 1) - c.under;
    uint64_t total = GAM_TOTAL - GAM_ESCAPE, count = (uint64_t)(c.last - c.first + 1);
    uint64_t full = c.mass < MASS_FULL ? c.mass : MASS_FULL;
    c.model = (total - count) * (full * 127) / (MASS_FULL * 128);
    c.uniform = total - c.model;
    return c;
}

INLINE uint32_t cut_below(const cut *c, const gam_landscapes *l, int32_t components, int32_t n,
                          int32_t bin) {
    if (bin <= c->first) return 0;
    if (bin > c->last) return GAM_TOTAL - GAM_ESCAPE;
    uint64_t at = (uint64_t)(bin - c->first), count = (uint64_t)(c->last - c->first + 1);
    uint64_t spread = at * c->uniform / count;
    if (c->mass == 0) return (uint32_t)spread;
    return (uint32_t)((open_below(l, components, n, bin) - c->under) * c->model / c->mass + spread);
}

/// The bin that holds `slot`, by galloping from the landscape's centre.
INLINE int32_t cut_find(const cut *c, const gam_landscapes *l, int32_t components, int32_t n,
                        uint32_t slot, uint32_t *start, uint32_t *end) {
    int32_t low = c->first, high = c->last + 1, probe = l->centre[n], step = 1;
    *start = 0, *end = GAM_TOTAL - GAM_ESCAPE;
    while (high - low > 1) {
        if (probe <= low || probe >= high) probe = low + (high - low) / 2;
        uint32_t f = cut_below(c, l, components, n, probe);
        if (f <= slot) {
            low = probe, *start = f;
            probe += step;
        } else {
            high = probe, *end = f;
            probe -= step;
        }
        step *= 2;
    }
    return low;
}

INLINE int64_t read_lower(gam_reader *r, int32_t components, int32_t n, const gam_landscapes *l,
                          int32_t base, int32_t floor, int32_t bits) {
    if (is_flat(l, n, bits)) return (int64_t)floor + take_bits(r, bits);
    uint32_t *x = &r->state[r->position % GAM_STATES];
    r->position++;
    uint32_t slot = *x & 65535, start = GAM_TOTAL - GAM_ESCAPE, end = GAM_TOTAL;
    int32_t bin = 0, escapes = slot >= start;
    if (!escapes) {
        cut c = cut_of(l, components, n, base, floor, bits);
        bin = cut_find(&c, l, components, n, slot, &start, &end);
    }
    *x = refilled(r, (end - start) * (*x >> 16) + slot - start, 1);
    if (escapes) return (int64_t)floor + take_bits(r, bits);
    int64_t value = base + ((int64_t)bin << l->shift[n]);
    return l->shift[n] > 0 ? value + take_bits(r, l->shift[n]) : value;
}

void gam_recall_lower(gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscapes *landscapes, const int32_t *base, gam_lower lower,
                      const uint8_t *known, int32_t *values) {
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        int32_t floor = lower.floors[n];
        int64_t value = read_lower(reader, components, n, landscapes, base[n], floor, lower.bits);
        int inside = value >= floor && value - floor < (int64_t)1 << lower.bits;
        if (inside && value >= lower.low && value <= lower.high) {
            values[n] = (int32_t)value;
        } else {
            reader->failed = 1;
            values[n] = base[n];
        }
    }
}

void gam_price_lower(gam_writer *writer, int32_t components, int32_t count,
                     const gam_landscapes *landscapes, const int32_t *base, gam_lower lower,
                     const uint8_t *known, const int32_t *values) {
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        int32_t floor = lower.floors[n], shift = landscapes->shift[n];
        uint64_t plain = (uint64_t)((int64_t)values[n] - floor);
        if (is_flat(landscapes, n, lower.bits)) {
            give_bits(writer, plain, lower.bits);
            continue;
        }
        cut c = cut_of(landscapes, components, n, base[n], floor, lower.bits);
        int64_t bin = ((int64_t)values[n] - base[n]) >> shift;
        if (bin < c.first || bin > c.last) {
            writer->symbols[writer->symbol_count++] =
                (GAM_TOTAL - GAM_ESCAPE) | (uint32_t)GAM_ESCAPE << 16;
            give_bits(writer, plain, lower.bits);
            continue;
        }
        uint32_t start = cut_below(&c, landscapes, components, n, (int32_t)bin);
        uint32_t end = cut_below(&c, landscapes, components, n, (int32_t)bin + 1);
        writer->symbols[writer->symbol_count++] = start | (end - start) << 16;
        if (shift > 0)
            give_bits(writer, (uint64_t)((int64_t)values[n] - base[n] - (bin << shift)), shift);
    }
}
