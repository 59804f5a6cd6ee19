// The trace: which well of each landscape holds the stored value.
//
// What always holds here:
// - Symbol i is coded by rANS state i mod 8; states are 32-bit in [2^16, 2^32), words 16-bit, both
//   read forwards. (Duda 2013; interleaving after Giesen 2014.)
// - A reader never reads outside its buffers: at their end it sets `failed` and goes on with zeros,
//   so every call ends after `count` values whatever the bytes were.
// - A value always lands in [low, high] or sets `failed`.
//
// Searching a landscape by bisection costs ten evaluations of a 4,096-entry table. Eight edges
// around the heavier component's centre are evaluated at once instead: one AVX2 round finds 8-bit
// values nearly always, two find the rest of the common ones.
#include "kernels_internal.h"

// ---- bits -----------------------------------------------------------------------------------

INLINE uint32_t take_bits(gam_reader *r, int32_t count) {
    while (r->held_count < count) {
        if (r->bits == r->bits_end) {
            r->failed = 1;
            r->held_count += 8;
            continue;
        }
        r->held |= (uint64_t)*r->bits++ << r->held_count;
        r->held_count += 8;
    }
    uint32_t v = (uint32_t)(r->held & (((uint64_t)1 << count) - 1));
    r->held >>= count;
    r->held_count -= count;
    return v;
}

INLINE void give_bits(gam_writer *w, uint64_t v, int32_t count) {
    w->held |= v << w->held_count;
    w->held_count += count;
    while (w->held_count >= 8) {
        w->bits[w->bit_bytes++] = (uint8_t)w->held;
        w->held >>= 8;
        w->held_count -= 8;
    }
}

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

INLINE void give_escape(gam_writer *w, int64_t d) {
    uint64_t z = ((uint64_t)d << 1) ^ (uint64_t)(d >> 63);
    int32_t length = z ? 64 - __builtin_clzll(z) : 0;
    give_bits(w, (uint64_t)length, 6);
    give_bits(w, z & 0x1ffff, length > 17 ? 17 : length);
    if (length > 17) give_bits(w, z >> 17, length - 17);
}

// ---- search: the bin with F(bin) <= slot < F(bin + 1) ---------------------------------------

typedef struct {
    int32_t bin;
    uint32_t start, end;
} well;

