// Statistics of planes, the kernels of fitting, recall by likeness.
//
// What always holds here: statistics are floats with the same bits everywhere, so they are hashed;
// fitting may fuse multiplications with additions, so its results are told as numbers.
#include "driver.h"

enum { POINTS = 24 * 1024, INPUTS = 26, ROWS = 300, PARAMETERS = 8192, LIKE = 17 * 29 };

static int32_t planes[3][POINTS];
static uint8_t memory[1 << 23] __attribute__((aligned(64)));
static float parameters[PARAMETERS], gradient[PARAMETERS], moments[2][PARAMETERS];
static uint8_t mask[PARAMETERS], points[8 * LIKE], packed[16 * LIKE], again[8 * LIKE];
static int16_t inputs[ROWS * INPUTS];
static gam_observation observations[ROWS];
static uint32_t rows[GAM_FIT_BATCH];
static double factors[2][1000];
static uint64_t lines[4 * LIKE];

static void make_plane(int32_t *to, int32_t count, int32_t roughness) {
    int32_t value = 500;
    for (int32_t i = 0; i < count; i++) {
        value += between(-roughness, roughness);
        to[i] = number() % 40 ? value : between(-30000, 30000);
        if (number() % 3 == 0 && i > 0) to[i] = to[i - 1];
    }
}

void drive_statistics(named_level by) {
    static const gam_extents extents[] = {{1, 5, 9}, {1, 33, 70}, {1, 150, 157}, {5, 9, 11},
                                          {20, 31, 37}};
    uint64_t hash = 0;
    seed_numbers(3);
    for (int kind = 0; kind < 15; kind++) {
        const gam_extents g = extents[kind / 3];
        int8_t out[GAM_STATISTICS];
        for (int p = 0; p < 3; p++)
            make_plane(planes[p], g.depth * g.height * g.width, 1 << between(0, 10));
        if (gam_statistics_scratch(g) > sizeof memory) __builtin_trap();
        // The last blocks read past the planes of errors.
        __builtin_memset(memory, 0, gam_statistics_scratch(g));
        gam_statistics(by.level, planes[0], kind % 3 > 0 ? planes[1] : NULL,
                       kind % 3 > 1 ? planes[2] : NULL, g, memory, out);
        mix(&hash, out, sizeof out);
    }
    tell_hash("statistics", by, hash);
}

static float real(float most) { return most * (float)between(-(1 << 20), 1 << 20) / (1 << 20); }

static void make_observations(gam_shape shape) {
    for (size_t i = 0; i < gam_parameter_count(shape); i++) {
        parameters[i] = real(0.3f);
        moments[0][i] = moments[1][i] = gradient[i] = 0;
        mask[i] = number() % 4 != 0;
    }
    for (int i = 0; i < ROWS * INPUTS; i++) inputs[i] = (int16_t)between(-600, 600);
    for (int i = 0; i < ROWS; i++)
        observations[i] = (gam_observation){real(20), 4 + real(3), i % 50 == 0, i % 60 == 0};
}

static double size_of(const float *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i] < 0 ? -values[i] : values[i];
    return sum;
}

void drive_fitting(named_level by) {
    double energy = 0, slopes = 0, moved = 0;
    seed_numbers(4);
    for (int components = 1; components <= 3; components++) {
        const gam_shape shape = {INPUTS, 8 << components, components};
        const size_t count = gam_parameter_count(shape);
        if (count > PARAMETERS || gam_fit_scratch(shape) > sizeof memory) __builtin_trap();
        make_observations(shape);
        for (int32_t step = 1; step <= 3; step++) {
            int32_t some = step == 2 ? 77 : GAM_FIT_BATCH;
            for (int i = 0; i < some; i++) rows[i] = (uint32_t)between(0, ROWS - 1);
            energy += gam_fit_batch(by.level, shape, parameters, inputs, observations, rows, some,
                                    gradient, memory);
            slopes += size_of(gradient, count);
            gam_adam(by.level, count, parameters, gradient, moments[0], moments[1], mask,
                     NULL, (gam_descent){0.01f, 0.001f, 0.99f, step});
            moved += size_of(parameters, count);
        }
    }
    tell_number("fit_batch-energy", by, energy);
    tell_number("fit_batch-gradient", by, slopes);
    tell_number("adam", by, moved);
    for (int i = 0; i < 1000; i++) factors[0][i] = real(9), factors[1][i] = 1 + real(1);
    double sum = 0;
    for (int i = 0; i < COUNTS; i++)
        sum += gam_dot(by.level, factors[0], factors[1], (size_t)counts[i]);
    tell_number("dot", by, sum);
}

void drive_likeness(named_level by) {
    uint64_t hash = 0;
    seed_numbers(5);
    if (gam_likeness_scratch() > sizeof memory) __builtin_trap();
    for (int32_t bytes = 1; bytes <= 8; bytes += bytes < 4 ? 1 : 4) {
        for (int i = 0; i < LIKE * bytes; i++)
            points[i] = i < 20 * bytes || number() % 30 == 0 ? (uint8_t)(number() % 7)
                                                             : points[i - (i % 3 + 1) * bytes];
        size_t size = gam_likeness_encode(points, LIKE, 17, bytes, memory, lines, packed,
                                          sizeof packed);
        mix(&hash, packed, size);
        gam_likeness_decode(packed, size, LIKE, 17, bytes, memory, lines, again);
        if (size == 0 || __builtin_memcmp(points, again, (size_t)(LIKE * bytes))) __builtin_trap();
        gam_likeness_decode(packed, size / 2, LIKE, 17, bytes, memory, lines, again);
        mix(&hash, again, (size_t)(LIKE * bytes));
    }
    tell_hash("likeness", by, hash);
}
