// What the parts of the kernel driver share: reproducible numbers, hashes, levels and lines.
//
// What always holds here: numbers depend on the seed alone; integer kernels tell a hash, which must
// be the same everywhere; float kernels of fitting tell numbers, which may differ in their last
// digits.
#pragma once
#include "gam_fitting.h"
#include "gam_kernels.h"

typedef struct {
    const char *name;
    gam_level level;
} named_level;

/// Lengths of batches: around every vector's width, and the longest.
enum { COUNTS = 16 };
extern const int32_t counts[COUNTS];

void seed_numbers(uint64_t seed);
uint64_t number(void);
int32_t between(int32_t low, int32_t high);
void fill_numbers(int32_t *to, size_t count, int32_t low, int32_t high);

void mix(uint64_t *hash, const void *bytes, size_t size);
void mix_numbers(uint64_t *hash, const int32_t *values, int32_t count);

/// "kernel level hash" and "kernel level ~number".
void tell_hash(const char *kernel, named_level by, uint64_t hash);
void tell_number(const char *kernel, named_level by, double value);

/// Hashes what later stages may look at.
void mix_batch(uint64_t *hash, const gam_batch *batch, int32_t count, int32_t inputs);

void drive_planes(named_level by);
void drive_causal(named_level by);
void drive_statistics(named_level by);
void drive_fitting(named_level by);
void drive_likeness(named_level by);
