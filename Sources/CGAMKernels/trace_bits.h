// Bits and words of a trace, one at a time.
//
// What always holds here: a reader never reads outside its buffers; at their end it sets `failed` and
// goes on with zeros.
#pragma once

#include "kernels_internal.h"

INLINE uint32_t take_bits(gam_reader *r, int32_t count) {
    while (r->held_count < count) {
        if (r->bits == r->bits_end) {
            r->failed = 1;
            r->held_count += 8;
            continue;
        }
        r->held |= (uint64_t)*r->bits++ << r->held_count;
        r->held_count += 8;
    }
    uint32_t v = (uint32_t)(r->held & (((uint64_t)1 << count) - 1));
    r->held >>= count;
    r->held_count -= count;
    return v;
}

/// Checked: at the words' end zeros follow and `failed` is set. Unchecked: the caller knows that a
/// word is left; no branch.
INLINE uint32_t refilled(gam_reader *r, uint32_t x, int checked) {
    if (checked && x < 65536 && r->words == r->words_end) {
        r->failed = 1;
        return x << 16;
    }
    if (checked && x >= 65536) return x;
    uint16_t word;
    __builtin_memcpy(&word, r->words, sizeof word);
    uint32_t low = x < 65536;
    r->words += low;
    return low ? x << 16 | word : x;
}

INLINE void give_bits(gam_writer *w, uint64_t v, int32_t count) {
    w->held |= v << w->held_count;
    w->held_count += count;
    while (w->held_count >= 8) {
        w->bits[w->bit_bytes++] = (uint8_t)w->held;
        w->held >>= 8;
        w->held_count -= 8;
    }
}
