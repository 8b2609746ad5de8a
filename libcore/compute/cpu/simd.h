/* simd.h - sixteen floats, in one register, in two, or in an array.
 *
 * Kernels are written once in terms of `v16` (kernels_body.h) and compiled for
 * each instruction set, so all of them compute in the same order; this file
 * is the only difference, and every operation in it is exact or correctly
 * rounded.  The includer defines SIMD_AVX512 (and SIMD_DOT where the CPU has dot products of
 * bf16), SIMD_AVX2 or neither.
 *
 * max(a,b) is a > b ? a : b, as the instruction does it; with NaN that is b. */
#ifndef COMPUTE_CPU_SIMD_H
#define COMPUTE_CPU_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compute/elem.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(SIMD_AVX512)

#include <immintrin.h>

typedef __m512 v16;
typedef __mmask16 m16; /* one bit for each lane */

INLINE v16 v16_set(float f)
{
    return _mm512_set1_ps(f);
}
INLINE v16 v16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
INLINE void v16_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}
INLINE m16 lanes(size_t n)
{
    return (m16)((1u << n) - 1);
}
INLINE v16 v16_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes(n), p);
}
INLINE void v16_store_n(float *p, v16 a, size_t n)
{
    _mm512_mask_storeu_ps(p, lanes(n), a);
}
/* Sixteen bf16 in the order of panels (kernels.h): lane i < 8 beside lane i + 8. */
INLINE v16 v16_load_panel(const uint16_t *p)
{
    __m512i w = _mm512_broadcast_i32x8(_mm256_loadu_si256((const void *)p));
    w = _mm512_mask_slli_epi32(w, 0x00ff, w, 16);
    return _mm512_castsi512_ps(_mm512_and_si512(w, _mm512_set1_epi32((int)0xffff0000)));
}
INLINE v16 v16_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
INLINE v16 v16_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
INLINE v16 v16_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
INLINE v16 v16_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
INLINE v16 v16_sqrt(v16 a)
{
    return _mm512_sqrt_ps(a);
}
INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
INLINE v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}
INLINE v16 v16_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}
/* a < b ? 0 : c */
INLINE v16 v16_zero_if_less(v16 a, v16 b, v16 c)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), c);
}
/* The first n lanes of a, the others from b. */
INLINE v16 v16_first(v16 a, v16 b, size_t n)
{
    return _mm512_mask_mov_ps(b, lanes(n), a);
}
/* p * 2^n where the low bits of t hold n. */
INLINE v16 v16_scale(v16 p, v16 t)
{
    __m512i e = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), e));
}

/* bf16 by bits: round to nearest even, NaN quiet. */
INLINE __m512i bf16_bits(v16 a)
{
    __m512i u = _mm512_castps_si512(a), odd = _mm512_srli_epi32(u, 16);
    odd = _mm512_and_si512(odd, _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(r, nan, u, _mm512_set1_epi32(0x400000));
}
INLINE void v16_store_bf16(uint16_t *p, v16 a)
{
    __m512i u = _mm512_srli_epi32(bf16_bits(a), 16);
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(u));
}
INLINE void v16_store_panel(uint16_t *p, v16 a)
{
    __m512i u = bf16_bits(a);
    __m256i low = _mm256_srli_epi32(_mm512_castsi512_si256(u), 16);
    __m256i high =
        _mm256_and_si256(_mm512_extracti32x8_epi32(u, 1), _mm256_set1_epi32((int)0xffff0000));
    _mm256_storeu_si256((void *)p, _mm256_or_si256(low, high));
}
/* Lanes of pairs: `even` in the low half, `odd` in the high one. */
INLINE v16 v16_pair(v16 even, v16 odd)
{
    __m512i low = _mm512_srli_epi32(bf16_bits(even), 16);
    __m512i high = _mm512_and_si512(bf16_bits(odd), _mm512_set1_epi32((int)0xffff0000));
    return _mm512_castsi512_ps(_mm512_or_si512(low, high));
}
INLINE v16 v16_even(v16 pairs)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}
INLINE v16 v16_odd(v16 pairs)
{
    __m512i mask = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), mask));
}
/* Below the normal floats: a zero of the same sign. */
INLINE v16 v16_flush(v16 a)
{
    __m512i u = _mm512_castps_si512(a);
    __mmask16 tiny = _mm512_testn_epi32_mask(u, _mm512_set1_epi32(0x7f800000));
    return _mm512_castsi512_ps(
        _mm512_mask_and_epi32(u, tiny, u, _mm512_set1_epi32((int)0x80000000)));
}

