// Network outputs -> the mixture of wells over values, in integers.
//
// What always holds here:
// - F(bin) = sum_k weight_k * W(distance of the bin's lower edge from centre_k / scale_k) never falls
//   as bin grows: W is a table-free integer function that never falls, each term a floor of it. So
//   a search may look where it likes and finds one answer.
// - F is 0 at or below the first bin that can occur and GAM_TOTAL - GAM_ESCAPE above the last: all
//   probability lies on values inside [low, high].
//
// Wide landscapes are cut into bins of 2^shift values, chosen so that the narrower component spans
// 4 to 8 bins; the low bits go into the trace unmodelled (cost below 0.0012 bit: within a bin
// of a quarter scale a well is flat). That is what makes 32-bit values work with 16-bit odds.
//
// W replaces a table of the logistic function: 16 edges of one position are 19 instructions on
// 16-bit lanes, where gathering them from a table took 16 loads. It differs from the logistic
// function by at most 0.6 % of the range and codes logistic values 0.002 bit longer.
#include "lanes.h"

/// 32768 / 2^(d / 256) for d >= 0, by a quadratic within an octave (at most 0.2 % off, exact at its
/// ends, never rising); d < 3072.
INLINE lanes halved(lanes d) {
    lanes m = d & 255;
    return (32768 - 86 * m + ((22 * m * m) >> 8)) >> (d >> 8);
}

INLINE lanes within(lanes v, int32_t low, int32_t high) {
    return MIN(MAX(v, fill(low)), fill(high));
}

/// of / (1 + 2^-d), nearly, for of <= 65534.
INLINE lanes share(lanes d, lanes of) {
    typedef uint32_t bits __attribute__((vector_size(64)));
    lanes t = (within(d, -8191, 8191) * 710) >> 8;  // 1024 ln 2 / 256 = 2.7726 = 710 / 256
    return (lanes)(((bits)wells(t) * (bits)of) >> 16);
}

/// Each component but the last takes its share of what the earlier ones left.
INLINE void set_weights(int32_t components, int32_t n, const gam_batch *b, gam_landscapes *to,
                        lanes weight[GAM_COMPONENTS_MAX]) {
    lanes rest = fill(GAM_TOTAL - GAM_ESCAPE);
    for (int32_t k = 0; k < components; k++) {
        weight[k] = rest;
        if (k + 1 < components) weight[k] = share(load(&b->outputs[2 * components + k][n]) >> 12, rest);
        rest -= weight[k];
        store(&to->weight[k][n], weight[k]);
    }
}

/// Scales in 1/256 octaves of bins; returns the bins' size.
INLINE lanes set_scales(int32_t components, int32_t n, const gam_batch *b, gam_landscapes *to,
                        lanes step[GAM_COMPONENTS_MAX]) {
    lanes octaves = load(&b->octaves[n]) - 4 * GAM_OCTAVE, scale[GAM_COMPONENTS_MAX];
    lanes least, most;
    for (int32_t k = 0; k < components; k++) {
        scale[k] = within((load(&b->outputs[components + k][n]) >> 12) + octaves, GAM_SCALE_MIN,
                          26 * GAM_OCTAVE + GAM_SCALE_MAX);
        least = k ? MIN(least, scale[k]) : scale[k];
        most = k ? MAX(most, scale[k]) : scale[k];
    }
    lanes shift = within(MAX((least >> 8) - 2, (most >> 8) - 6), 0, 26);
    for (int32_t k = 0; k < components; k++) {
        lanes s = within(scale[k] - (shift << 8), GAM_SCALE_MIN, GAM_SCALE_MAX);
        step[k] = halved(s - GAM_SCALE_MIN);
        store(&to->step[k][n], step[k]);
    }
    store(&to->shift[n], shift);
    return shift;
}

