// Gathers the inputs of the field network for a run of positions.
//
// What always holds here:
// - Work is done in blocks of 16 positions; the last block reads and writes past the run, into the
//   slack every plane and batch has. Those lanes hold garbage and never trap (no division).
// - Differences saturate at +-2^26, so every later product fits 32 bits.
//
// Planes are sheared (row = sheet of the wavefront), so each neighbour of a run is one contiguous
// load. Everything is divided by a local scale: errors of the base predictor by sigma_e, neighbour
// differences by sigma_d, so one network serves 8-bit pictures and 24-bit sound.
#include "lanes.h"

INLINE lanes gradient(lanes w, lanes n, lanes nw, int wide) {
    lanes low = MIN(w, n), high = MAX(w, n);
    if (!wide) return MIN(MAX(w + n - nw, low), high);
    wide_lanes g = __builtin_convertvector(w, wide_lanes) + __builtin_convertvector(n, wide_lanes) -
                   __builtin_convertvector(nw, wide_lanes);
    g = MAX(g, __builtin_convertvector(low, wide_lanes));
    g = MIN(g, __builtin_convertvector(high, wide_lanes));
    return __builtin_convertvector(g, lanes);
}

/// Alternating sum of the seven corners, clamped to the plane's range.
INLINE lanes lorenzo(const lanes *c, int32_t low, int32_t high, int wide) {
    if (!wide) {
        lanes p = c[0] + c[1] + c[2] - c[3] - c[4] - c[5] + c[6];
        return MIN(MAX(p, fill(low)), fill(high));
    }
    wide_lanes p = {};
    for (int i = 0; i < 7; i++) {
        wide_lanes v = __builtin_convertvector(c[i], wide_lanes);
        p = (i < 3 || i == 6) ? p + v : p - v;
    }
    p = MIN(MAX(p, (wide_lanes){} + (int64_t)low), (wide_lanes){} + (int64_t)high);
    return __builtin_convertvector(p, lanes);
}

INLINE void push_scalars(sink *to, const scale *by_error, const scale *by_difference, lanes base,
                         lanes wide_octaves, const gam_run *run) {
    const lanes most = fill(GAM_INPUT_MAX);
    push(to, (by_error->octaves - 768) >> 1);
    lanes ratio = (by_difference->octaves - by_error->octaves) >> 1;
    push(to, MIN(MAX(ratio, -most), most));
    // Where in the range the base lies: -256 ... 256.
    uint32_t range = (uint32_t)run->high - (uint32_t)run->low;
    int32_t down = range >> 15 ? 17 - __builtin_clz(range) : 0;
    int32_t factor = (512 << 15) / (int32_t)((range >> down) + 1);
    typedef uint32_t bits __attribute__((vector_size(64)));
    bits above = ((bits)base - (uint32_t)run->low) >> (uint32_t)down;
    push(to, (lanes)((above * (uint32_t)factor) >> 15) - 256);
    push(to, MIN(MAX((wide_octaves - by_error->octaves) >> 1, -most), most));
}

INLINE void push_previous(sink *to, const gam_stencil *s, const gam_run *run, int plane,
                          int32_t at, const scale *by_error, const scale *by_difference, int wide) {
    const int32_t *value = run->previous_value[plane] + at;
    const int32_t *error = run->previous_error[plane] + at;
    lanes centre = load(value);
    for (int i = 0; i < s->previous_count; i++)
        push(to, divide(difference(load(value + s->previous[i]), centre, wide), by_difference));
    push(to, divide(load(error), by_error));
    push(to, divide(load(error + s->previous_error[0]), by_error));
    push(to, divide(load(error + s->previous_error[1]), by_error));
}

