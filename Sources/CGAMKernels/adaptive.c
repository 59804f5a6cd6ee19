// Adaptive filters of causal shards: what the linear predictors leave, predicted from its own past.
//
// What always holds here:
// - Everything is in units of the lane's local scale (1/2048 of it, 16 bits), so loud and quiet
//   passages teach the same lesson. Sums wrap modulo 2^32; weights stay within +-1.
// - Nothing of the step to recall is looked at before it is recalled.
//
// Two filters in a row (normalized least mean squares; Widrow & Hoff 1960, the cascade after Monkey's
// Audio). The first has up to 512 taps on the last errors of the own and the partner's linear
// predictor; all lanes share its weights and teach it together, so 4,096 steps of 16 lanes train it
// as far as 65,536 steps would. The second has 16 taps on what the first leaves, own weights per lane,
// and follows changes. Bits per sample of prototypes without the network (linear prediction alone,
// both filters): music 7.09 -> 6.80 and 8.00 -> 7.82, speech 3.51 -> 3.23, 24-bit music 16.29 -> 16.24.
#include "lanes.h"

enum { PART = 16 };  // lanes whose lessons are added up before they are rounded

typedef uint32_t bits __attribute__((vector_size(64)));

/// Part of the shared filter: `count` taps that look at one history.
typedef struct {
    const int16_t *history;  // of lane 0: the oldest value looked at
    int32_t *weights;
    int16_t *rounded;
    int32_t count;
} section;

INLINE int32_t sections(const gam_adaptive *a, section to[2]) {
    const int32_t each = a->partner ? a->taps / 2 : a->taps;
    to[0] = (section){a->own - each, a->weights, a->rounded, each};
    if (!a->partner) return 1;
    to[1] = (section){a->partner - each + 1 - a->partner_first, a->weights + each,
                      a->rounded + each, each};
    return 2;
}

// ---- prediction -----------------------------------------------------------------------------

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

INLINE uint32_t dot(gam_level level, const section *s, ptrdiff_t offset) {
#if GAM_X86
    if (level >= GAM_AVX512) return dot_avx512(s, offset);
    if (level >= GAM_AVX2) return dot_avx2(s, offset);
#endif
    (void)level;
    return dot_baseline(s, offset);
}

/// 1/2^25 scales to 1/2048, within +-8 scales.
INLINE lanes from_sum(bits sum) {
    lanes v = (lanes)(sum + 8192) >> 14;
    return MIN(MAX(v, fill(-GAM_ADAPTIVE_MOST)), fill(GAM_ADAPTIVE_MOST));
}

INLINE void follow(const gam_adaptive *a, int32_t lane) {
    bits sum = {};
    const int32_t *rest = a->rests + lane - a->stride, *w = a->lane_weights + lane;
    for (int32_t i = 0; i < GAM_LANE_TAPS; i++, rest -= a->stride, w += a->stride)
        sum += (bits)(load(w) >> 16) * (bits)load(rest);
    store(a->second + lane, from_sum(sum));
}

void gam_adaptive_predict(gam_level level, const gam_adaptive *a, int32_t count) {
    section part[2];
    int32_t parts = sections(a, part);
    for (int32_t lane = 0; lane < count; lane += 16) {
        bits sum = {};
        for (int32_t i = 0; i < 16 && lane + i < count; i++)
            for (int32_t p = 0; p < parts; p++)
                sum[i] += dot(level, &part[p], (lane + i) * (ptrdiff_t)a->room);
        store(a->first + lane, from_sum(sum));
        follow(a, lane);
    }
}

// ---- learning -------------------------------------------------------------------------------

/// A weight in 1/2^30 after a lesson, within +-1.
INLINE lanes taught(lanes weight, lanes lesson) {
    const lanes most = fill(1 << 30);
    return MIN(MAX(weight + lesson, -most), most);
}

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
#endif
    (void)level;
    teach_baseline(s, error, count, room, shift);
}

/// Errors of the linear predictor in 1/2048 of the scale. `error`: 1/16 steps.
INLINE lanes in_scales(lanes error, lanes sigma) {
    scale s = make_scale(sigma);
    lanes e = s.octaves >> 8, limit = fill(1) << MIN(e + 4, fill(30));
    lanes q = (MIN(MAX(error, -limit), limit) << MAX(10 - e, fill(0))) >> MAX(e - 10, fill(0));
    return MIN(MAX((q * s.inverse + 8192) >> 14, fill(-32767)), fill(32767));
}

INLINE lanes lesson_error(lanes error) {
    lanes limited = MIN(MAX(error, fill(-8192)), fill(8192));
    return (limited + 2) >> 2;
}

/// Lane filters of 16 lanes; returns the lessons of the shared one.
INLINE lanes learn_lanes(const gam_adaptive *a, const gam_batch *b, const int32_t *values,
                         int32_t lane, int teaches) {
    lanes error;
    for (int i = 0; i < 16; i++) {
        int64_t e = ((int64_t)values[lane + i] << 4) - (a->plain[lane + i] >> 4);
        const int64_t most = 1 << 30;
        ((int32_t *)&error)[i] = (int32_t)(e < -most ? -most : e > most ? most : e);
    }
    lanes heard = in_scales(error, load(&b->sigma[lane]));
    lanes rest = MIN(MAX(heard - load(a->first + lane), fill(-32767)), fill(32767));
    store(a->heard + lane, heard);
    store(a->rests + lane, rest);
    if (!teaches) return (lanes){};
    lanes lesson = lesson_error(rest - load(a->second + lane));
    const int32_t *past = a->rests + lane - a->stride;
    int32_t *w = a->lane_weights + lane;
    for (int32_t i = 0; i < GAM_LANE_TAPS; i++, past -= a->stride, w += a->stride)
        store(w, taught(load(w), (lanes)((bits)lesson * (bits)load(past) * 2u)));
    return lesson_error(rest);
}

void gam_adaptive_learn(gam_level level, const gam_adaptive *a, int32_t count,
                        const gam_batch *batch, const int32_t *values, int teaches) {
    section part[2];
    int32_t parts = sections(a, part), shift = 0;
    while (1 << shift < a->lanes) shift++;
    for (int32_t lane = 0; lane < count; lane += PART) {
        lanes lesson = learn_lanes(a, batch, values, lane, teaches);
        int32_t some = count - lane < PART ? count - lane : PART;
        int16_t error[PART];
        for (int32_t i = 0; i < some; i++) {
            error[i] = (int16_t)lesson[i];
            a->own[(lane + i) * (ptrdiff_t)a->room] = (int16_t)a->heard[lane + i];
        }
        if (!teaches) continue;
        for (int32_t p = 0; p < parts; p++) {
            section s = part[p];
            s.history += lane * (ptrdiff_t)a->room;
            teach(level, &s, error, some, a->room, shift);
        }
    }
}
