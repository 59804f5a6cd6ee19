// Network outputs -> the mixture of logistics over values, in integers.
//
// What always holds here:
// - F(bin) = sum_k weight_k * logistic((edge - location_k) / scale_k) never falls as bin grows: each
//   term is a floor of a growing function. So a search may look where it likes and finds one answer.
// - F is 0 at or below the first bin that can occur and GAM_TOTAL - GAM_ESCAPE above the last: all
//   probability lies on values inside [low, high].
//
// Wide landscapes are cut into bins of 2^shift values, chosen so that the narrower component spans
// 4 to 8 bins; the low bits go into the trace unmodelled (cost below 0.0012 bit: within a bin
// of a quarter scale a logistic is flat). That is what makes 32-bit values work with 16-bit odds.
#include "kernels_internal.h"

INLINE int32_t clamp(int64_t v, int64_t low, int64_t high) {
    return (int32_t)(v < low ? low : v > high ? high : v);
}

INLINE void set_weights(int32_t components, const int32_t logit[GAM_COMPONENTS_MAX],
                        gam_landscape *to) {
    const uint32_t total = GAM_TOTAL - GAM_ESCAPE;
    if (components == 1) {
        to->weight[0] = total;
        return;
    }
    int32_t most = logit[0];
    for (int32_t k = 1; k < components; k++) most = logit[k] > most ? logit[k] : most;
    uint32_t part[GAM_COMPONENTS_MAX], sum = 0;
    for (int32_t k = 0; k < components; k++) {
        int32_t d = most - logit[k];
        part[k] = d >= 16 * 256 ? 0 : (uint32_t)gam_exp2_fraction[d & 255] >> (d >> 8);
        sum += part[k];
    }
    uint32_t rest = total;
    for (int32_t k = 0; k + 1 < components; k++) {
        to->weight[k] = part[k] * total / sum;
        rest -= to->weight[k];
    }
    to->weight[components - 1] = rest;
}

INLINE void set_scales(int32_t components, const int32_t scale[GAM_COMPONENTS_MAX],
                       gam_landscape *to) {
    int32_t least = scale[0], most = scale[0];
    for (int32_t k = 1; k < components; k++) {
        least = scale[k] < least ? scale[k] : least;
        most = scale[k] > most ? scale[k] : most;
    }
    int32_t shift = (least >> 4) - 2, other = (most >> 4) - 6;
    shift = shift > other ? shift : other;
    shift = clamp(shift, 0, 26);
    to->shift = shift;
    to->edge = -(128 >> shift);
    for (int32_t k = 0; k < components; k++) {
        int32_t s = clamp(scale[k] - 16 * shift, -80, 111);
        to->inverse[k] = gam_inverse_scale[s & 15];
        to->down[k] = 12 + (s >> 4);
    }
}

INLINE void make_landscape(int32_t components, int32_t low, int32_t high, int32_t n,
                           const gam_batch *b, gam_landscape *to) {
    int32_t scale[GAM_COMPONENTS_MAX], logit[GAM_COMPONENTS_MAX];
    for (int32_t k = 0; k < components; k++) {
        scale[k] = clamp((b->outputs[components + k][n] >> 16) + ((b->octaves[n] - 1024) >> 4),
                         -80, 26 * 16 + 111);
        logit[k] = b->outputs[2 * components + k][n] >> 12;
    }
    set_scales(components, scale, to);
    set_weights(components, logit, to);
    int32_t heaviest = 0;
    for (int32_t k = 0; k < components; k++) {
        int64_t offset = clamp(b->outputs[k][n] >> 8, -32768, 32767);
        int64_t at = ((offset * b->sigma[n]) >> 8) + b->fraction[n];
        to->location[k] = clamp(at >> to->shift, -(1 << 18), 1 << 18);
        if (to->weight[k] > to->weight[heaviest]) heaviest = k;
    }
    to->base = b->base[n];
    to->first = clamp(((int64_t)low - to->base) >> to->shift, -GAM_BINS_MAX, 0);
    to->last = clamp(((int64_t)high - to->base) >> to->shift, 0, GAM_BINS_MAX);
    to->centre = clamp((to->location[heaviest] + 128) >> 8, to->first, to->last);
}

void gam_landscapes(int32_t components, int32_t low, int32_t high, int32_t count,
                    const gam_batch *batch, gam_landscape *out) {
    if (components == 1)
        for (int32_t n = 0; n < count; n++) make_landscape(1, low, high, n, batch, out + n);
    else if (components == 2)
        for (int32_t n = 0; n < count; n++) make_landscape(2, low, high, n, batch, out + n);
    else
        for (int32_t n = 0; n < count; n++) make_landscape(3, low, high, n, batch, out + n);
}

uint32_t gam_below(const gam_landscape *l, int32_t components, int32_t bin) {
    return below(l, components, bin);
}
