// What the kernel files share: inlining, targets and the processor test.
#pragma once
#include "gam_kernels.h"

#if defined(__x86_64__)
#define GAM_X86 1
#include <immintrin.h>
#else
#define GAM_X86 0
#endif

#if defined(__aarch64__)
#define GAM_ARM 1
#include <arm_neon.h>
#else
#define GAM_ARM 0
#endif

// Vectors only pass between functions that are always inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define TARGET_AVX2 __attribute__((target("avx2,fma,bmi,bmi2")))
#define TARGET_AVX512                                                                            \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512vnni,avx2,fma,bmi," \
                          "bmi2")))

/// The well function: 65536 times the logistic function of t / 1024, nearly; |t| < 2^15. Below the
/// centre (1 - g/64)^64 / 2 with g = x - 2/3 (from 8/3 on), x/2 + 3 x^2 / 32 (before); never falls.
INLINE uint32_t well_function(int32_t t) {
    uint32_t m = (uint32_t)(t < 0 ? -t : t), near = m < 2731 ? m : 2731;
    uint32_t v = 65535 - (m - (near >> 1) + ((6 * near * near) >> 16));
    for (int i = 0; i < 6; i++) v = (v * v) >> 16;
    return t < 0 ? v >> 1 : 65535 - (v >> 1);
}

/// F(bin) of position n (landscape.c): probability below the lower edge of `bin`.
INLINE uint32_t below(const gam_landscapes *l, int32_t components, int32_t n, int32_t bin) {
    if (bin <= l->first[n]) return 0;
    if (bin > l->last[n]) return GAM_TOTAL - GAM_ESCAPE;
    uint32_t sum = 0;
    for (int32_t k = 0; k < components; k++) {
        int32_t t = (bin + l->whole[k][n]) * l->step[k][n] + l->part[k][n];
        t = t < -32767 ? -32767 : t > 32767 ? 32767 : t;
        sum += ((uint32_t)l->weight[k][n] * well_function(t)) >> 16;
    }
    return sum;
}
