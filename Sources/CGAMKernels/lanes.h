// Sixteen 32-bit integers at a time, and division by a local scale.
//
// What always holds here: whatever the bits of a lane are, nothing traps (no division).
#pragma once
#include "kernels_internal.h"

typedef int32_t lanes __attribute__((vector_size(64)));
typedef int64_t wide_lanes __attribute__((vector_size(128)));

#define MIN __builtin_elementwise_min
#define MAX __builtin_elementwise_max

INLINE lanes load(const int32_t *from) {
    lanes v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(int32_t *to, lanes v) { __builtin_memcpy(to, &v, sizeof v); }

INLINE lanes fill(int32_t x) { return (lanes){} + x; }

INLINE lanes absolute(lanes v) { return MAX(v, -v); }

/// a - b, saturated at +-GAM_DIFFERENCE_MAX.
INLINE lanes difference(lanes a, lanes b, int wide) {
    const lanes most = fill(GAM_DIFFERENCE_MAX);
    if (!wide) return MIN(MAX(a - b, -most), most);
    wide_lanes d = __builtin_convertvector(a, wide_lanes) - __builtin_convertvector(b, wide_lanes);
    wide_lanes limit = (wide_lanes){} + (int64_t)GAM_DIFFERENCE_MAX;
    return __builtin_convertvector(MIN(MAX(d, -limit), limit), lanes);
}

/// A local scale ready for division: x / sigma = (x << left >> right) * inverse >> 17, in 1/256.
typedef struct {
    lanes limit, left, right, inverse, octaves;
} scale;

/// sigma in 1/16 steps, 8 ... 2^30 + 8.
INLINE scale make_scale(lanes sigma) {
    lanes e = {}, rest = sigma;
    for (int step = 16; step > 0; step /= 2) {
        lanes is = (rest >= fill(1 << step)) & step;  // comparisons give -1 or 0
        e += is;
        rest >>= is;
    }
    lanes m = ((sigma << MAX(15 - e, fill(0))) >> MAX(e - 15, fill(0))) - 32768;
    scale s;
    // 1 / (1 + m) by a quadratic, at most 1 % off; any fixed curve will do, exactness comes from
    // both sides using the same one.
    s.inverse = 32437 - ((26479 * m) >> 15) + ((10592 * ((m * m) >> 15)) >> 15);
    lanes m8 = m >> 7;
    s.octaves = (e << 8) + m8 + ((88 * m8 * (256 - m8)) >> 16);
    s.limit = fill(1) << e;
    s.left = MAX(14 - e, fill(0));
    s.right = MAX(e - 14, fill(0));
    return s;
}

INLINE lanes divide(lanes x, const scale *s) {
    lanes q = (MIN(MAX(x, -s->limit), s->limit) << s->left) >> s->right;
    return (q * s->inverse + 65536) >> 17;
}

/// Where the next input goes: inputs are stored in pairs, the even one in the low half.
typedef struct {
    gam_batch *batch;
    int32_t at, count;
    lanes held;
} sink;

INLINE void push(sink *to, lanes x) {
    if (to->count & 1) store(&to->batch->inputs[to->count / 2][to->at], to->held | (x << 16));
    to->held = x & 0xffff;
    to->count++;
}

/// The well function (kernels_internal.h) of 16 distances.
INLINE lanes wells(lanes t) {
    lanes m = absolute(t), near = MIN(m, fill(2731));
    lanes v = 65535 - (m - (near >> 1) + ((6 * near * near) >> 16));
    typedef uint32_t bits __attribute__((vector_size(64)));
    for (int i = 0; i < 6; i++) v = (lanes)(((bits)v * (bits)v) >> 16);
    v >>= 1;
    lanes below = t < 0;
    return (v & below) | ((65535 - v) & ~below);
}
