// One section of a shared adaptive filter: what it predicts, and how it is taught, at every level.
//
// What always holds here: sums wrap modulo 2^32, so their order does not matter; a section has a
// multiple of 64 taps.
#pragma once
#include "kernels_internal.h"

enum { PART = 16 };  // lanes whose lessons are added up before they are rounded

/// Part of the shared filter: `count` taps that look at one history.
typedef struct {
    const int16_t *history;  // of lane 0: the oldest value looked at
    int32_t *weights;
    int16_t *rounded;
    int32_t count;
} section;

// ---- prediction ----------------------------------------------------------------------------

static uint32_t dot_baseline(const section *s, ptrdiff_t offset) {
    uint32_t sum = 0;
    for (int32_t i = 0; i < s->count; i++)
        sum += (uint32_t)((int32_t)s->rounded[i] * s->history[offset + i]);
    return sum;
}

#if GAM_X86
TARGET_AVX2 static uint32_t dot_avx2(const section *s, ptrdiff_t offset) {
    __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int32_t i = 0; i < s->count; i += 32)
        for (int k = 0; k < 2; k++) {
            __m256i w = _mm256_loadu_si256((const void *)(s->rounded + i + 16 * k));
            __m256i h = _mm256_loadu_si256((const void *)(s->history + offset + i + 16 * k));
            sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(w, h));
        }
    __m256i all = _mm256_add_epi32(sum[0], sum[1]);
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}

TARGET_AVX512 static uint32_t dot_avx512(const section *s, ptrdiff_t offset) {
    __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int32_t i = 0; i < s->count; i += 64)
        for (int k = 0; k < 2; k++) {
            __m512i w = _mm512_loadu_si512((const void *)(s->rounded + i + 32 * k));
            __m512i h = _mm512_loadu_si512((const void *)(s->history + offset + i + 32 * k));
            sum[k] = _mm512_dpwssd_epi32(sum[k], w, h);
        }
    return (uint32_t)_mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]));
}
#endif

#if GAM_ARM
static uint32_t dot_neon(const section *s, ptrdiff_t offset) {
    int32x4_t sum[4] = {};
    for (int32_t i = 0; i < s->count; i += 16)
        for (int k = 0; k < 2; k++) {
            int16x8_t w = vld1q_s16(s->rounded + i + 8 * k);
            int16x8_t h = vld1q_s16(s->history + offset + i + 8 * k);
            sum[k] = vmlal_s16(sum[k], vget_low_s16(w), vget_low_s16(h));
            sum[k + 2] = vmlal_high_s16(sum[k + 2], w, h);
        }
    int32x4_t all = vaddq_s32(vaddq_s32(sum[0], sum[1]), vaddq_s32(sum[2], sum[3]));
    return (uint32_t)vaddvq_s32(all);
}
#endif

INLINE uint32_t dot(gam_level level, const section *s, ptrdiff_t offset) {
#if GAM_X86
    if (level >= GAM_AVX512) return dot_avx512(s, offset);
    if (level >= GAM_AVX2) return dot_avx2(s, offset);
#elif GAM_ARM
    if (level == GAM_NEON) return dot_neon(s, offset);
#endif
    (void)level;
    return dot_baseline(s, offset);
}

// ---- learning ------------------------------------------------------------------------------

static void teach_baseline(const section *s, const int16_t *error, int32_t count, int32_t room,
                           int32_t shift) {
    for (int32_t i = 0; i < s->count; i++) {
        int32_t lesson = 0;
        for (int32_t l = 0; l < count; l++)
            lesson += (int32_t)error[l] * s->history[l * (ptrdiff_t)room + i];
        int32_t w = s->weights[i] + ((lesson + ((1 << shift) >> 1)) >> shift);
        w = w < -(1 << 30) ? -(1 << 30) : w > 1 << 30 ? 1 << 30 : w;
        s->weights[i] = w;
        s->rounded[i] = (int16_t)(w >> 16);
    }
}

#if GAM_X86
// Two lanes' histories are interleaved, so that one instruction multiplies and adds both. Weights are
// kept in the order that gives: packing them to 16 bits restores the taps' own.

TARGET_AVX2 INLINE __m256i lesson_avx2(__m256i w, __m256i lesson, int32_t shift) {
    const __m256i most = _mm256_set1_epi32(1 << 30), least = _mm256_set1_epi32(-(1 << 30));
    lesson = _mm256_add_epi32(lesson, _mm256_set1_epi32((1 << shift) >> 1));
    w = _mm256_add_epi32(w, _mm256_sra_epi32(lesson, _mm_cvtsi32_si128(shift)));
    return _mm256_min_epi32(_mm256_max_epi32(w, least), most);
}

