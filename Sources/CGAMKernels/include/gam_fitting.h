// The float kernels of fitting.
//
// What always holds here: they propose weights and never decode; the integer energy judges what they
// propose.
#pragma once
#include "gam_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Parameters lie in one array: weights1 [H][F], bias1 [H], weights2 [H][H], bias2 [H],
/// weights3 [3K-1][H], bias3 [3K-1]; 1.0 in the network's real units.
typedef struct {
    int32_t inputs, hidden, components;
} gam_shape;

enum { GAM_FIT_BATCH = 128 };

/// One observed position.
typedef struct {
    float target;     // value - base - fraction
    float sigma;
    float below, above;  // 1: the value is the lowest (highest) that can occur
} gam_observation;

size_t gam_parameter_count(gam_shape shape);

/// Bytes of scratch gam_fit_batch needs.
size_t gam_fit_scratch(gam_shape shape);

/// Adds the gradient of the mean energy (bits) of `count` <= GAM_FIT_BATCH observations to
/// `gradient` and returns the sum of their energies. `inputs` is [*][shape.inputs], rows chosen by
/// `index`. gradient may be NULL (evaluation only).
double gam_fit_batch(gam_level level, gam_shape shape, const float *parameters,
                     const int16_t *inputs, const gam_observation *observations,
                     const uint32_t *index, int32_t count, float *gradient, void *scratch);

/// One step of a descent: its size, the pull back to the anchor, the memory of squared gradients.
typedef struct {
    float rate;
    float decay;   // each parameter goes rate * decay of the way to its anchor
    float memory;  // beta 2
    int32_t step;  // 1 for the first
} gam_descent;

/// One Adam step with decoupled decay (Kingma & Ba 2015; Loshchilov & Hutter 2019) on parameters
/// where mask is not 0; clears the gradient. `anchor` NULL: zero.
void gam_adam(gam_level level, size_t count, float *parameters, float *gradient, float *first,
              float *second, const uint8_t *mask, const float *anchor, gam_descent by);

/// Dot product, in double lanes of float products' exact values.
double gam_dot(gam_level level, const double *a, const double *b, size_t count);

#ifdef __cplusplus
}
#endif