INLINE well find_scalar(const gam_landscape *l, int32_t components, uint32_t slot) {
    int32_t low = l->first, high = l->last + 1;
    uint32_t start = 0, end = GAM_TOTAL - GAM_ESCAPE;
    int32_t probe = l->centre, step = 1;
    while (high - low > 1) {  // gallop out from the centre, then bisect
        if (probe <= low || probe >= high) probe = low + (high - low) / 2;
        uint32_t f = below(l, components, probe);
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

#if GAM_X86
/// F at bins origin + 0, stride, ... 7 * stride.
TARGET_AVX2 INLINE __m256i below8(const gam_landscape *l, int32_t components, __m256i bin) {
    __m256i edge = _mm256_add_epi32(_mm256_slli_epi32(bin, 8), _mm256_set1_epi32(l->edge));
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < components; k++) {
        __m256i a = _mm256_sub_epi32(edge, _mm256_set1_epi32(l->location[k]));
        __m256i i = _mm256_sra_epi32(_mm256_mullo_epi32(a, _mm256_set1_epi32(l->inverse[k])),
                                     _mm_cvtsi32_si128(l->down[k]));
        i = _mm256_add_epi32(i, _mm256_set1_epi32(2048));
        i = _mm256_min_epi32(_mm256_max_epi32(i, _mm256_setzero_si256()), _mm256_set1_epi32(4095));
        __m256i f = _mm256_i32gather_epi32((const int *)gam_logistic, i, 4);
        f = _mm256_srli_epi32(_mm256_mullo_epi32(f, _mm256_set1_epi32((int)l->weight[k])), 16);
        sum = _mm256_add_epi32(sum, f);
    }
    __m256i inside = _mm256_cmpgt_epi32(bin, _mm256_set1_epi32(l->first));
    __m256i above = _mm256_cmpgt_epi32(bin, _mm256_set1_epi32(l->last));
    return _mm256_blendv_epi8(_mm256_and_si256(sum, inside),
                              _mm256_set1_epi32(GAM_TOTAL - GAM_ESCAPE), above);
}

TARGET_AVX2 INLINE well find_avx2(const gam_landscape *l, int32_t components, uint32_t slot) {
    const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int32_t low = l->first, high = l->last + 1, reach = l->shift > 0 ? 2 : 0;
    uint32_t start = 0, end = GAM_TOTAL - GAM_ESCAPE, f[8];
    int32_t origin = l->centre - (l->shift > 0 ? 14 : 3);
    while (high - low > 1) {
        __m256i bin = _mm256_add_epi32(_mm256_set1_epi32(origin), _mm256_slli_epi32(steps, reach));
        __m256i below_edge = below8(l, components, bin);
        __m256i over = _mm256_cmpgt_epi32(below_edge, _mm256_set1_epi32((int)slot));
        int32_t count = 8 - __builtin_popcount(
            (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(over)));
        _mm256_storeu_si256((void *)f, below_edge);
        if (count > 0) {
            int32_t at = origin + ((count - 1) << reach);
            if (at >= low) low = at, start = f[count - 1];
        }
        if (count < 8) {
            int32_t at = origin + (count << reach);
            if (at <= high) high = at, end = f[count];
        }
        int32_t span = high - low - 1;  // edges still unknown
        if (count == 0 || count == 8) {
            // Outside: look further on that side, eight times as far each round.
            reach += 3;
            if ((8 << reach) >= span) reach = span > 8 ? 29 - __builtin_clz((unsigned)span) : 0;
            origin = count == 0 ? high - (8 << reach) : low + (1 << reach);
        } else {
            reach = span > 8 ? 29 - __builtin_clz((unsigned)span) : 0;
            origin = low + (1 << reach);
        }
        if (reach < 0) reach = 0;
    }
    return (well){low, start, end};
}
#endif

// ---- reading --------------------------------------------------------------------------------

INLINE void refill(gam_reader *r, uint32_t *x) {
    if (*x >= 65536) return;
    uint16_t word = 0;
    if (r->words == r->words_end) {
        r->failed = 1;
    } else {
        __builtin_memcpy(&word, r->words, sizeof word);
        r->words++;
    }
    *x = *x << 16 | word;
}

INLINE int32_t read_escape(gam_reader *r, uint32_t *x, uint32_t slot, int32_t base, int32_t low,
                           int32_t high) {
    *x = GAM_ESCAPE * (*x >> 16) + slot - (GAM_TOTAL - GAM_ESCAPE);
    refill(r, x);
    int64_t value = base + take_escape(r);
    if (value >= low && value <= high) return (int32_t)value;
    r->failed = 1;
    return base;
}

INLINE int32_t read_well(gam_reader *r, uint32_t *x, uint32_t slot, well w,
                         const gam_landscape *l, int32_t low, int32_t high) {
    *x = (w.end - w.start) * (*x >> 16) + slot - w.start;
    refill(r, x);
    int64_t value = l->base + ((int64_t)w.bin << l->shift);
    if (l->shift > 0) value += take_bits(r, l->shift);
    if (value >= low && value <= high) return (int32_t)value;
    r->failed = 1;
    return l->base;
}

#define RECALL(NAME, TARGET, FIND)                                                                \
    TARGET INLINE void NAME##_body(gam_reader *r, int32_t k, int32_t count,                       \
                                   const gam_landscape *landscapes, int32_t low, int32_t high,    \
                                   const uint8_t *known, int32_t *values) {                       \
        for (int32_t n = 0; n < count; n++) {                                                     \
            if (known && known[n]) continue;                                                      \
            const gam_landscape *l = landscapes + n;                                              \
            uint32_t *x = &r->state[r->position++ % GAM_STATES], slot = *x & 65535;               \
            values[n] = slot >= GAM_TOTAL - GAM_ESCAPE                                            \
                            ? read_escape(r, x, slot, l->base, low, high)                         \
                            : read_well(r, x, slot, FIND(l, k, slot), l, low, high);              \
        }                                                                                         \
    }                                                                                             \
    TARGET static void NAME(gam_reader *r, int32_t k, int32_t count, const gam_landscape *l,      \
                            int32_t low, int32_t high, const uint8_t *known, int32_t *values) {   \
        if (k == 1) NAME##_body(r, 1, count, l, low, high, known, values);                        \
        else if (k == 2) NAME##_body(r, 2, count, l, low, high, known, values);                   \
        else NAME##_body(r, 3, count, l, low, high, known, values);                               \
    }

RECALL(recall_baseline, , find_scalar)
#if GAM_X86
RECALL(recall_avx2, TARGET_AVX2, find_avx2)
#endif

void gam_recall_trace(gam_level level, gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscape *landscapes, int32_t low, int32_t high,
                      const uint8_t *known, int32_t *values) {
#if GAM_X86
    if (level >= GAM_AVX2)
        return recall_avx2(reader, components, count, landscapes, low, high, known, values);
#endif
    recall_baseline(reader, components, count, landscapes, low, high, known, values);
}

// ---- writing --------------------------------------------------------------------------------

INLINE void price_value(gam_writer *w, int32_t components, const gam_landscape *l, int32_t value) {
    int64_t d = (int64_t)value - l->base;
    int64_t bin = d >> l->shift;
    uint32_t start = 0, end = 0;
    if (bin >= l->first && bin <= l->last) {
        start = below(l, components, (int32_t)bin);
        end = below(l, components, (int32_t)bin + 1);
    }
    if (start == end) {
        w->symbols[w->symbol_count++] = (GAM_TOTAL - GAM_ESCAPE) | (uint32_t)GAM_ESCAPE << 16;
        give_escape(w, d);
        return;
    }
    w->symbols[w->symbol_count++] = start | (end - start) << 16;
    if (l->shift > 0) give_bits(w, (uint64_t)(d - (bin << l->shift)), l->shift);
}

void gam_price_trace(gam_writer *w, int32_t components, int32_t count,
                     const gam_landscape *landscapes, const uint8_t *known, const int32_t *values) {
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        if (components == 1) price_value(w, 1, landscapes + n, values[n]);
        else if (components == 2) price_value(w, 2, landscapes + n, values[n]);
        else price_value(w, 3, landscapes + n, values[n]);
    }
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
