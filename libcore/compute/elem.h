/* elem.h - bf16 by bits. */
#ifndef COMPUTE_ELEM_H
#define COMPUTE_ELEM_H

#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define ELEM_FN static inline __host__ __device__
#else
#define ELEM_FN static inline
#endif

ELEM_FN uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

ELEM_FN float bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

ELEM_FN float from_bf16(uint16_t h)
{
    return bits_float((uint32_t)h << 16);
}

/* Round to nearest even; NaN stays a quiet NaN. */
ELEM_FN uint16_t to_bf16(float f)
{
    uint32_t u = float_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

ELEM_FN float round_bf16(float f)
{
    return from_bf16(to_bf16(f));
}

#endif
