/* kernels_avx2.c - see kernels_body.h. */
#define KERNELS avx2
#define SIMD_AVX2
#include "compute/cpu/kernels_body.h"
