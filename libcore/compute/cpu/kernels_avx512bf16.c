/* kernels_avx512bf16.c - see kernels_body.h. */
#define KERNELS avx512bf16
#define SIMD_AVX512
#define SIMD_DOT
#include "compute/cpu/kernels_body.h"