#elif defined(SIMD_AVX2)

#include <immintrin.h>

typedef struct {
    __m256 lo, hi;
} v16;

INLINE v16 v16_set(float f)
{
    __m256 a = _mm256_set1_ps(f);
    return (v16){a, a};
}
INLINE v16 v16_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE void v16_store(float *p, v16 a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}
INLINE __m256i lanes8(size_t n, int from)
{
    const __m256i i = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - from), i);
}
INLINE v16 v16_load_n(const float *p, size_t n)
{
    return (v16){_mm256_maskload_ps(p, lanes8(n, 0)), _mm256_maskload_ps(p + 8, lanes8(n, 8))};
}
INLINE void v16_store_n(float *p, v16 a, size_t n)
{
    _mm256_maskstore_ps(p, lanes8(n, 0), a.lo);
    _mm256_maskstore_ps(p + 8, lanes8(n, 8), a.hi);
}
INLINE v16 v16_load_panel(const uint16_t *p)
{
    __m256i w = _mm256_loadu_si256((const void *)p), mask = _mm256_set1_epi32((int)0xffff0000);
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(w, 16)),
                 _mm256_castsi256_ps(_mm256_and_si256(w, mask))};
}
#define LANEWISE2(name, op)                                                                        \
    INLINE v16 name(v16 a, v16 b)                                                                  \
    {                                                                                              \
        return (v16){op(a.lo, b.lo), op(a.hi, b.hi)};                                              \
    }
LANEWISE2(v16_add, _mm256_add_ps)
LANEWISE2(v16_sub, _mm256_sub_ps)
LANEWISE2(v16_mul, _mm256_mul_ps)
LANEWISE2(v16_div, _mm256_div_ps)
LANEWISE2(v16_max, _mm256_max_ps)
LANEWISE2(v16_min, _mm256_min_ps)
#undef LANEWISE2
INLINE v16 v16_sqrt(v16 a)
{
    return (v16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}
INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
INLINE v16 v16_zero_if_less(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_and_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_NLT_UQ), c.lo),
                 _mm256_and_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_NLT_UQ), c.hi)};
}
INLINE v16 v16_first(v16 a, v16 b, size_t n)
{
    return (v16){_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(lanes8(n, 0))),
                 _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(lanes8(n, 8)))};
}
INLINE __m256 half_scale(__m256 p, __m256 t)
{
    __m256i e = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), e));
}
INLINE v16 v16_scale(v16 p, v16 t)
{
    return (v16){half_scale(p.lo, t.lo), half_scale(p.hi, t.hi)};
}

INLINE __m256i half_bf16_bits(__m256 a)
{
    __m256i u = _mm256_castps_si256(a), odd = _mm256_srli_epi32(u, 16);
    odd = _mm256_and_si256(odd, _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    __m256 nan = _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
    return _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(r), _mm256_castsi256_ps(quiet), nan));
}
INLINE void v16_store_bf16(uint16_t *p, v16 a)
{
    __m256i lo = _mm256_srli_epi32(half_bf16_bits(a.lo), 16);
    __m256i hi = _mm256_srli_epi32(half_bf16_bits(a.hi), 16);
    __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(lo, hi), 0xd8);
    _mm256_storeu_si256((void *)p, both);
}
INLINE __m256 half_pair(__m256 even, __m256 odd)
{
    __m256i low = _mm256_srli_epi32(half_bf16_bits(even), 16);
    __m256i high = _mm256_and_si256(half_bf16_bits(odd), _mm256_set1_epi32((int)0xffff0000));
    return _mm256_castsi256_ps(_mm256_or_si256(low, high));
}
INLINE v16 v16_pair(v16 even, v16 odd)
{
    return (v16){half_pair(even.lo, odd.lo), half_pair(even.hi, odd.hi)};
}
INLINE void v16_store_panel(uint16_t *p, v16 a)
{
    _mm256_storeu_si256((void *)p, _mm256_castps_si256(half_pair(a.lo, a.hi)));
}
INLINE v16 v16_even(v16 pairs)
{
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs.lo), 16)),
                 _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs.hi), 16))};
}
INLINE v16 v16_odd(v16 pairs)
{
    __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000));
    return (v16){_mm256_and_ps(pairs.lo, mask), _mm256_and_ps(pairs.hi, mask)};
}
INLINE __m256 half_flush(__m256 a)
{
    __m256i u = _mm256_castps_si256(a);
    __m256i exponent = _mm256_and_si256(u, _mm256_set1_epi32(0x7f800000));
    __m256i tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256());
    __m256 sign = _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32((int)0x80000000)));
    return _mm256_blendv_ps(a, sign, _mm256_castsi256_ps(tiny));
}
INLINE v16 v16_flush(v16 a)
{
    return (v16){half_flush(a.lo), half_flush(a.hi)};
}