INLINE void gather_block(const gam_stencil *s, const gam_run *run, int32_t at, int32_t to_at,
                         gam_batch *batch, int wide, gam_base base_kind) {
    lanes own[GAM_OWN_MAX], error[GAM_ERRORS_MAX], error_sum = {}, difference_sum = {};
    for (int i = 0; i < s->own_count; i++) own[i] = load(run->value + at + s->own[i]);
    lanes base = base_kind == GAM_BASE_LORENZO ? lorenzo(own, run->low, run->high, wide)
                                               : gradient(own[0], own[1], own[2], wide);
    base = MIN(MAX(base, fill(run->low)), fill(run->high));
    for (int i = 0; i < s->error_count; i++) {
        error[i] = load(run->error + at + s->error[i]);
        // Six errors: the two nearest count twice; eight: each once. The sum is 8 means.
        lanes size = absolute(error[i]);
        error_sum += (s->error_count == 6 && i < 2) ? size + size : size;
    }
    for (int i = 0; i < s->own_count; i++) {
        own[i] = difference(own[i], base, wide);
        if (i < 8) difference_sum += absolute(own[i]);
    }
    lanes sigma = 2 * error_sum + 8, wide_sum = {};
    for (int i = 6; i < 16; i++) wide_sum += absolute(load(run->error + at + s->own[i]));
    lanes wide_octaves = make_scale(2 * wide_sum + 8).octaves;
    scale by_error = make_scale(sigma), by_difference = make_scale(2 * difference_sum + 8);
    store(&batch->base[to_at], base);
    store(&batch->fraction[to_at], (lanes){});
    store(&batch->sigma[to_at], sigma);
    store(&batch->octaves[to_at], by_error.octaves);

    sink to = {batch, to_at, 0, {}};
    for (int i = 0; i < s->own_count; i++) push(&to, divide(own[i], &by_difference));
    for (int i = 0; i < s->error_count; i++) push(&to, divide(error[i], &by_error));
    push_scalars(&to, &by_error, &by_difference, base, wide_octaves, run);
    for (int i = 0; i < s->ahead_count; i++) {
        lanes ahead = {};
        if (run->ahead)
            ahead = divide(difference(load(run->ahead + at + s->ahead[i]), base, wide),
                           &by_difference);
        push(&to, ahead);
    }
    for (int p = 0; p < run->previous_planes; p++)
        push_previous(&to, s, run, p, at, &by_error, &by_difference, wide);
    if (to.count & 1) push(&to, (lanes){});
}

INLINE void gather_body(const gam_stencil *s, const gam_run *run, int32_t at, int32_t count,
                        gam_batch *batch) {
    for (int32_t i = 0; i < count; i += 16) {
        if (run->wide) {
            if (s->base == GAM_BASE_LORENZO)
                gather_block(s, run, i, at + i, batch, 1, GAM_BASE_LORENZO);
            else
                gather_block(s, run, i, at + i, batch, 1, GAM_BASE_GRADIENT);
        } else if (s->base == GAM_BASE_LORENZO) {
            gather_block(s, run, i, at + i, batch, 0, GAM_BASE_LORENZO);
        } else {
            gather_block(s, run, i, at + i, batch, 0, GAM_BASE_GRADIENT);
        }
    }
}

static void gather_baseline(const gam_stencil *s, const gam_run *run, int32_t at, int32_t count,
                            gam_batch *batch) {
    gather_body(s, run, at, count, batch);
}

#if GAM_X86
TARGET_AVX2 static void gather_avx2(const gam_stencil *s, const gam_run *run, int32_t at,
                                    int32_t count, gam_batch *batch) {
    gather_body(s, run, at, count, batch);
}

TARGET_AVX512 static void gather_avx512(const gam_stencil *s, const gam_run *run, int32_t at,
                                        int32_t count, gam_batch *batch) {
    gather_body(s, run, at, count, batch);
}
#endif

void gam_gather(gam_level level, const gam_stencil *stencil, const gam_run *run, int32_t at,
                int32_t count, gam_batch *batch) {
#if GAM_X86
    if (level >= GAM_AVX512) return gather_avx512(stencil, run, at, count, batch);
    if (level >= GAM_AVX2) return gather_avx2(stencil, run, at, count, batch);
#endif
    gather_baseline(stencil, run, at, count, batch);
}

int32_t gam_input_count(const gam_stencil *s, int32_t previous_planes) {
    int32_t count = s->own_count + s->error_count + 4 + s->ahead_count +
                    previous_planes * (s->previous_count + 3);
    return (count + 1) & ~1;
}

void gam_keep(const gam_batch *batch, int32_t at, int32_t count, const int32_t *values,
              int32_t *value_plane, int32_t *error_plane) {
    for (int32_t i = 0; i < count; i++) {
        int64_t d = (int64_t)values[at + i] - batch->base[at + i];
        value_plane[i] = values[at + i];
        error_plane[i] = (int32_t)(d < -GAM_DIFFERENCE_MAX  ? -GAM_DIFFERENCE_MAX
                                   : d > GAM_DIFFERENCE_MAX ? GAM_DIFFERENCE_MAX
                                                            : d);
    }
}
