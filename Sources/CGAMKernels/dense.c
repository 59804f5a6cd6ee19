// The three layers of the field network: int16 x int16 -> int32.
//
// What always holds here:
// - Accumulators cannot overflow: the loader of a network proved for every row that
//   sum |w| * input bound + |bias| + rounding < 2^31 (GAMCore/FieldNetwork.swift).
// - Integer sums do not depend on their order, so every level gives the same bits.
//
// Inputs come in pairs of int16 in one int32, which is what pmaddwd / vpdpwssd multiply: one
// instruction does 16 (AVX2) or 32 (AVX-512 VNNI) multiply-adds; smlal of NEON does 4. All three layers of 32 positions are
// done together: their hidden units (8 KiB) stay in the first-level cache.
#include "kernels_internal.h"

/// acc >> 12, clamped to [0, 8191]: 2^20 becomes 2^8 (rounded half up).
INLINE int32_t activate(int32_t acc) {
    int32_t v = (acc + 2048) >> GAM_WEIGHT_SHIFT;
    return v < 0 ? 0 : v > GAM_ACTIVATION_MAX ? GAM_ACTIVATION_MAX : v;
}

enum { BLOCK = 32 };

typedef struct {
    const int32_t *in;       // [pairs][in_stride]
    int32_t in_stride, pairs;
    const int16_t *weights;  // [rows][2 * pairs]
    const int32_t *bias;
    int32_t rows;
    int32_t *out;            // activated: [rows / 2][out_stride] pairs; else accumulators
    int32_t out_stride, activated;
} layer;

INLINE int32_t weight_pair(const layer *l, int32_t row, int32_t pair) {
    int32_t w;
    __builtin_memcpy(&w, l->weights + (size_t)row * 2 * (size_t)l->pairs + 2 * pair, sizeof w);
    return w;
}

typedef int32_t lanes __attribute__((vector_size(64)));

static void layer_baseline(const layer *l, int32_t count) {
    for (int32_t n = 0; n < count; n += 16) {
        for (int32_t row = 0; row < l->rows; row++) {
            lanes acc = (lanes){} + l->bias[row];
            for (int32_t p = 0; p < l->pairs; p++) {
                lanes x;
                __builtin_memcpy(&x, l->in + p * l->in_stride + n, sizeof x);
                int32_t w = weight_pair(l, row, p);
                acc += ((x << 16) >> 16) * (int32_t)(int16_t)w + (x >> 16) * (w >> 16);
            }
            int32_t *to = l->out + (l->activated ? row / 2 : row) * l->out_stride + n;
            for (int i = 0; i < 16; i++) {
                if (!l->activated) to[i] = acc[i];
                else if (row & 1) to[i] |= activate(acc[i]) << 16;
                else to[i] = activate(acc[i]);
            }
        }
    }
}

#if GAM_X86
#define EMIT_PAIRS(VEC, SET1, ADD, SRA, MAX, MIN, SLL, OR, STORE, ZERO)                   \
    for (int r = 0; r < rows; r++)                                                        \
        for (int v = 0; v < vectors; v++) {                                               \
            VEC a = SRA(ADD(acc[r][v], SET1(2048)), GAM_WEIGHT_SHIFT);                    \
            acc[r][v] = MIN(MAX(a, ZERO()), SET1(GAM_ACTIVATION_MAX));                    \
        }                                                                                 \
    for (int r = 0; r < rows; r += 2)                                                     \
        for (int v = 0; v < vectors; v++)                                                 \
            STORE((void *)(l->out + (row + r) / 2 * l->out_stride + n + v * lane_count),  \
                  OR(acc[r][v], SLL(acc[r + 1][v], 16)))

