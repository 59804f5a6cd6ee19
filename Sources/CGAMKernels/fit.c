// Energy and its gradient for a batch of observations, in float32.
//
// What always holds here:
// - Nothing here touches recall: the result is a proposal, judged by the integer energy.
// - Matrices are [rows][GAM_FIT_BATCH], so every inner loop runs over the batch.
//
// The energy of a value is -log2 of a mixture of logistic wells, P = sigma(a) - sigma(b) with
// a, b = (d +- 1/2 - location) / s. Differences of nearly equal sigmoids are avoided throughout:
// P = sigma(a) sigma(-b) (1 - exp(-w)), w = 1 / s, and the derivatives of log P have closed forms.
#include "gam_fitting.h"
#include "kernels_internal.h"

enum { N = GAM_FIT_BATCH, L = 16 };

typedef float lanes __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));

INLINE lanes load(const float *from) {
    lanes v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float *to, lanes v) { __builtin_memcpy(to, &v, sizeof v); }

INLINE lanes fill(float x) { return (lanes){} + x; }

INLINE lanes least(lanes a, lanes b) { return __builtin_elementwise_min(a, b); }
INLINE lanes greatest(lanes a, lanes b) { return __builtin_elementwise_max(a, b); }

INLINE lanes choose(ints mask, lanes yes, lanes no) {
    return (lanes)(((ints)yes & mask) | ((ints)no & ~mask));
}

/// 2^x, relative error below 1e-6, for |x| <= 126.
INLINE lanes exp2_lanes(lanes x) {
    x = least(greatest(x, fill(-126)), fill(126));
    ints whole = __builtin_convertvector(x + 127.0f, ints) - 127;
    lanes f = x - __builtin_convertvector(whole, lanes);
    lanes p = f * 1.8775767e-3f + 8.9893397e-3f;
    p = p * f + 5.5826318e-2f;
    p = p * f + 2.4015361e-1f;
    p = p * f + 6.9315308e-1f;
    p = p * f + 9.9999994e-1f;
    return p * (lanes)((whole + 127) << 23);
}

INLINE lanes exp_lanes(lanes x) { return exp2_lanes(x * 1.44269504f); }

/// log2 x for positive normal x, absolute error below 1e-5.
INLINE lanes log2_lanes(lanes x) {
    ints bits = (ints)x;
    ints e = ((bits - 0x3f3504f3) >> 23);
    lanes m = (lanes)(bits - (e << 23)) - 1.0f;
    lanes z = m / (m + 2.0f), z2 = z * z;
    lanes p = z * (2.88539008f + z2 * (0.961796694f + z2 * (0.57707802f + z2 * 0.4121985f)));
    return p + __builtin_convertvector(e, lanes);
}

/// out[rows][N] = a[rows][inner] * b[inner][N] + bias; `transposed`: a is [inner][rows].
INLINE void multiply(const float *a, int rows, int inner, const float (*b)[N], const float *bias,
                     float (*out)[N], int transposed) {
    for (int row = 0; row < rows; row += 4) {
        int used = rows - row < 4 ? rows - row : 4;
        for (int n = 0; n < N; n += 2 * L) {
            lanes acc[4][2];
            for (int r = 0; r < 4; r++)
                acc[r][0] = acc[r][1] = fill(bias && r < used ? bias[row + r] : 0);
            for (int i = 0; i < inner; i++) {
                lanes x0 = load(&b[i][n]), x1 = load(&b[i][n + L]);
                for (int r = 0; r < 4; r++) {
                    int at = row + (r < used ? r : 0);
                    lanes w = fill(transposed ? a[i * rows + at] : a[at * inner + i]);
                    acc[r][0] += w * x0;
                    acc[r][1] += w * x1;
                }
            }
            for (int r = 0; r < used; r++)
                store(&out[row + r][n], acc[r][0]), store(&out[row + r][n + L], acc[r][1]);
        }
    }
}

INLINE float total(lanes v) {
    float sum = 0;
    for (int i = 0; i < L; i++) sum += v[i];
    return sum;
}