TARGET_AVX2 static void teach_avx2(const section *s, const int32_t *pairs, int32_t count,
                                   int32_t room, int32_t shift) {
    for (int32_t i = 0; i < s->count; i += 16) {
        __m256i low = _mm256_setzero_si256(), high = low;
        const int16_t *at = s->history + i;
        for (int32_t l = 0; l < count; l += 2, at += 2 * room) {
            __m256i a = _mm256_loadu_si256((const void *)at);
            __m256i b = _mm256_loadu_si256((const void *)(l + 1 < count ? at + room : at));
            __m256i e = _mm256_set1_epi32(pairs[l / 2]);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), e));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), e));
        }
        __m256i *w = (__m256i *)(s->weights + i);
        low = lesson_avx2(_mm256_loadu_si256(w), low, shift);
        high = lesson_avx2(_mm256_loadu_si256(w + 1), high, shift);
        _mm256_storeu_si256(w, low);
        _mm256_storeu_si256(w + 1, high);
        _mm256_storeu_si256((void *)(s->rounded + i),
                            _mm256_packs_epi32(_mm256_srai_epi32(low, 16),
                                               _mm256_srai_epi32(high, 16)));
    }
}

TARGET_AVX512 INLINE __m512i lesson_avx512(__m512i w, __m512i lesson, int32_t shift) {
    const __m512i most = _mm512_set1_epi32(1 << 30), least = _mm512_set1_epi32(-(1 << 30));
    lesson = _mm512_add_epi32(lesson, _mm512_set1_epi32((1 << shift) >> 1));
    w = _mm512_add_epi32(w, _mm512_sra_epi32(lesson, _mm_cvtsi32_si128(shift)));
    return _mm512_min_epi32(_mm512_max_epi32(w, least), most);
}

TARGET_AVX512 static void teach_avx512(const section *s, const int32_t *pairs, int32_t count,
                                       int32_t room, int32_t shift) {
    for (int32_t i = 0; i < s->count; i += 32) {
        __m512i low = _mm512_setzero_si512(), high = low;
        const int16_t *at = s->history + i;
        for (int32_t l = 0; l < count; l += 2, at += 2 * room) {
            __m512i a = _mm512_loadu_si512((const void *)at);
            __m512i b = _mm512_loadu_si512((const void *)(l + 1 < count ? at + room : at));
            __m512i e = _mm512_set1_epi32(pairs[l / 2]);
            low = _mm512_dpwssd_epi32(low, _mm512_unpacklo_epi16(a, b), e);
            high = _mm512_dpwssd_epi32(high, _mm512_unpackhi_epi16(a, b), e);
        }
        int32_t *w = s->weights + i;
        low = lesson_avx512(_mm512_loadu_si512(w), low, shift);
        high = lesson_avx512(_mm512_loadu_si512(w + 16), high, shift);
        _mm512_storeu_si512(w, low);
        _mm512_storeu_si512(w + 16, high);
        _mm512_storeu_si512(s->rounded + i, _mm512_packs_epi32(_mm512_srai_epi32(low, 16),
                                                               _mm512_srai_epi32(high, 16)));
    }
}
#endif

#if GAM_ARM
/// Sixteen taps stay in registers for all lanes; the baseline reads a column of lanes for each tap.
static void teach_neon(const section *s, const int16_t *error, int32_t count, int32_t room,
                       int32_t shift) {
    const int32x4_t most = vdupq_n_s32(1 << 30), half = vdupq_n_s32((1 << shift) >> 1);
    for (int32_t i = 0; i < s->count; i += 16) {
        int32x4_t lesson[4] = {};
        const int16_t *at = s->history + i;
        for (int32_t l = 0; l < count; l++, at += room)
            for (int k = 0; k < 2; k++) {
                int16x8_t h = vld1q_s16(at + 8 * k);
                int32x4_t *to = lesson + 2 * k;
                to[0] = vmlal_n_s16(to[0], vget_low_s16(h), error[l]);
                to[1] = vmlal_high_n_s16(to[1], h, error[l]);
            }
        for (int k = 0; k < 4; k++) {
            int32_t *weight = s->weights + i + 4 * k;
            int32x4_t by = vshlq_s32(vaddq_s32(lesson[k], half), vdupq_n_s32(-shift));
            int32x4_t w = vaddq_s32(vld1q_s32(weight), by);
            w = vminq_s32(vmaxq_s32(w, vnegq_s32(most)), most);
            vst1q_s32(weight, w);
            vst1_s16(s->rounded + i + 4 * k, vshrn_n_s32(w, 16));
        }
    }
}
#endif

/// Teaches one section by up to 16 lanes from `history` on; an odd count gets a silent lane.
static void teach(gam_level level, const section *s, const int16_t *error, int32_t count,
                  int32_t room, int32_t shift) {
#if GAM_X86
    if (level >= GAM_AVX2) {
        int32_t pairs[PART / 2];
        for (int32_t l = 0; l < count; l += 2) {
            uint32_t second = l + 1 < count ? (uint16_t)error[l + 1] : 0;
            pairs[l / 2] = (int32_t)((uint16_t)error[l] | second << 16);
        }
        if (level >= GAM_AVX512) teach_avx512(s, pairs, count, room, shift);
        else teach_avx2(s, pairs, count, room, shift);
        return;
    }
#elif GAM_ARM
    if (level == GAM_NEON) return teach_neon(s, error, count, room, shift);
#endif
    (void)level;
    teach_baseline(s, error, count, room, shift);
}

