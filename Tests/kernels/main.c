// Runs every kernel on made-up numbers at every level of this processor and prints what came out.
//
// What always holds here: of a C library it needs `write` and nothing else, so it also runs where
// only an emulator of the processor is (bare.c). log2f and powf are its own: those of two C
// libraries differ in the last bit.
#include "driver.h"

long write(int file, const void *bytes, size_t count);

const int32_t counts[COUNTS] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 100, 255, 256};

static uint64_t state;

void seed_numbers(uint64_t seed) { state = seed; }

/// SplitMix64 (Steele, Lea and Flood 2014).
uint64_t number(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int32_t between(int32_t low, int32_t high) {
    return (int32_t)(low + (int64_t)(number() >> 16) % ((int64_t)high - low + 1));
}

void fill_numbers(int32_t *to, size_t count, int32_t low, int32_t high) {
    for (size_t i = 0; i < count; i++) to[i] = between(low, high);
}

void mix(uint64_t *hash, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;  // FNV-1a
}

void mix_numbers(uint64_t *hash, const int32_t *values, int32_t count) {
    mix(hash, values, (size_t)count * sizeof *values);
}

void mix_batch(uint64_t *hash, const gam_batch *batch, int32_t count, int32_t inputs) {
    mix_numbers(hash, batch->base, count);
    mix_numbers(hash, batch->fraction, count);
    mix_numbers(hash, batch->sigma, count);
    mix_numbers(hash, batch->octaves, count);
    for (int32_t p = 0; p < inputs / 2; p++) mix_numbers(hash, batch->inputs[p], count);
}

static void tell(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    write(1, text, count);
}

static void tell_line(const char *kernel, named_level by, const char *mark, uint64_t value) {
    char digits[18];
    for (int i = 0; i < 16; i++) digits[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    digits[16] = '\n';
    digits[17] = 0;
    tell(kernel);
    tell(" ");
    tell(by.name);
    tell(mark);
    tell(digits);
}

void tell_hash(const char *kernel, named_level by, uint64_t hash) {
    tell_line(kernel, by, " ", hash);
}

void tell_number(const char *kernel, named_level by, double value) {
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    tell_line(kernel, by, " ~", bits);
}

float log2f(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 23) - 127;
    bits = (bits & 0x7fffff) | 127u << 23;
    __builtin_memcpy(&x, &bits, sizeof x);
    double z = ((double)x - 1) / ((double)x + 1), power = z, sum = 0;
    for (int i = 1; i < 30; i += 2, power *= z * z) sum += power / i;
    return (float)(exponent + 2.8853900817779268 * sum);
}

/// For whole exponents only: the steps of a descent.
float powf(float x, float exponent) {
    double power = 1;
    for (int i = 0; i < (int)exponent; i++) power *= (double)x;
    return (float)power;
}

static const named_level levels[] = {
    {"baseline", GAM_BASELINE},
#if defined(__x86_64__)
    {"avx2", GAM_AVX2},
    {"avx512", GAM_AVX512},
#elif defined(__aarch64__)
    {"neon", GAM_NEON},
#endif
};

int main(void) {
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].level > gam_level_best()) continue;
        drive_planes(levels[i]);
        drive_causal(levels[i]);
        drive_statistics(levels[i]);
        drive_fitting(levels[i]);
    }
    drive_likeness((named_level){"any", GAM_BASELINE});
    return 0;
}
