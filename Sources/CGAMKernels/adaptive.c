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
#include "adaptive_filter.h"
#include "lanes.h"

typedef uint32_t bits __attribute__((vector_size(64)));

INLINE int32_t sections(const gam_adaptive *a, section to[2]) {
    const int32_t each = a->partner ? a->taps / 2 : a->taps;
    to[0] = (section){a->own - each, a->weights, a->rounded, each};
    if (!a->partner) return 1;
    to[1] = (section){a->partner - each + 1 - a->partner_first, a->weights + each,
                      a->rounded + each, each};
    return 2;
}

// ---- prediction -----------------------------------------------------------------------------

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