/// Centre of a component, 1/256 bins from the base value, at most 2^18 away.
INLINE lanes location(lanes output, int32_t n, const gam_batch *b, lanes shift) {
    lanes sigma = load(&b->sigma[n]);
    lanes coarse = MAX((load(&b->octaves[n]) >> 8) - 14, fill(0));  // so that products fit
    lanes at = ((within(output >> 8, -32768, 32767) * (sigma >> coarse)) >> 8) +
               (load(&b->fraction[n]) >> coarse);
    lanes left = MAX(coarse - shift, fill(0)), right = MAX(shift - coarse, fill(0));
    lanes most = fill(1 << 18) >> left;
    at = MIN(MAX(at >> right, -most), most);
    return at << left;
}

INLINE void set_range(int32_t low, int32_t high, int32_t n, const gam_batch *b, lanes shift,
                      gam_landscapes *to, lanes centre) {
    typedef uint32_t bits __attribute__((vector_size(64)));
    bits base = (bits)load(&b->base[n]), most = (bits){} + GAM_BINS_MAX;
    bits under = base - (uint32_t)low, over = ((bits){} + (uint32_t)high) - base;
    bits some = (bits)(under != 0);
    bits down = (((under - 1) >> (bits)shift) + 1) & some;  // rounds up
    lanes first = -(lanes)MIN(down, most);
    lanes last = (lanes)MIN(over >> (bits)shift, most);
    store(&to->first[n], first);
    store(&to->last[n], last);
    store(&to->centre[n], MIN(MAX(centre, first), last));
}

INLINE void make_landscapes(int32_t components, int32_t low, int32_t high, int32_t n,
                            const gam_batch *b, gam_landscapes *to) {
    lanes weight[GAM_COMPONENTS_MAX], step[GAM_COMPONENTS_MAX];
    set_weights(components, n, b, to, weight);
    lanes shift = set_scales(components, n, b, to, step);
    lanes edge = -(fill(128) >> shift), heaviest, centre, narrow;
    for (int32_t k = 0; k < components; k++) {
        lanes at = location(load(&b->outputs[k][n]), n, b, shift);
        lanes from = edge - at;
        store(&to->whole[k][n], from >> 8);
        store(&to->part[k][n], ((from & 255) * step[k]) >> 8);
        lanes better = k ? weight[k] > heaviest : fill(-1);
        heaviest = k ? MAX(weight[k], heaviest) : weight[k];
        at = (at + 128) >> 8;
        centre = k ? (at & better) | (centre & ~better) : at;
        narrow = k ? (step[k] & better) | (narrow & ~better) : step[k];
    }
    // 16 edges 2^reach bins apart span at least 3.75 scales to each side where reach is below 3.
    store(&to->reach[n], -((narrow < 512) + (narrow < 256) + (narrow < 128)));
    set_range(low, high, n, b, shift, to, centre);
}

INLINE void landscape_body(int32_t components, int32_t low, int32_t high, int32_t count,
                           const gam_batch *b, gam_landscapes *to) {
    for (int32_t n = 0; n < count; n += 16) {
        if (components == 1) make_landscapes(1, low, high, n, b, to);
        else if (components == 2) make_landscapes(2, low, high, n, b, to);
        else make_landscapes(3, low, high, n, b, to);
    }
}

static void landscape_baseline(int32_t k, int32_t low, int32_t high, int32_t count,
                               const gam_batch *b, gam_landscapes *to) {
    landscape_body(k, low, high, count, b, to);
}

#if GAM_X86
TARGET_AVX2 static void landscape_avx2(int32_t k, int32_t low, int32_t high, int32_t count,
                                       const gam_batch *b, gam_landscapes *to) {
    landscape_body(k, low, high, count, b, to);
}

TARGET_AVX512 static void landscape_avx512(int32_t k, int32_t low, int32_t high, int32_t count,
                                           const gam_batch *b, gam_landscapes *to) {
    landscape_body(k, low, high, count, b, to);
}
#endif

void gam_landscape(gam_level level, int32_t components, int32_t low, int32_t high, int32_t count,
                   const gam_batch *batch, gam_landscapes *out) {
#if GAM_X86
    if (level >= GAM_AVX512) return landscape_avx512(components, low, high, count, batch, out);
    if (level >= GAM_AVX2) return landscape_avx2(components, low, high, count, batch, out);
#endif
    landscape_baseline(components, low, high, count, batch, out);
}