#else

#include <math.h>

typedef struct {
    float f[16];
} v16;

/* Correctly rounded without the instruction.  The product is exact in double, and
 * rounding the sum twice is harmless unless the first rounding lands on the
 * middle of two floats: then it is made odd instead, by the sign of its error. */
INLINE float fma_float(float a, float b, float c)
{
#if defined(__FP_FAST_FMAF)
    return __builtin_fmaf(a, b, c);
#else
    double p = (double)a * (double)b, d = (double)c, s = p + d;
    uint64_t u;
    memcpy(&u, &s, sizeof u);
    if (__builtin_expect((u & 0x1fffffff) != 0x10000000 && (u >> 52 & 0x7ff) > 896, 1))
        return (float)s;
    double t = s - p, rest = (p - (s - t)) + (d - t);
    if (rest != 0 && rest == rest && !(u & 1)) {
        u += (rest > 0) == (s > 0) ? 1 : (uint64_t)-1;
        memcpy(&s, &u, sizeof s);
    }
    return (float)s;
#endif
}

#define EACH for (int i = 0; i < 16; i++)
INLINE v16 v16_set(float f)
{
    v16 r;
    EACH r.f[i] = f;
    return r;
}
INLINE v16 v16_load(const float *p)
{
    v16 r;
    memcpy(r.f, p, sizeof r.f);
    return r;
}
INLINE void v16_store(float *p, v16 a)
{
    memcpy(p, a.f, sizeof a.f);
}
INLINE v16 v16_load_n(const float *p, size_t n)
{
    v16 r = {{0}};
    memcpy(r.f, p, n * sizeof *p);
    return r;
}
INLINE void v16_store_n(float *p, v16 a, size_t n)
{
    memcpy(p, a.f, n * sizeof *p);
}
INLINE v16 v16_load_panel(const uint16_t *p)
{
    v16 r;
    EACH r.f[i] = from_bf16(p[i % 8 * 2 + i / 8]);
    return r;
}
INLINE void v16_store_panel(uint16_t *p, v16 a)
{
    EACH p[i % 8 * 2 + i / 8] = to_bf16(a.f[i]);
}
#define LANEWISE(name, expression)                                                                 \
    INLINE v16 name(v16 a, v16 b)                                                                  \
    {                                                                                              \
        v16 r;                                                                                     \
        EACH r.f[i] = (expression);                                                                \
        return r;                                                                                  \
    }
LANEWISE(v16_add, a.f[i] + b.f[i])
LANEWISE(v16_sub, a.f[i] - b.f[i])
LANEWISE(v16_mul, a.f[i] * b.f[i])
LANEWISE(v16_div, a.f[i] / b.f[i])
LANEWISE(v16_max, a.f[i] > b.f[i] ? a.f[i] : b.f[i])
LANEWISE(v16_min, a.f[i] < b.f[i] ? a.f[i] : b.f[i])
LANEWISE(v16_scale, bits_float(float_bits(a.f[i]) + (float_bits(b.f[i]) << 23)))
LANEWISE(v16_pair, bits_float(to_bf16(a.f[i]) | (uint32_t)to_bf16(b.f[i]) << 16))
#undef LANEWISE
INLINE v16 v16_even(v16 pairs)
{
    EACH pairs.f[i] = bits_float(float_bits(pairs.f[i]) << 16);
    return pairs;
}
INLINE v16 v16_odd(v16 pairs)
{
    EACH pairs.f[i] = bits_float(float_bits(pairs.f[i]) & 0xffff0000u);
    return pairs;
}
INLINE v16 v16_flush(v16 a)
{
    EACH if (!(float_bits(a.f[i]) & 0x7f800000u))
        a.f[i] = bits_float(float_bits(a.f[i]) & 1u << 31);
    return a;
}
INLINE void v16_store_bf16(uint16_t *p, v16 a)
{
    EACH p[i] = to_bf16(a.f[i]);
}
INLINE v16 v16_sqrt(v16 a)
{
    EACH a.f[i] = sqrtf(a.f[i]);
    return a;
}
INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    EACH c.f[i] = fma_float(a.f[i], b.f[i], c.f[i]);
    return c;
}
INLINE v16 v16_zero_if_less(v16 a, v16 b, v16 c)
{
    EACH c.f[i] = a.f[i] < b.f[i] ? 0 : c.f[i];
    return c;
}
INLINE v16 v16_first(v16 a, v16 b, size_t n)
{
    EACH b.f[i] = (size_t)i < n ? a.f[i] : b.f[i];
    return b;
}
#undef EACH

