// Sixteen edges of a position's wells at a time: F at bins that lie 2^reach apart.
//
// What always holds here: an edge is what `below` (kernels_internal.h) gives for its bin, at every
// level; distances saturate at 16 bits, far outside every well.
#pragma once
#include "kernels_internal.h"

enum { EDGES = 16, BEFORE = 7 };  // edges looked at together; of these below the centre

#define HAS_EDGES (GAM_X86 || GAM_ARM)

#if GAM_X86
#define TARGET_EDGES TARGET_AVX2
typedef __m256i edge_vector;

TARGET_AVX2 INLINE __m256i load_edges(const uint16_t *from) {
    return _mm256_loadu_si256((const void *)from);
}

TARGET_AVX2 INLINE void store_edges(uint16_t *to, __m256i edges) {
    _mm256_storeu_si256((void *)to, edges);
}

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

/// Two neighbours' numbers, eight lanes each.
TARGET_AVX512 INLINE __m512i pair(const int32_t *from) {
    const __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    __m128i both = _mm_loadl_epi64((const void *)from);
    return _mm512_permutexvar_epi32(halves, _mm512_castsi128_si512(both));
}

TARGET_AVX512 INLINE __m512i wells32(__m512i t) {
    __m512i m = _mm512_abs_epi16(t), near = _mm512_min_epu16(m, _mm512_set1_epi16(2731));
    __m512i twice = _mm512_add_epi16(near, near);
    __m512i bend = _mm512_mulhi_epu16(twice, _mm512_add_epi16(twice, near));
    m = _mm512_add_epi16(_mm512_sub_epi16(m, _mm512_srli_epi16(near, 1)), bend);
    __m512i v = _mm512_xor_si512(m, _mm512_set1_epi16(-1));
    for (int i = 0; i < 6; i++) v = _mm512_mulhi_epu16(v, v);
    // Above the centre: the complement.
    __m512i above = _mm512_movm_epi16(_mm512_cmpgt_epi16_mask(t, _mm512_set1_epi16(-1)));
    return _mm512_xor_si512(_mm512_srli_epi16(v, 1), above);
}

/// First edges of two positions at a time.
TARGET_AVX512 INLINE void first_edges_avx512(const gam_landscapes *l, int32_t components,
                                             int32_t count, uint16_t (*edges)[EDGES]) {
    const __m512i even = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
    for (int32_t n = 0; n < count; n += 2) {
        __m512i reach = pair(l->reach + n);
        __m512i origin = _mm512_sub_epi32(
            pair(l->centre + n), _mm512_sllv_epi32(_mm512_set1_epi32(BEFORE), reach));
        __m512i first = _mm512_add_epi32(_mm512_sllv_epi32(even, reach), origin);
        __m512i second = _mm512_add_epi32(first, _mm512_sllv_epi32(_mm512_set1_epi32(4), reach));
        __m512i sum = _mm512_setzero_si512();
        for (int32_t k = 0; k < components; k++) {
            __m512i whole = pair(l->whole[k] + n), step = pair(l->step[k] + n);
            __m512i part = pair(l->part[k] + n), weight = pair(l->weight[k] + n);
            __m512i a = _mm512_mullo_epi32(_mm512_add_epi32(first, whole), step);
            __m512i b = _mm512_mullo_epi32(_mm512_add_epi32(second, whole), step);
            __m512i t = _mm512_packs_epi32(_mm512_add_epi32(a, part), _mm512_add_epi32(b, part));
            weight = _mm512_or_si512(weight, _mm512_slli_epi32(weight, 16));
            sum = _mm512_add_epi16(sum, _mm512_mulhi_epu16(wells32(t), weight));
        }
        __m512i low = pair(l->first + n), high = pair(l->last + n);
        __m512i bins = _mm512_packs_epi32(first, second);
        __mmask32 inside = _mm512_cmpgt_epi16_mask(bins, _mm512_packs_epi32(low, low));
        __mmask32 past = _mm512_cmpgt_epi16_mask(bins, _mm512_packs_epi32(high, high));
        sum = _mm512_maskz_mov_epi16(inside, sum);
        sum = _mm512_mask_mov_epi16(sum, past, _mm512_set1_epi16((short)(GAM_TOTAL - GAM_ESCAPE)));
        _mm512_storeu_si512(edges[n], sum);
    }
}
#endif

