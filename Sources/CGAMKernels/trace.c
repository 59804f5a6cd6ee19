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
#include "lanes.h"

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

/// Edges of a search: `count` of them are at or below the slot, 2^reach bins apart from `origin`.
typedef struct {
    int32_t low, high;        // the well lies in [low, high)
    uint32_t start, end;      // F there
    int32_t origin, reach;    // the next edges to look at
} search;

enum { EDGES = 16, BEFORE = 7 };  // edges looked at together; of these below the centre

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

#if GAM_X86
/// W of 16 distances.
TARGET_AVX2 INLINE __m256i wells16(__m256i t) {
    __m256i m = _mm256_abs_epi16(t), near = _mm256_min_epu16(m, _mm256_set1_epi16(2731));
    __m256i twice = _mm256_add_epi16(near, near);
    __m256i bend = _mm256_mulhi_epu16(twice, _mm256_add_epi16(twice, near));
    m = _mm256_add_epi16(_mm256_sub_epi16(m, _mm256_srli_epi16(near, 1)), bend);
    __m256i v = _mm256_xor_si256(m, _mm256_set1_epi16(-1));
    for (int i = 0; i < 6; i++) v = _mm256_mulhi_epu16(v, v);
    __m256i above = _mm256_cmpgt_epi16(t, _mm256_set1_epi16(-1));
    return _mm256_xor_si256(_mm256_srli_epi16(v, 1), above);
}

/// F at bins origin + 0 ... 15 << reach of position n.
TARGET_AVX2 INLINE __m256i edges16(const gam_landscapes *l, int32_t components, int32_t n,
                                   int32_t origin, int32_t reach) {
    // The order that packing needs.
    const __m256i even = _mm256_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11);
    const __m128i by = _mm_cvtsi32_si128(reach);
    __m256i first = _mm256_add_epi32(_mm256_sll_epi32(even, by), _mm256_set1_epi32(origin));
    __m256i second = _mm256_add_epi32(first, _mm256_set1_epi32(4 << reach));
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < components; k++) {
        __m256i whole = _mm256_set1_epi32(l->whole[k][n]), step = _mm256_set1_epi32(l->step[k][n]);
        __m256i part = _mm256_set1_epi32(l->part[k][n]);
        __m256i a = _mm256_mullo_epi32(_mm256_add_epi32(first, whole), step);
        __m256i b = _mm256_mullo_epi32(_mm256_add_epi32(second, whole), step);
        __m256i t = _mm256_packs_epi32(_mm256_add_epi32(a, part), _mm256_add_epi32(b, part));
        __m256i weight = _mm256_set1_epi16((short)l->weight[k][n]);
        sum = _mm256_add_epi16(sum, _mm256_mulhi_epu16(wells16(t), weight));
    }
    if (origin <= l->first[n] || origin + (EDGES << reach) > l->last[n]) {
        __m256i bin = _mm256_packs_epi32(first, second);
        __m256i inside = _mm256_cmpgt_epi16(bin, _mm256_set1_epi16((short)l->first[n]));
        __m256i past = _mm256_cmpgt_epi16(bin, _mm256_set1_epi16((short)l->last[n]));
        sum = _mm256_and_si256(sum, inside);
        sum = _mm256_blendv_epi8(sum, _mm256_set1_epi16((short)(GAM_TOTAL - GAM_ESCAPE)), past);
    }
    return sum;
}

/// How many of 16 rising edges are at or below the slot.
TARGET_AVX2 INLINE int32_t edges_up_to(__m256i edges, uint32_t slot) {
    __m256i above = _mm256_subs_epu16(edges, _mm256_set1_epi16((short)slot));
    __m256i is = _mm256_cmpeq_epi16(above, _mm256_setzero_si256());
    return __builtin_popcount((unsigned)_mm256_movemask_epi8(is)) >> 1;
}