/// gradient[rows][inner] += d[rows][N] * x[inner][N]^T; bias_gradient[rows] += row sums of d.
INLINE void outer(const float (*d)[N], int rows, const float (*x)[N], int inner, float *gradient,
                  float *bias_gradient) {
    for (int r = 0; r < rows; r++) {
        lanes sum = {};
        for (int n = 0; n < N; n += L) sum += load(&d[r][n]);
        bias_gradient[r] += total(sum);
        for (int i = 0; i < inner; i += 4) {
            int used = inner - i < 4 ? inner - i : 4;
            lanes acc[4] = {};
            for (int n = 0; n < N; n += L) {
                lanes y = load(&d[r][n]);
                for (int k = 0; k < 4; k++) acc[k] += y * load(&x[i + (k < used ? k : 0)][n]);
            }
            for (int k = 0; k < used; k++) gradient[r * inner + i + k] += total(acc[k]);
        }
    }
}

INLINE void rectify(float (*h)[N], int rows) {
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < N; n += L)
            store(&h[r][n], least(greatest(load(&h[r][n]), fill(0)), fill(32)));
}

/// d = 0 where the unit was at a bound.
INLINE void gate(float (*d)[N], const float (*h)[N], int rows) {
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < N; n += L) {
            lanes x = load(&h[r][n]);
            ints open = (x > 0) & (x < 32);
            store(&d[r][n], (lanes)((ints)load(&d[r][n]) & open));
        }
}

typedef struct {
    float x[GAM_INPUTS_MAX + GAM_STATISTICS][N], h1[GAM_HIDDEN_MAX][N], h2[GAM_HIDDEN_MAX][N], o[8][N];
    float d1[GAM_HIDDEN_MAX][N], d2[GAM_HIDDEN_MAX][N], d3[8][N];
    float target[N], sigma[N], below[N], above[N], live[N];
} scratch;

typedef struct {
    lanes p, location_slope, scale_slope;  // slopes of ln p
} component;

INLINE component evaluate(lanes distance, lanes log2_scale, lanes below, lanes above) {
    component c;
    lanes inverse = exp2_lanes(-log2_scale);
    lanes a = (distance + 0.5f) * inverse, b = (distance - 0.5f) * inverse;
    a = least(greatest(a, fill(-40)), fill(40));
    b = least(greatest(b, fill(-40)), fill(40));
    lanes w = greatest(a - b, fill(1e-6f));
    lanes ea = exp_lanes(-a), eb = exp_lanes(-b);
    lanes sa = 1 / (1 + ea), sb = 1 / (1 + eb);       // sigma(a), sigma(b)
    lanes na = ea * sa, nb = eb * sb;                  // sigma(-a), sigma(-b)
    lanes drop = exp_lanes(-w);
    lanes gap = choose(w > 0.01f, 1 - drop, w * (1 - 0.5f * w));
    lanes q = w * drop / gap;
    // Inside the range both edges count; at an end of it only one does, between ends none.
    const ints lowest = below > 0.5f, highest = above > 0.5f;
    lanes p = choose(highest, nb, choose(lowest, sa, sa * nb * gap));
    p = choose(lowest & highest, fill(1), p);
    lanes at_a = choose(highest, fill(0), na), at_b = choose(lowest, fill(0), sb);
    lanes middle = choose(lowest | highest, fill(0), q);
    c.p = p;
    c.location_slope = -(at_a - at_b) * inverse;
    c.scale_slope = -(a * at_a - b * at_b + middle) * 0.69314718f;  // per octave
    return c;
}

/// Slopes of one position, at most 4 bits per unit: where a landscape is narrow, a value far from
/// its well would otherwise outweigh thousands of others and throw the weights about.
INLINE lanes limited(lanes slope, float per_count) {
    return least(greatest(slope, fill(-4 * per_count)), fill(4 * per_count));
}

