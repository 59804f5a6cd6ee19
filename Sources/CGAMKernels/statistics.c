// What a plane is like: sixteen numbers the field network is told once per plane.
//
// What always holds here:
// - Only writers come here; what is stored are the numbers themselves. They are the same at every
//   gam_level (sixteen partial sums in a fixed order, no fused multiply-adds).
// - They cost nothing at recall: constant inputs fold into the first layer's biases.
//
// A network of 32 units cannot both know all kinds of noise and texture and tell them apart from 26
// neighbours. Told the plane's statistics it codes held-back Kodak planes of roles 0, 1, 2 in 0.6 %,
// 1.3 % and 2.9 % fewer bits (docs/measurements.md). Sums run over at most about 16,384 points.
#include "kernels_internal.h"

#pragma clang fp contract(off)

typedef float lanes __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));

enum { L = 16, LAGS = 8, SAMPLES = 16384 };

INLINE lanes load(const float *from) {
    lanes v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE lanes masked(lanes v, ints by) { return (lanes)((ints)v & by); }

INLINE lanes size(lanes v) { return (lanes)((ints)v & 0x7fffffff); }

INLINE float total(lanes v) {
    float sum = 0;
    for (int i = 0; i < L; i++) sum += v[i];
    return sum;
}

/// Errors of the base predictor (features.c) of a plane in C order; 0 at its near borders.
INLINE void set_errors(const int32_t *v, const gam_extents *g, float *e) {
    const int32_t w = g->width, slab = w * g->height;
    for (int32_t i = 0; i < g->depth * g->height; i++) {
        float *to = e + (int64_t)i * w;
        const int32_t *at = v + (int64_t)i * w;
        int inside = i % g->height > 0 && (g->depth == 1 || i >= g->height);
        to[0] = 0;
        for (int32_t x = 1; x < w; x++) {
            if (!inside) {
                to[x] = 0;
                continue;
            }
            float a = (float)at[x - 1], b = (float)at[x - w], c = (float)at[x - w - 1], base;
            if (g->depth == 1) {
                float low = a < b ? a : b, high = a < b ? b : a;
                base = a + b - c;
                base = base < low ? low : base > high ? high : base;
            } else {
                base = a + b + (float)at[x - slab] - c - (float)at[x - slab - 1] -
                       (float)at[x - slab - w] + (float)at[x - slab - w - 1];
            }
            to[x] = (float)at[x] - base;
        }
    }
}

typedef struct {
    lanes count, size, root, zero, around, clustered;
    lanes power, lag[LAGS];            // weighted squares, products with neighbours
    lanes other[2], other_power[2], product[2];
} sums;

INLINE void add_block(sums *s, const float *e, const float *const *others, const int64_t *lags,
                      ints in) {
    const lanes inside = masked((lanes){} + 1.0f, in);
    lanes v = masked(load(e), in), a = size(v), near = {}, neighbour[LAGS];
    for (int i = 0; i < LAGS; i++) neighbour[i] = masked(load(e + lags[i]), in);
    for (int i = 0; i < 4; i++) near += size(neighbour[i]);
    lanes k = inside / (near + 4.0f), weighted = k * k;
    lanes beside = size(neighbour[0]) + size(neighbour[1]);
    s->count += inside;
    s->size += a;
    s->root += __builtin_elementwise_sqrt(a);
    s->zero += masked(inside, a == 0.0f);
    s->around += beside;
    s->clustered += a * (beside * k);
    s->power += weighted * (neighbour[0] * neighbour[0] + neighbour[1] * neighbour[1]) * 0.5f;
    for (int i = 0; i < LAGS; i++) s->lag[i] += weighted * v * neighbour[i];
    for (int p = 0; p < 2; p++) {
        if (!others[p]) continue;
        lanes q = masked(load(others[p]), in), b = size(q), by = inside / (b + 2.0f);
        s->other[p] += b;
        s->other_power[p] += by * by * q * q;
        s->product[p] += by * by * v * q;
    }
}

INLINE int8_t rounded(float v) {
    return (int8_t)(v < -127 ? -127 : v > 127 ? 127 : v < 0 ? v - 0.5f : v + 0.5f);
}

INLINE void set_statistics(const sums *s, const float *const *others, int8_t *out) {
    float n = total(s->count) + 1e-3f, mean = total(s->size) / n + 0.1f;
    float root = total(s->root) / n, zero = total(s->zero);
    float power = total(s->power) + 1e-3f;
    out[0] = rounded(8 * (__builtin_log2f(mean) - 1.5f));
    out[1] = rounded(64 * (root * root / mean - 0.75f));
    for (int i = 0; i < LAGS; i++) out[2 + i] = rounded(64 * total(s->lag[i]) / power);
    for (int p = 0; p < 2; p++) {
        float q = total(s->other[p]) / n + 0.1f;
        out[10 + p] = rounded(64 * total(s->product[p]) / (total(s->other_power[p]) + 1e-3f));
        out[12 + p] = others[p] ? rounded(16 * __builtin_log2f(q / mean)) : 0;
    }
    out[14] = rounded(8 * __builtin_log2f((zero + 1) / (n - zero + 1)));
    // Which part of the error lies where neighbours err little: 0 to 1, low where errors cluster.
    out[15] = rounded(128 * (total(s->clustered) / (mean * n) - 0.25f));
}

INLINE void statistics_body(const int32_t *const *planes, const gam_extents *g, float *memory,
                            int8_t *out) {
    const int64_t points = (int64_t)g->depth * g->height * g->width, room = points + 2 * L;
    float *errors[3] = {memory, NULL, NULL};
    for (int p = 0; p < 3 && planes[p]; p++) {
        errors[p] = memory + p * room;
        set_errors(planes[p], g, errors[p]);
    }
    const int64_t w = g->width, slab = w * g->height;
    const int64_t plane_lags[LAGS] = {-1, -w, -w - 1, -w + 1, -2, -2 * w, -3 * w, -3};
    const int64_t volume_lags[LAGS] = {-1, -w, -slab, -w - 1, -slab - 1, -slab - w, -2, -2 * w};
    const int64_t *lags = g->depth == 1 ? plane_lags : volume_lags;
    const int32_t first = g->depth == 1 ? 4 : g->height + 3, rows = g->depth * g->height;
    const int32_t step = (int32_t)(points / SAMPLES) + 1;
    const ints index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    sums s = {};
    for (int32_t row = first; row < rows; row += step) {
        if (row % g->height < 3) continue;
        for (int32_t x = 4; x < g->width - 1; x += L) {
            ints in = (index + x) < g->width - 1;
            int64_t at = row * w + x;
            const float *others[2] = {errors[1] ? errors[1] + at : NULL,
                                      errors[2] ? errors[2] + at : NULL};
            add_block(&s, errors[0] + at, others, lags, in);
        }
    }
    const float *others[2] = {errors[1], errors[2]};
    set_statistics(&s, others, out);
}

static void statistics_baseline(const int32_t *const *planes, const gam_extents *g, float *memory,
                                int8_t *out) {
    statistics_body(planes, g, memory, out);
}

#if GAM_X86
TARGET_AVX2 static void statistics_avx2(const int32_t *const *planes, const gam_extents *g,
                                        float *memory, int8_t *out) {
    statistics_body(planes, g, memory, out);
}

TARGET_AVX512 static void statistics_avx512(const int32_t *const *planes, const gam_extents *g,
                                            float *memory, int8_t *out) {
    statistics_body(planes, g, memory, out);
}
#endif

size_t gam_statistics_scratch(gam_extents g) {
    return 3 * ((size_t)g.depth * (size_t)g.height * (size_t)g.width + 2 * L) * sizeof(float);
}

void gam_statistics(gam_level level, const int32_t *plane, const int32_t *previous,
                    const int32_t *second, gam_extents extents, void *scratch,
                    int8_t out[GAM_STATISTICS]) {
    const int32_t *planes[3] = {plane, previous, previous ? second : NULL};
#if GAM_X86
    if (level >= GAM_AVX512) return statistics_avx512(planes, &extents, scratch, out);
    if (level >= GAM_AVX2) return statistics_avx2(planes, &extents, scratch, out);
#endif
    statistics_baseline(planes, &extents, scratch, out);
}
