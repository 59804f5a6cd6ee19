// The trace: which well of each landscape holds the stored value.
//
// What always holds here:
// - Symbol i is coded by rANS state i mod 8; states are 32-bit in [2^16, 2^32), words 16-bit, both
//   read forwards. (Duda 2013; interleaving after Giesen 2014.)
// - A reader never reads outside its buffers: at their end it sets `failed` and goes on with zeros,
//   so every call ends after `count` values whatever the bytes were.
// - A value always lands in [low, high] or sets `failed`.
//
// Recall of a batch goes twice over it: first 16 edges around the heaviest component's centre are
// evaluated for every position (no branch, nothing waits), then the states are stepped through,
// each finding its well by one comparison of 16 edges. Wells outside the 16 are searched for.
#include "edges.h"
#include "kernels_internal.h"
#include "trace_bits.h"

// ---- escapes --------------------------------------------------------------------------------

/// Escaped values: zigzag difference from the base, Elias gamma (6-bit length, then the bits).
INLINE int64_t take_escape(gam_reader *r) {
    int32_t length = (int32_t)take_bits(r, 6);
    if (length > 34) {
        r->failed = 1;
        return 0;
    }
    uint64_t low = take_bits(r, length > 17 ? 17 : length);
    uint64_t z = low | (length > 17 ? (uint64_t)take_bits(r, length - 17) << 17 : 0);
    return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
}

// ---- search: the bin with F(bin) <= slot < F(bin + 1) ---------------------------------------

typedef struct {
    int32_t bin;
    uint32_t start, end;
} well;

/// Edges of a search: `count` of them are at or below the slot, 2^reach bins apart from `origin`.
typedef struct {
    int32_t low, high;        // the well lies in [low, high)
    uint32_t start, end;      // F there
    int32_t origin, reach;    // the next edges to look at
} search;

INLINE search begin_search(const gam_landscapes *l, int32_t n) {
    return (search){l->first[n], l->last[n] + 1, 0, GAM_TOTAL - GAM_ESCAPE,
                    l->centre[n] - (BEFORE << l->reach[n]), l->reach[n]};
}

/// Takes in the edges looked at and chooses the next ones.
INLINE void narrow(search *s, const uint16_t *f, int32_t count) {
    if (count > 0) {
        int32_t at = s->origin + ((count - 1) << s->reach);
        if (at >= s->low) s->low = at, s->start = f[count - 1];
    }
    if (count < EDGES) {
        int32_t at = s->origin + (count << s->reach);
        if (at <= s->high) s->high = at, s->end = f[count];
    }
    int32_t span = s->high - s->low - 1;  // edges still unknown
    int32_t fit = span > EDGES ? 28 - __builtin_clz((unsigned)span) : 0;
    if (count == 0 || count == EDGES) {
        // Outside: look further on that side, eight times as far each round.
        s->reach = s->reach + 3 < fit ? s->reach + 3 : fit;
        s->origin = count == 0 ? s->high - (EDGES << s->reach) : s->low + (1 << s->reach);
    } else {
        s->reach = fit;
        s->origin = s->low + (1 << fit);
    }
}

INLINE well find_scalar(const gam_landscapes *l, int32_t components, int32_t n, uint32_t slot) {
    int32_t low = l->first[n], high = l->last[n] + 1;
    uint32_t start = 0, end = GAM_TOTAL - GAM_ESCAPE;
    int32_t probe = l->centre[n], step = 1;
    while (high - low > 1) {  // gallop out from the centre, then bisect
        if (probe <= low || probe >= high) probe = low + (high - low) / 2;
        uint32_t f = below(l, components, n, probe);
        if (f <= slot) {
            low = probe, start = f;
            probe += step;
        } else {
            high = probe, end = f;
            probe -= step;
        }
        step *= 2;
    }
    return (well){low, start, end};
}

#if HAS_EDGES
TARGET_EDGES INLINE well find_near(const gam_landscapes *l, int32_t components, int32_t n,
                                   const uint16_t *edges, int32_t count, uint32_t slot) {
    uint16_t f[EDGES];
    search s = begin_search(l, n);
    narrow(&s, edges, count);
    while (s.high - s.low > 1) {
        edge_vector next = edges16(l, components, n, s.origin, s.reach);
        store_edges(f, next);
        narrow(&s, f, edges_up_to(next, slot));
    }
    return (well){s.low, s.start, s.end};
}
#endif

// ---- reading --------------------------------------------------------------------------------

typedef struct {
    const gam_landscapes *landscapes;
    const int32_t *base;
    int32_t low, high;
} field;

INLINE int32_t read_escape(gam_reader *r, uint32_t *x, const field *f, int32_t n, int checked) {
    uint32_t slot = *x & 65535;
    *x = refilled(r, GAM_ESCAPE * (*x >> 16) + slot - (GAM_TOTAL - GAM_ESCAPE), checked);
    int64_t value = f->base[n] + take_escape(r);
    if (value >= f->low && value <= f->high) return (int32_t)value;
    r->failed = 1;
    return f->base[n];
}