TARGET_AVX2 INLINE well find_avx2(const gam_landscapes *l, int32_t components, int32_t n,
                                  const uint16_t *edges, int32_t count, uint32_t slot) {
    uint16_t f[EDGES];
    search s = begin_search(l, n);
    narrow(&s, edges, count);
    while (s.high - s.low > 1) {
        __m256i next = edges16(l, components, n, s.origin, s.reach);
        _mm256_storeu_si256((void *)f, next);
        narrow(&s, f, edges_up_to(next, slot));
    }
    return (well){s.low, s.start, s.end};
}
#endif

// ---- reading --------------------------------------------------------------------------------

/// Checked: at the words' end zeros follow and `failed` is set. Unchecked: the caller knows that a
/// word is left; no branch.
INLINE uint32_t refilled(gam_reader *r, uint32_t x, int checked) {
    if (checked && x < 65536 && r->words == r->words_end) {
        r->failed = 1;
        return x << 16;
    }
    if (checked && x >= 65536) return x;
    uint16_t word;
    __builtin_memcpy(&word, r->words, sizeof word);
    uint32_t low = x < 65536;
    r->words += low;
    return low ? x << 16 | word : x;
}

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

#if GAM_X86
TARGET_AVX2 INLINE void step_states(gam_reader *r, int32_t k, int32_t count, const field *f,
                                    const uint16_t (*edges)[EDGES], const uint8_t *known,
                                    int32_t *values, int checked) {
    const gam_landscapes *l = f->landscapes;
    for (int32_t n = 0; n < count; n++) {
        if (known && known[n]) continue;
        uint32_t *state = &r->state[r->position++ % GAM_STATES], x = *state, slot = x & 65535;
        int32_t up_to = edges_up_to(_mm256_loadu_si256((const void *)edges[n]), slot);
        // Found, one bin wide and no loose bits: nearly always for 8-bit values.
        if (__builtin_expect((uint32_t)(up_to - 1) < EDGES - 1 &&
                                 !(l->reach[n] | l->shift[n]), 1)) {
            uint32_t start = edges[n][up_to - 1], end = edges[n][up_to];
            *state = refilled(r, (end - start) * (x >> 16) + slot - start, checked);
            values[n] = f->base[n] + l->centre[n] - BEFORE + up_to - 1;
        } else if (slot >= GAM_TOTAL - GAM_ESCAPE) {
            values[n] = read_escape(r, state, f, n, checked);
        } else {
            well w = find_avx2(l, k, n, edges[n], up_to, slot);
            values[n] = read_well(r, state, w, f, n, checked);
        }
    }
}

TARGET_AVX2 INLINE void recall_wells(gam_reader *r, int32_t k, int32_t count, const field *f,
                                     const uint8_t *known, int32_t *values) {
    uint16_t edges[GAM_BATCH_MAX][EDGES];
    const gam_landscapes *l = f->landscapes;
    for (int32_t n = 0; n < count; n++) {
        int32_t reach = l->reach[n];
        __m256i e = edges16(l, k, n, l->centre[n] - (BEFORE << reach), reach);
        _mm256_storeu_si256((void *)edges[n], e);
    }
    if (r->words_end - r->words >= count) step_states(r, k, count, f, edges, known, values, 0);
    else step_states(r, k, count, f, edges, known, values, 1);
}

TARGET_AVX2 static void recall_avx2(gam_reader *r, int32_t k, int32_t count, const field *f,
                                    const uint8_t *known, int32_t *values) {
    if (k == 1) recall_wells(r, 1, count, f, known, values);
    else if (k == 2) recall_wells(r, 2, count, f, known, values);
    else recall_wells(r, 3, count, f, known, values);
}
#endif

void gam_recall_trace(gam_level level, gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscapes *landscapes, const int32_t *base, int32_t low,
                      int32_t high, const uint8_t *known, int32_t *values) {
    const field f = {landscapes, base, low, high};
#if GAM_X86
    if (level >= GAM_AVX2) return recall_avx2(reader, components, count, &f, known, values);
#endif
    recall_scalar(reader, components, count, &f, known, values);
}

// ---- writing --------------------------------------------------------------------------------

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
