/* kernels_avx512.c - see kernels_body.h. */
#define KERNELS avx512
#define SIMD_AVX512
#include "compute/cpu/kernels_body.h"
