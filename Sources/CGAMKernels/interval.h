// A binary arithmetic coder without carries.
//
// What always holds here: low <= high; a reader takes zeros for what lies behind its input; a writer
// that finds no room says so and goes on.
#pragma once
#include "kernels_internal.h"

/// A binary arithmetic coder (carry-free: the interval's equal leading bytes leave at once).
typedef struct {
    uint32_t low, high, code;
    const uint8_t *in, *in_end;
    uint8_t *out, *out_end;
    int reads, full;
} interval;

INLINE void shift_out(interval *c) {
    while ((c->low ^ c->high) < 1u << 24) {
        if (c->reads) {
            c->code = c->code << 8 | (c->in < c->in_end ? *c->in++ : 0);
        } else if (c->out < c->out_end) {
            *c->out++ = (uint8_t)(c->high >> 24);
        } else {
            c->full = 1;
        }
        c->low <<= 8;
        c->high = c->high << 8 | 255;
    }
}

/// Codes `bit`, or finds it; `one`: probability of 1 in 1/65536.
INLINE int coded(interval *c, int bit, uint32_t one) {
    uint32_t middle = c->low + (uint32_t)(((uint64_t)(c->high - c->low) * one) >> 16);
    if (c->reads) bit = c->code <= middle;
    if (bit) c->high = middle;
    else c->low = middle + 1;
    shift_out(c);
    return bit;
}

