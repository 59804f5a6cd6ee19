// What the kernel files share: inlining, targets and the processor test.
#pragma once
#include "gam_kernels.h"

#if defined(__x86_64__)
#define GAM_X86 1
#include <immintrin.h>
#else
#define GAM_X86 0
#endif

// Vectors only pass between functions that are always inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define TARGET_AVX2 __attribute__((target("avx2,fma,bmi,bmi2")))
#define TARGET_AVX512                                                                            \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512vnni,avx2,fma,bmi," \
                          "bmi2")))

/// F(bin) of landscape.c: probability below the lower edge of `bin`.
INLINE uint32_t below(const gam_landscape *l, int32_t components, int32_t bin) {
    if (bin <= l->first) return 0;
    if (bin > l->last) return GAM_TOTAL - GAM_ESCAPE;
    uint32_t sum = 0;
    for (int32_t k = 0; k < components; k++) {
        int32_t a = bin * 256 + l->edge - l->location[k];
        int32_t i = 2048 + ((a * l->inverse[k]) >> l->down[k]);
        i = i < 0 ? 0 : i > 4095 ? 4095 : i;
        sum += (l->weight[k] * gam_logistic[i]) >> 16;
    }
    return sum;
}