INLINE int32_t read_well(gam_reader *r, uint32_t *x, well w, const field *f, int32_t n,
                         int checked) {
    *x = refilled(r, (w.end - w.start) * (*x >> 16) + (*x & 65535) - w.start, checked);
    int32_t shift = f->landscapes->shift[n];
    int64_t value = f->base[n] + ((int64_t)w.bin << shift);
    if (shift > 0) value += take_bits(r, shift);
    if (value >= f->low && value <= f->high) return (int32_t)value;
    r->failed = 1;
    return f->base[n];
}

INLINE void recall_scalar(gam_reader *r, int32_t k, int32_t count, const field *f,
                          const uint8_t *known, int32_t *values) {
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        uint32_t *x = &r->state[r->position++ % GAM_STATES], slot = *x & 65535;
        values[n] = slot >= GAM_TOTAL - GAM_ESCAPE
                        ? read_escape(r, x, f, n, 1)
                        : read_well(r, x, find_scalar(f->landscapes, k, n, slot), f, n, 1);
    }
}

#if HAS_EDGES
TARGET_EDGES INLINE void step_states(gam_reader *r, int32_t k, int32_t count, const field *f,
                                     const uint16_t (*edges)[EDGES], const uint8_t *known,
                                     int32_t *values, int checked) {
    const gam_landscapes *l = f->landscapes;
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        uint32_t *state = &r->state[r->position++ % GAM_STATES], x = *state, slot = x & 65535;
        int32_t up_to = edges_up_to(load_edges(edges[n]), slot);
        // Found, one bin wide and no loose bits: nearly always for 8-bit values.
        if (__builtin_expect((uint32_t)(up_to - 1) < EDGES - 1 &&
                                 !(l->reach[n] | l->shift[n]), 1)) {
            uint32_t start = edges[n][up_to - 1], end = edges[n][up_to];
            *state = refilled(r, (end - start) * (x >> 16) + slot - start, checked);
            values[n] = f->base[n] + l->centre[n] - BEFORE + up_to - 1;
        } else if (slot >= GAM_TOTAL - GAM_ESCAPE) {
            values[n] = read_escape(r, state, f, n, checked);
        } else {
            well w = find_near(l, k, n, edges[n], up_to, slot);
            values[n] = read_well(r, state, w, f, n, checked);
        }
    }
}

TARGET_EDGES INLINE void first_edges(const gam_landscapes *l, int32_t k, int32_t count,
                                     uint16_t (*edges)[EDGES]) {
    for (int32_t n = 0; n < count; n++) {
        int32_t reach = l->reach[n];
        store_edges(edges[n], edges16(l, k, n, l->centre[n] - (BEFORE << reach), reach));
    }
}

TARGET_EDGES INLINE void recall_wells(gam_reader *r, int32_t k, int32_t count, const field *f,
                                      const uint16_t (*edges)[EDGES], const uint8_t *known,
                                      int32_t *values) {
    if (r->words_end - r->words >= count) step_states(r, k, count, f, edges, known, values, 0);
    else step_states(r, k, count, f, edges, known, values, 1);
}

#define RECALL(NAME, TARGET, FIRST_EDGES)                                                         \
    TARGET INLINE void NAME##_of(gam_reader *r, int32_t k, int32_t count, const field *f,         \
                                 const uint8_t *known, int32_t *values) {                         \
        uint16_t edges[GAM_BATCH_MAX + 1][EDGES];                                                 \
        FIRST_EDGES(f->landscapes, k, count, edges);                                              \
        recall_wells(r, k, count, f, (const uint16_t(*)[EDGES])edges, known, values);             \
    }                                                                                             \
    TARGET static void NAME(gam_reader *r, int32_t k, int32_t count, const field *f,              \
                            const uint8_t *known, int32_t *values) {                              \
        if (k == 1) NAME##_of(r, 1, count, f, known, values);                                     \
        else if (k == 2) NAME##_of(r, 2, count, f, known, values);                                \
        else NAME##_of(r, 3, count, f, known, values);                                            \
    }

#if GAM_X86
RECALL(recall_avx2, TARGET_AVX2, first_edges)
RECALL(recall_avx512, TARGET_AVX512, first_edges_avx512)
#else
RECALL(recall_neon, , first_edges)
#endif
#endif

void gam_recall_trace(gam_level level, gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscapes *landscapes, const int32_t *base, int32_t low,
                      int32_t high, const uint8_t *known, int32_t *values) {
    const field f = {landscapes, base, low, high};
#if GAM_X86
    if (level >= GAM_AVX512) return recall_avx512(reader, components, count, &f, known, values);
    if (level >= GAM_AVX2) return recall_avx2(reader, components, count, &f, known, values);
#elif GAM_ARM
    if (level == GAM_NEON) return recall_neon(reader, components, count, &f, known, values);
#endif
    recall_scalar(reader, components, count, &f, known, values);
}
