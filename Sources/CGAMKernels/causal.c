// One step of all lanes of a causal shard: linear prediction and the network's inputs.
//
// What always holds here:
// - Coefficients are at most 2^22 and values are 32-bit, so 48 products stay below 2^60.
// - Averages decay by 1/4, 1/16 and 1/64 per step, once they are that old.
//
// A lane alone would recall one value per network call; 16 lanes of a 65,536-sample shard make a
// batch.
#include "lanes.h"

enum {
    QUAD = 4,
    LARGE = 2816  // octaves of the scale from which on its absolute size means nothing: 128 steps
};

typedef int64_t four __attribute__((vector_size(32)));
typedef int32_t quad __attribute__((vector_size(16)));

INLINE four load_four(const int32_t *from) {
    quad v;
    __builtin_memcpy(&v, from, sizeof v);
    return __builtin_convertvector(v, four);
}

/// Predictions of four lanes in 1/256, clamped to the range.
INLINE four predict(const gam_causal *c, int32_t lane) {
    const int32_t *w = c->coefficients + lane;
    four sum = {};
    const int32_t *past = c->own + lane - c->stride;
    for (int32_t i = 0; i < c->own_order; i++, past -= c->stride, w += c->stride)
        sum += load_four(past) * load_four(w);
    if (c->cross_order > 0) {
        past = c->partner + lane - c->cross_first * (ptrdiff_t)c->stride;
        for (int32_t i = 0; i < c->cross_order; i++, past -= c->stride, w += c->stride)
            sum += load_four(past) * load_four(w);
    }
    four low = (four){} + (int64_t)c->low * 256, high = (four){} + (int64_t)c->high * 256;
    return MIN(MAX(sum >> 8, low), high);
}

INLINE lanes mixed_average(const int32_t *const averages[3], int32_t lane) {
    return (load(averages[1] + lane) >> 1) + (load(averages[0] + lane) >> 2) +
           (load(averages[2] + lane) >> 2);
}

/// Scale of an average: 1/1024 steps of errors >> down, to 1/16 steps of errors.
INLINE lanes average_sigma(lanes average, int32_t down) {
    return (MIN(average >> 6, fill((1 << 30) >> down)) << down) + 8;
}

/// log2 of a ratio of two averages, 1/128 octaves.
INLINE lanes log_ratio(lanes over, lanes under) {
    scale a = make_scale(over + 16), b = make_scale(under + 16);
    const lanes most = fill(GAM_INPUT_MAX);
    return MIN(MAX((a.octaves - b.octaves) >> 1, -most), most);
}

INLINE void push_partner(sink *to, const gam_causal *c, int32_t lane, lanes own_average) {
    lanes average = mixed_average(c->partner_averages, lane);
    scale by_partner = make_scale(average_sigma(average, c->down));
    const int32_t *error = c->partner_error + lane - c->cross_first * (ptrdiff_t)c->stride;
    for (int i = 0; i < 3; i++, error -= c->stride) push(to, divide(load(error), &by_partner));
    push(to, log_ratio(load(c->partner_averages[0] + lane), average));
    push(to, log_ratio(average, own_average));
}

/// What the adaptive filters add to linear predictions, which it notes down.
INLINE four adapted(const gam_causal *c, four plain, int32_t lane, const lanes *sigma, int g) {
    const gam_adaptive *a = c->adaptive;
    __builtin_memcpy(a->plain + lane + g, &plain, sizeof plain);
    four ratio = load_four(a->first + lane + g) + load_four(a->second + lane + g);
    four p = plain + ((ratio * load_four((const int32_t *)sigma + g)) >> 7);
    four low = (four){} + (int64_t)c->low * 256, high = (four){} + (int64_t)c->high * 256;
    return MIN(MAX(p, low), high);
}

INLINE void gather_lanes(const gam_causal *c, int32_t lane, gam_batch *batch) {
    lanes base, fraction;
    lanes average = mixed_average(c->averages, lane);
    lanes sigma = average_sigma(average, c->down);
    scale by_own = make_scale(sigma);
    for (int g = 0; g < 16; g += QUAD) {
        four p = predict(c, lane + g);
        if (c->adaptive) p = adapted(c, p, lane, &sigma, g);
        quad whole = __builtin_convertvector(p >> 8, quad);
        quad rest = __builtin_convertvector(p & 255, quad);
        __builtin_memcpy((int32_t *)&base + g, &whole, sizeof whole);
        __builtin_memcpy((int32_t *)&fraction + g, &rest, sizeof rest);
    }
    store(&batch->base[lane], base);
    store(&batch->fraction[lane], fraction);
    store(&batch->sigma[lane], sigma);
    store(&batch->octaves[lane], by_own.octaves);
    sink to = {batch, lane, 0, {}};
    const int32_t *error = c->own_error + lane - c->stride;
    for (int i = 0; i < 8; i++, error -= c->stride) push(&to, divide(load(error), &by_own));
    push(&to, (MIN(by_own.octaves, fill(LARGE)) - 768) >> 1);
    push(&to, log_ratio(load(c->averages[0] + lane), average));
    push(&to, log_ratio(load(c->averages[2] + lane), average));
    if (c->uses_partner) push_partner(&to, c, lane, average);
    if (to.count & 1) push(&to, (lanes){});
}

INLINE void gather_body(const gam_causal *c, int32_t count, gam_batch *batch) {
    for (int32_t lane = 0; lane < count; lane += 16) gather_lanes(c, lane, batch);
}

static void gather_baseline(const gam_causal *c, int32_t count, gam_batch *batch) {
    gather_body(c, count, batch);
}

#if GAM_X86
TARGET_AVX2 static void gather_avx2(const gam_causal *c, int32_t count, gam_batch *batch) {
    gather_body(c, count, batch);
}

TARGET_AVX512 static void gather_avx512(const gam_causal *c, int32_t count, gam_batch *batch) {
    gather_body(c, count, batch);
}
#endif

void gam_gather_causal(gam_level level, const gam_causal *causal, int32_t count,
                       gam_batch *batch) {
#if GAM_X86
    if (level >= GAM_AVX512) return gather_avx512(causal, count, batch);
    if (level >= GAM_AVX2) return gather_avx2(causal, count, batch);
#endif
    gather_baseline(causal, count, batch);
}

void gam_keep_causal(const gam_batch *batch, int32_t count, int32_t down, int32_t age,
                     const int32_t *values, int32_t *own, int32_t *own_error,
                     int32_t *const averages[3]) {
    const int32_t grown = age > 0 ? 32 - __builtin_clz((uint32_t)age) : 0;
    for (int32_t i = 0; i < count; i++) {
        int64_t d = (int64_t)values[i] - batch->base[i];
        int64_t most = GAM_DIFFERENCE_MAX;
        own[i] = values[i];
        own_error[i] = (int32_t)(d < -most ? -most : d > most ? most : d);
        int64_t size = (d < 0 ? -d : d) >> down;
        int32_t fine = (int32_t)((size > 1 << 20 ? 1 << 20 : size) << 10);
        for (int k = 0; k < 3; k++) {
            int32_t slow = 2 * k + 2;
            averages[k][i] += (fine - averages[k][i]) >> (grown < slow ? grown : slow);
        }
    }
}