/// Energies of 16 positions; fills d3 with the derivatives by the outputs.
INLINE lanes energy(scratch *s, int n, int components, float per_count) {
    lanes sigma = load(&s->sigma[n]), target = load(&s->target[n]);
    lanes base_scale = log2_lanes(sigma), sum = {};
    component parts[GAM_COMPONENTS_MAX];
    lanes weight[GAM_COMPONENTS_MAX], odds[GAM_COMPONENTS_MAX], rest = fill(1);
    for (int k = 0; k < components; k++) {
        lanes offset = least(greatest(load(&s->o[k][n]), fill(-8)), fill(8));
        lanes scale = least(greatest(load(&s->o[components + k][n]) + base_scale, fill(-5)),
                            fill(32));
        parts[k] = evaluate(target - offset * sigma, scale, load(&s->below[n]),
                            load(&s->above[n]));
        odds[k] = k + 1 < components ? 1 / (1 + exp2_lanes(-load(&s->o[2 * components + k][n])))
                                     : fill(1);
        weight[k] = rest * odds[k];
        rest -= weight[k];
        sum += weight[k] * parts[k].p;
    }
    lanes floor = fill(3e-6f);
    lanes p = sum + floor;
    lanes live = load(&s->live[n]) * per_count, later = {};
    for (int k = components - 1; k >= 0; k--) {
        lanes share = weight[k] * parts[k].p / p;  // responsibility
        lanes down = live * -1.44269504f * share;
        store(&s->d3[k][n], limited(down * parts[k].location_slope * sigma, per_count));
        store(&s->d3[components + k][n], limited(down * parts[k].scale_slope, per_count));
        if (k + 1 < components)
            store(&s->d3[2 * components + k][n], -live * (share - odds[k] * (share + later)));
        later += share;
    }
    return -log2_lanes(p) * load(&s->live[n]);
}

INLINE void take_rows(scratch *s, gam_shape shape, const int16_t *inputs,
                      const gam_observation *observations, const uint32_t *index, int32_t count) {
    for (int n = 0; n < N; n++) {
        uint32_t row = index[n < count ? n : 0];
        const int16_t *from = inputs + (size_t)row * (size_t)shape.inputs;
        for (int i = 0; i < shape.inputs; i++) s->x[i][n] = (float)from[i] * (1.0f / GAM_INPUT_ONE);
        s->target[n] = observations[row].target;
        s->sigma[n] = observations[row].sigma;
        s->below[n] = observations[row].below;
        s->above[n] = observations[row].above;
        s->live[n] = n < count ? 1 : 0;
    }
}

INLINE double batch_body(gam_shape shape, const float *w, float *g, int32_t count, scratch *s) {
    const int f = shape.inputs, h = shape.hidden, o = 3 * shape.components - 1;
    const int b1 = h * f, w2 = b1 + h, b2 = w2 + h * h, w3 = b2 + h, b3 = w3 + o * h;
    multiply(w, h, f, (const float(*)[N])s->x, w + b1, s->h1, 0);
    rectify(s->h1, h);
    multiply(w + w2, h, h, (const float(*)[N])s->h1, w + b2, s->h2, 0);
    rectify(s->h2, h);
    multiply(w + w3, o, h, (const float(*)[N])s->h2, w + b3, s->o, 0);
    lanes bits = {};
    for (int n = 0; n < N; n += L) bits += energy(s, n, shape.components, 1.0f / (float)count);
    if (g) {
        outer((const float(*)[N])s->d3, o, (const float(*)[N])s->h2, h, g + w3, g + b3);
        multiply(w + w3, h, o, (const float(*)[N])s->d3, NULL, s->d2, 1);
        gate(s->d2, (const float(*)[N])s->h2, h);
        outer((const float(*)[N])s->d2, h, (const float(*)[N])s->h1, h, g + w2, g + b2);
        multiply(w + w2, h, h, (const float(*)[N])s->d2, NULL, s->d1, 1);
        gate(s->d1, (const float(*)[N])s->h1, h);
        outer((const float(*)[N])s->d1, h, (const float(*)[N])s->x, f, g, g + b1);
    }
    return (double)total(bits);
}

