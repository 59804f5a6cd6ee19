// Kernels of sound and other series: steps of all lanes of a causal shard, with adaptive filters.
//
// What always holds here: a level's own order of adaptive weights is not told, but what they predict.
#include "driver.h"

enum {
    STRIDE = 48,           // lanes, with room for vectors
    PAST = 64,             // steps before the first
    STEPS = 40,
    TAPS = 256,
    ROOM = TAPS + STEPS + 8,
    ORDER = 32,
    CROSS = 16
};

static int32_t own[PAST + STEPS][STRIDE], own_error[PAST + STEPS][STRIDE];
static int32_t partner[PAST + STEPS][STRIDE], partner_error[PAST + STEPS][STRIDE];
static int32_t coefficients[ORDER + CROSS][STRIDE], averages[6][STRIDE];
static int16_t history[STRIDE][ROOM], partner_history[STRIDE][ROOM];
static int32_t weights[TAPS], lane_weights[GAM_LANE_TAPS][STRIDE], rests[PAST + STEPS][STRIDE];
static int16_t rounded[TAPS];
static int32_t first[STRIDE], second[STRIDE], heard[STRIDE], values[STRIDE];
static int64_t plain[STRIDE];
static gam_batch batch;

typedef struct {
    uint64_t predicted, gathered, learnt, kept;
} hashes;

static void fill_short(int16_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (int16_t)between(-3000, 3000);
}

static void fill_state(int32_t down) {
    const size_t past = PAST * STRIDE, all = (PAST + STEPS) * STRIDE;
    fill_numbers(own[0], past, -20000, 20000);
    fill_numbers(own_error[0], past, -3000, 3000);
    fill_numbers(partner[0], all, -20000, 20000);
    fill_numbers(partner_error[0], all, -3000, 3000);
    fill_numbers(coefficients[0], (ORDER + CROSS) * STRIDE, -6000, 6000);
    fill_numbers(averages[0], 6 * STRIDE, 0, (2000 << 10) >> down);
    fill_short(history[0], STRIDE * ROOM);
    fill_short(partner_history[0], STRIDE * ROOM);
    fill_numbers(lane_weights[0], GAM_LANE_TAPS * STRIDE, -(1 << 28), 1 << 28);
    fill_numbers(rests[0], past, -3000, 3000);
    // All alike, for their order is the level's; at the bound, where lessons must saturate.
    const int32_t bound = number() % 2 ? (1 << 30) - 5000 : 5000 - (1 << 30);
    const int32_t weight = down ? bound : 0;
    for (int i = 0; i < TAPS; i++) weights[i] = weight, rounded[i] = (int16_t)(weight >> 16);
}

static gam_adaptive make_filter(int32_t lanes, int32_t crosses) {
    return (gam_adaptive){TAPS, lanes, STRIDE, ROOM, crosses == 2, history[0] + TAPS,
                          crosses ? partner_history[0] + TAPS : NULL, weights, rounded,
                          lane_weights[0], rests[PAST], first, second, heard, plain};
}

static gam_causal make_causal(int32_t crosses, int32_t down, const gam_adaptive *filter) {
    return (gam_causal){own[PAST], own_error[PAST], crosses ? partner[PAST] : NULL,
                        crosses ? partner_error[PAST] : NULL, STRIDE, ORDER,
                        crosses ? CROSS : 0, crosses == 2, coefficients[0],
                        {averages[0], averages[1], averages[2]},
                        {averages[3], averages[4], averages[5]},
                        -(1 << 23), (1 << 23) - 1, down, crosses > 0, filter};
}

static void choose_values(int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        int32_t reach = 1 << number() % 14, v = batch.base[i] + between(-reach, reach);
        values[i] = v < -(1 << 23) ? -(1 << 23) : v > (1 << 23) - 1 ? (1 << 23) - 1 : v;
    }
}

static void mix_filter(hashes *h, int32_t lanes) {
    mix(&h->learnt, rounded, sizeof rounded);
    for (int i = 0; i < GAM_LANE_TAPS; i++) mix_numbers(&h->learnt, lane_weights[i], lanes);
    mix_numbers(&h->learnt, heard, lanes);
}

static void drive_step(named_level by, hashes *h, gam_causal *c, gam_adaptive *a, int32_t lanes,
                       int32_t step) {
    int32_t *const own_averages[3] = {averages[0], averages[1], averages[2]};
    if (c->adaptive) {
        gam_adaptive_predict(by.level, a, lanes);
        mix_numbers(&h->predicted, first, lanes);
        mix_numbers(&h->predicted, second, lanes);
    }
    gam_gather_causal(by.level, c, lanes, &batch);
    mix_batch(&h->gathered, &batch, lanes, c->uses_partner ? 16 : 12);
    choose_values(lanes);
    if (c->adaptive) {
        gam_adaptive_learn(by.level, a, lanes, &batch, values, step % 5 != 4);
        mix_filter(h, lanes);
        a->own++, a->rests += STRIDE;
        if (a->partner) a->partner++;
    }
    gam_keep_causal(&batch, lanes, c->down, step, values, own[PAST + step],
                    own_error[PAST + step], own_averages);
    mix_numbers(&h->kept, own_error[PAST + step], lanes);
    for (int k = 0; k < 3; k++) mix_numbers(&h->kept, averages[k], lanes);
    c->own += STRIDE, c->own_error += STRIDE;
    if (c->partner) c->partner += STRIDE, c->partner_error += STRIDE;
}

void drive_causal(named_level by) {
    static const int32_t lanes[] = {1, 2, 5, 15, 16, 18, 31, 32};
    hashes h = {0};
    seed_numbers(2);
    for (int kind = 0; kind < 8 * 6; kind++) {
        const int32_t count = lanes[kind / 6], crosses = kind % 3, down = kind % 2 ? 3 : 0;
        fill_state(down);
        gam_adaptive a = make_filter(count, crosses);
        gam_causal c = make_causal(crosses, down, kind % 6 < 4 ? &a : NULL);
        for (int32_t step = 0; step < STEPS; step++) drive_step(by, &h, &c, &a, count, step);
    }
    tell_hash("adaptive_predict", by, h.predicted);
    tell_hash("adaptive_learn", by, h.learnt);
    tell_hash("gather_causal", by, h.gathered);
    tell_hash("keep_causal", by, h.kept);
}