TARGET_AVX2 INLINE void tile_avx2(const layer *l, int32_t n, int32_t row, const int rows,
                                  const int vectors) {
    enum { lane_count = 8 };
    __m256i acc[4][2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) acc[r][v] = _mm256_set1_epi32(l->bias[row + r]);
    for (int32_t p = 0; p < l->pairs; p++) {
        __m256i x[2];
        for (int v = 0; v < vectors; v++)
            x[v] = _mm256_loadu_si256((const void *)(l->in + p * l->in_stride + n + v * lane_count));
        for (int r = 0; r < rows; r++) {
            __m256i w = _mm256_set1_epi32(weight_pair(l, row + r, p));
            for (int v = 0; v < vectors; v++)
                acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(x[v], w));
        }
    }
    if (l->activated) {
        EMIT_PAIRS(__m256i, _mm256_set1_epi32, _mm256_add_epi32, _mm256_srai_epi32,
                   _mm256_max_epi32, _mm256_min_epi32, _mm256_slli_epi32, _mm256_or_si256,
                   _mm256_storeu_si256, _mm256_setzero_si256);
    } else {
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++)
                _mm256_storeu_si256(
                    (void *)(l->out + (row + r) * l->out_stride + n + v * lane_count), acc[r][v]);
    }
}

TARGET_AVX2 static void layer_avx2(const layer *l, int32_t count) {
    for (int32_t n = 0; n < count; n += 16) {
        int32_t row = 0;
        for (; row + 4 <= l->rows; row += 4) tile_avx2(l, n, row, 4, 2);
        if (row + 2 <= l->rows) tile_avx2(l, n, row, 2, 2), row += 2;
        if (row < l->rows) tile_avx2(l, n, row, 1, 2);
    }
}

TARGET_AVX512 INLINE void tile_avx512(const layer *l, int32_t row, const int rows,
                                      const int vectors) {
    enum { lane_count = 16, n = 0 };
    __m512i acc[8][2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) acc[r][v] = _mm512_set1_epi32(l->bias[row + r]);
    for (int32_t p = 0; p < l->pairs; p++) {
        __m512i x[2];
        for (int v = 0; v < vectors; v++)
            x[v] = _mm512_loadu_si512((const void *)(l->in + p * l->in_stride + v * lane_count));
        for (int r = 0; r < rows; r++) {
            __m512i w = _mm512_set1_epi32(weight_pair(l, row + r, p));
            for (int v = 0; v < vectors; v++)
                acc[r][v] = _mm512_dpwssd_epi32(acc[r][v], x[v], w);
        }
    }
    if (l->activated) {
        EMIT_PAIRS(__m512i, _mm512_set1_epi32, _mm512_add_epi32, _mm512_srai_epi32,
                   _mm512_max_epi32, _mm512_min_epi32, _mm512_slli_epi32, _mm512_or_si512,
                   _mm512_storeu_si512, _mm512_setzero_si512);
    } else {
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++)
                _mm512_storeu_si512((void *)(l->out + (row + r) * l->out_stride + v * lane_count),
                                    acc[r][v]);
    }
}

TARGET_AVX512 INLINE void rows_avx512(const layer *l, const int vectors) {
    int32_t row = 0;
    for (; row + 8 <= l->rows; row += 8) tile_avx512(l, row, 8, vectors);
    if (l->rows - row == 5) return tile_avx512(l, row, 5, vectors);  // the outputs of M
    if (row + 4 <= l->rows) tile_avx512(l, row, 4, vectors), row += 4;
    if (row + 2 <= l->rows) tile_avx512(l, row, 2, vectors), row += 2;
    if (row < l->rows) tile_avx512(l, row, 1, vectors);
}

TARGET_AVX512 static void layer_avx512(const layer *l, int32_t count) {
    if (count > 16) rows_avx512(l, 2);
    else rows_avx512(l, 1);
}
#endif

#if GAM_ARM
// The halves of a pair are split once for all rows of a tile, so the multiplier never waits: 8.0
// cycles per row, pair and 16 positions on a Neoverse N1, 4.0 on an Apple M1, where the baseline
// takes 15.2 and 7.5 (llvm-mca's models; no such processor was at hand).

INLINE int32x4_t activated4(int32x4_t acc) {
    int32x4_t v = vmaxq_s32(vrshrq_n_s32(acc, GAM_WEIGHT_SHIFT), vdupq_n_s32(0));
    return vminq_s32(v, vdupq_n_s32(GAM_ACTIVATION_MAX));
}