#endif

/* ---- on top of these ---- */

INLINE v16 v16_zero(void)
{
    return v16_set(0);
}

/* c + a b of pairs, as `vdpbf16ps` has it: the odd ones first, each sum rounded, and whatever is
 * below the normal floats is zero, inputs as well. */
INLINE v16 v16_dot(v16 a, v16 b, v16 c)
{
#if defined(SIMD_DOT)
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
#else
    c = v16_flush(v16_fma(v16_flush(v16_odd(a)), v16_flush(v16_odd(b)), v16_flush(c)));
    return v16_flush(v16_fma(v16_flush(v16_even(a)), v16_flush(v16_even(b)), c));
#endif
}

/* Lanes are folded 16 to 8, 4, 2, 1. */
#if defined(SIMD_AVX512) || defined(SIMD_AVX2)
#if defined(SIMD_AVX512)
INLINE __m256 low8(v16 a)
{
    return _mm512_castps512_ps256(a);
}
INLINE __m256 high8(v16 a)
{
    return _mm512_extractf32x8_ps(a, 1);
}
#else
INLINE __m256 low8(v16 a)
{
    return a.lo;
}
INLINE __m256 high8(v16 a)
{
    return a.hi;
}
#endif
INLINE float v16_sum(v16 a)
{
    __m256 h = _mm256_add_ps(low8(a), high8(a));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
INLINE float v16_top(v16 a)
{
    __m256 h = _mm256_max_ps(low8(a), high8(a));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
#else
INLINE float v16_sum(v16 a)
{
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; i++)
            a.f[i] += a.f[i + n];
    return a.f[0];
}
INLINE float v16_top(v16 a)
{
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; i++)
            a.f[i] = a.f[i] > a.f[i + n] ? a.f[i] : a.f[i + n];
    return a.f[0];
}
#endif

/* Sixteen rows of sixteen become columns. */
#if defined(SIMD_AVX512)
INLINE void v16_turn(v16 *r)
{
    v16 t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}
#else
INLINE void v16_turn(v16 *r)
{
    float f[16][16], t[16];
    for (int i = 0; i < 16; i++)
        v16_store(f[i], r[i]);
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 16; j++)
            t[j] = f[j][i];
        r[i] = v16_load(t);
    }
}
#endif

/* exp(x) within 1 ulp or so; 0 below -87.33, the largest finite power above
 * 88.37, NaN for NaN.  x = n ln 2 + r with n from the rounding of an addition,
 * then a polynomial of degree 6 (least relative error on |r| <= ln 2 / 2, 1 at 0). */
INLINE v16 v16_exp(v16 x)
{
    const v16 low = v16_set(-87.33654f), magic = v16_set(12582912.0f);
    v16 c = v16_min(v16_set(88.37f), x);
    v16 t = v16_fma(c, v16_set(1.44269504f), magic);
    v16 n = v16_sub(t, magic);
    v16 r = v16_fma(n, v16_set(-0.693359375f), c);
    r = v16_fma(n, v16_set(2.12194440e-4f), r);
    v16 p = v16_set(1.38144672e-3f);
    p = v16_fma(p, r, v16_set(8.36878084e-3f));
    p = v16_fma(p, r, v16_set(4.16683927e-2f));
    p = v16_fma(p, r, v16_set(1.66665196e-1f));
    p = v16_fma(p, r, v16_set(4.9999994e-1f));
    p = v16_fma(p, r, v16_set(1));
    p = v16_fma(p, r, v16_set(1));
    return v16_zero_if_less(x, low, v16_scale(p, t));
}

#endif
