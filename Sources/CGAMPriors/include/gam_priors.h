// Trained priors built into the program; Priors/README.md says how they were made.
#pragma once
#include <stddef.h>
#include <stdint.h>

int32_t gam_prior_count(void);

/// Bytes of the prior file at `index`, or NULL.
const uint8_t *gam_prior(int32_t index, size_t *count);

/// Bytes of the super-resolution network for signals of so many axes, or NULL.
const uint8_t *gam_superresolution(int32_t axes, size_t *count);
