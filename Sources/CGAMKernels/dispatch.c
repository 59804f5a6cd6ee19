// Which kernels this processor can run. Asked once per codec, never inside a loop.
#include "kernels_internal.h"

gam_level gam_level_best(void) {
#if GAM_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni"))
        return GAM_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return GAM_AVX2;
#endif
    return GAM_ARM ? GAM_NEON : GAM_BASELINE;
}