INLINE void adam_body(size_t count, float *w, float *g, float *m, float *v, const uint8_t *mask,
                      const float *anchor, gam_descent by, float fix1, float fix2) {
    for (size_t i = 0; i < count; i++) {
        float d = g[i], away = w[i] - (anchor ? anchor[i] : 0);
        g[i] = 0;
        m[i] = 0.9f * m[i] + 0.1f * d;
        v[i] = by.memory * v[i] + (1 - by.memory) * d * d;
        float move = m[i] * fix1 / (__builtin_sqrtf(v[i] * fix2) + 1e-8f) + by.decay * away;
        w[i] -= mask[i] ? by.rate * move : 0;
    }
}

typedef double doubles __attribute__((vector_size(64)));

INLINE double dot_body(const double *a, const double *b, size_t count) {
    doubles sum[4] = {};
    size_t i = 0;
    for (; i + 32 <= count; i += 32)
        for (int k = 0; k < 4; k++) {
            doubles x, y;
            __builtin_memcpy(&x, a + i + 8 * k, sizeof x);
            __builtin_memcpy(&y, b + i + 8 * k, sizeof y);
            sum[k] += x * y;
        }
    doubles all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    double result = 0;
    for (int k = 0; k < 8; k++) result += all[k];
    for (; i < count; i++) result += a[i] * b[i];
    return result;
}

#define TARGETED(SUFFIX, TARGET)                                                                  \
    TARGET static double batch_##SUFFIX(gam_shape shape, const float *w, float *g, int32_t count, \
                                        scratch *s) {                                             \
        return batch_body(shape, w, g, count, s);                                                 \
    }                                                                                             \
    TARGET static void adam_##SUFFIX(size_t count, float *w, float *g, float *m, float *v,        \
                                     const uint8_t *mask, const float *anchor,                    \
                                     gam_descent by, float fix1, float fix2) {                    \
        adam_body(count, w, g, m, v, mask, anchor, by, fix1, fix2);                               \
    }                                                                                             \
    TARGET static double dot_##SUFFIX(const double *a, const double *b, size_t count) {           \
        return dot_body(a, b, count);                                                             \
    }

TARGETED(baseline, )
#if GAM_X86
TARGETED(avx2, TARGET_AVX2)
TARGETED(avx512, TARGET_AVX512)
#endif

size_t gam_parameter_count(gam_shape s) {
    size_t f = (size_t)s.inputs, h = (size_t)s.hidden, o = 3 * (size_t)s.components - 1;
    return h * f + h + h * h + h + o * h + o;
}

size_t gam_fit_scratch(gam_shape shape) {
    (void)shape;
    return sizeof(scratch);
}

double gam_fit_batch(gam_level level, gam_shape shape, const float *parameters,
                     const int16_t *inputs, const gam_observation *observations,
                     const uint32_t *index, int32_t count, float *gradient, void *memory) {
    scratch *s = memory;
    take_rows(s, shape, inputs, observations, index, count);
#if GAM_X86
    if (level >= GAM_AVX512) return batch_avx512(shape, parameters, gradient, count, s);
    if (level >= GAM_AVX2) return batch_avx2(shape, parameters, gradient, count, s);
#endif
    return batch_baseline(shape, parameters, gradient, count, s);
}

void gam_adam(gam_level level, size_t count, float *parameters, float *gradient, float *first,
              float *second, const uint8_t *mask, const float *anchor, gam_descent by) {
    float fix1 = 1 / (1 - __builtin_powf(0.9f, (float)by.step));
    float fix2 = 1 / (1 - __builtin_powf(by.memory, (float)by.step));
#if GAM_X86
    if (level >= GAM_AVX512)
        return adam_avx512(count, parameters, gradient, first, second, mask, anchor, by, fix1,
                           fix2);
    if (level >= GAM_AVX2)
        return adam_avx2(count, parameters, gradient, first, second, mask, anchor, by, fix1, fix2);
#endif
    adam_baseline(count, parameters, gradient, first, second, mask, anchor, by, fix1, fix2);
}

double gam_dot(gam_level level, const double *a, const double *b, size_t count) {
#if GAM_X86
    if (level >= GAM_AVX512) return dot_avx512(a, b, count);
    if (level >= GAM_AVX2) return dot_avx2(a, b, count);
#endif
    return dot_baseline(a, b, count);
}