#if GAM_ARM
#define TARGET_EDGES
typedef struct {
    uint16x8_t half[2];
} edge_vector;

INLINE edge_vector load_edges(const uint16_t *from) {
    return (edge_vector){{vld1q_u16(from), vld1q_u16(from + 8)}};
}

INLINE void store_edges(uint16_t *to, edge_vector edges) {
    for (int i = 0; i < 2; i++) vst1q_u16(to + 8 * i, edges.half[i]);
}

/// The upper halves of products.
INLINE uint16x8_t upper(uint16x8_t a, uint16x8_t b) {
    uint32x4_t low = vmull_u16(vget_low_u16(a), vget_low_u16(b)), high = vmull_high_u16(a, b);
    return vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
}

/// W of 8 distances.
INLINE uint16x8_t wells8(int16x8_t t) {
    uint16x8_t m = vreinterpretq_u16_s16(vqabsq_s16(t)), near = vminq_u16(m, vdupq_n_u16(2731));
    uint16x8_t twice = vaddq_u16(near, near), bend = upper(twice, vaddq_u16(twice, near));
    uint16x8_t v = vmvnq_u16(vaddq_u16(vsubq_u16(m, vshrq_n_u16(near, 1)), bend));
    for (int i = 0; i < 6; i++) v = upper(v, v);
    return veorq_u16(vshrq_n_u16(v, 1), vcgezq_s16(t));  // above the centre: the complement
}

/// F at bins origin + 0 ... 15 << reach of position n.
INLINE edge_vector edges16(const gam_landscapes *l, int32_t components, int32_t n, int32_t origin,
                           int32_t reach) {
    const int32x4_t four = {0, 1, 2, 3};
    edge_vector sum;
    for (int i = 0; i < 2; i++) {
        int32x4_t a = vaddq_s32(vshlq_s32(four, vdupq_n_s32(reach)),
                                vdupq_n_s32(origin + (8 * i << reach)));
        int32x4_t b = vaddq_s32(a, vdupq_n_s32(4 << reach));
        uint16x8_t edges = vdupq_n_u16(0);
        for (int32_t k = 0; k < components; k++) {
            int32x4_t whole = vdupq_n_s32(l->whole[k][n]), part = vdupq_n_s32(l->part[k][n]);
            int32_t step = l->step[k][n];
            int16x4_t low = vqmovn_s32(vmlaq_n_s32(part, vaddq_s32(a, whole), step));
            int16x8_t t = vqmovn_high_s32(low, vmlaq_n_s32(part, vaddq_s32(b, whole), step));
            edges = vaddq_u16(edges, upper(wells8(t), vdupq_n_u16((uint16_t)l->weight[k][n])));
        }
        int16x8_t bin = vqmovn_high_s32(vqmovn_s32(a), b);
        edges = vandq_u16(edges, vcgtq_s16(bin, vdupq_n_s16((int16_t)l->first[n])));
        sum.half[i] = vbslq_u16(vcgtq_s16(bin, vdupq_n_s16((int16_t)l->last[n])),
                                vdupq_n_u16(GAM_TOTAL - GAM_ESCAPE), edges);
    }
    return sum;
}

/// How many of 16 rising edges are at or below the slot.
INLINE int32_t edges_up_to(edge_vector edges, uint32_t slot) {
    uint16x8_t most = vdupq_n_u16((uint16_t)slot);
    uint16x8_t is = vaddq_u16(vcleq_u16(edges.half[0], most), vcleq_u16(edges.half[1], most));
    return -vaddvq_s16(vreinterpretq_s16_u16(is));  // a comparison that holds is -1
}
#endif