/// 16 positions, `rows` <= 5: 20 accumulators, 4 inputs and 5 weights stay in 32 registers.
INLINE void tile_neon(const layer *l, int32_t n, int32_t row, const int rows) {
    int32x4_t acc[5][4];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < 4; v++) acc[r][v] = vdupq_n_s32(l->bias[row + r]);
    for (int32_t p = 0; p < l->pairs; p++) {
        int16x8_t even[2], odd[2];
        for (int v = 0; v < 2; v++) {
            const int32_t *in = l->in + p * l->in_stride + n + 8 * v;
            int16x8_t a = vreinterpretq_s16_s32(vld1q_s32(in));
            int16x8_t b = vreinterpretq_s16_s32(vld1q_s32(in + 4));
            even[v] = vuzp1q_s16(a, b);
            odd[v] = vuzp2q_s16(a, b);
        }
        for (int r = 0; r < rows; r++) {
            int16x4_t w = vreinterpret_s16_s32(vdup_n_s32(weight_pair(l, row + r, p)));
            for (int v = 0; v < 2; v++) {
                int32x4_t *to = acc[r] + 2 * v;
                to[0] = vmlal_lane_s16(to[0], vget_low_s16(even[v]), w, 0);
                to[1] = vmlal_high_lane_s16(to[1], even[v], w, 0);
                to[0] = vmlal_lane_s16(to[0], vget_low_s16(odd[v]), w, 1);
                to[1] = vmlal_high_lane_s16(to[1], odd[v], w, 1);
            }
        }
    }
    for (int r = 0; r < rows; r += l->activated ? 2 : 1)
        for (int v = 0; v < 4; v++) {
            int32x4_t sum = acc[r][v];
            if (l->activated) sum = vsliq_n_s32(activated4(sum), activated4(acc[r + 1][v]), 16);
            int32_t to = l->activated ? (row + r) / 2 : row + r;
            vst1q_s32(l->out + to * l->out_stride + n + 4 * v, sum);
        }
}

static void layer_neon(const layer *l, int32_t count) {
    for (int32_t n = 0; n < count; n += 16) {
        int32_t row = 0;
        if (l->rows == 5) tile_neon(l, n, 0, 5), row = 5;  // the outputs of M; all others are even
        for (; row + 4 <= l->rows; row += 4) tile_neon(l, n, row, 4);
        if (row < l->rows) tile_neon(l, n, row, 2);
    }
}
#endif

static void run_layer(gam_level level, const layer *l, int32_t count) {
#if GAM_X86
    if (level >= GAM_AVX512) return layer_avx512(l, count);
    if (level >= GAM_AVX2) return layer_avx2(l, count);
#elif GAM_ARM
    if (level == GAM_NEON) return layer_neon(l, count);
#endif
    layer_baseline(l, count);
}

void gam_infer(gam_level level, const gam_network *w, int32_t count, gam_batch *batch) {
    int32_t hidden1[GAM_HIDDEN_MAX / 2][BLOCK], hidden2[GAM_HIDDEN_MAX / 2][BLOCK];
    for (int32_t n = 0; n < count; n += BLOCK) {
        const int32_t left = count - n, block = left < BLOCK ? left : BLOCK;
        const layer first = {&batch->inputs[0][n], GAM_BATCH_STRIDE, w->inputs / 2, w->weights1,
                             w->bias1, w->hidden, hidden1[0], BLOCK, 1};
        const layer second = {hidden1[0], BLOCK, w->hidden / 2, w->weights2, w->bias2, w->hidden,
                              hidden2[0], BLOCK, 1};
        const layer third = {hidden2[0], BLOCK, w->hidden / 2, w->weights3, w->bias3,
                             3 * w->components - 1, &batch->outputs[0][n], GAM_BATCH_STRIDE, 0};
        run_layer(level, &first, block);
        run_layer(level, &second, block);
        run_layer(level, &third, block);
    }
}
