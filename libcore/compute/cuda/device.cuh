/* device.cuh - functions that kernels share.
 *
 * The arithmetic is that of cpu/: fused where fmaf is written and nowhere else (-fmad=false), so
 * that the bits are the same. */
#ifndef COMPUTE_CUDA_DEVICE_CUH
#define COMPUTE_CUDA_DEVICE_CUH

#include "compute/cuda/cuda.cuh"

extern "C" {
#include "compute/exact.h"
}

enum { WARP = 32, LANES = 16 };

__device__ __forceinline__ float *row_at(struct rows r, size_t m)
{
    return r.p + m * r.stride;
}

__device__ __forceinline__ float element(const void *p, bool bf16, size_t at)
{
    return bf16 ? from_bf16(static_cast<const uint16_t *>(p)[at])
                : static_cast<const float *>(p)[at];
}

/* Elements (i, j) of m rows of n, without a division: rows along y, columns along x. */
enum { EACH_THREADS = 256 };
#define EACH(i, j, m, n)                                                                           \
    for (size_t i = blockIdx.y; i < (m); i += gridDim.y)                                           \
        for (size_t j = (size_t)blockIdx.x * blockDim.x + threadIdx.x; j < (n);                    \
             j += (size_t)gridDim.x * blockDim.x)

static inline dim3 grid_rows(size_t m, size_t n)
{
    size_t x = parts(n, EACH_THREADS), most = m > 64 ? 32 : 4096;
    return dim3((unsigned)(x < most ? x : most), (unsigned)(m < 32768 ? m : 32768));
}

/* exp as cpu/simd.h has it: Cody-Waite, a polynomial of degree 6, 0 below -87.33654. */
__device__ __forceinline__ float exp_f(float x)
{
    float c = x < 88.37f ? x : 88.37f;
    float t = fmaf(c, 1.44269504f, 12582912.0f);
    float n = t - 12582912.0f;
    float r = fmaf(n, -0.693359375f, c);
    r = fmaf(n, 2.12194440e-4f, r);
    float p = 1.38144672e-3f;
    p = fmaf(p, r, 8.36878084e-3f);
    p = fmaf(p, r, 4.16683927e-2f);
    p = fmaf(p, r, 1.66665196e-1f);
    p = fmaf(p, r, 4.9999994e-1f);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    p = bits_float(float_bits(p) + (float_bits(t) << 23));
    return x < -87.33654f ? 0.0f : p;
}

/* 2^x, to about 2 ulp; 0 for minus infinity. */
__device__ __forceinline__ float exp2_fast(float x)
{
#ifndef CUDA_EMU
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return exp2f(x);
#endif
}

/* 1 / x for x >= 1, to about 1 ulp; 0 for infinity. */
__device__ __forceinline__ float reciprocal_fast(float x)
{
#ifndef CUDA_EMU
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return 1.0f / x;
#endif
}

/* For LAUNCH_EARLY. */
__device__ __forceinline__ void next_may_begin(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#elif defined(CUDA_EMU)
    emu_next_may_begin();
#endif
}

__device__ __forceinline__ void kernel_before_ended(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#elif defined(CUDA_EMU)
    emu_wait();
#endif
}

/* Where several threads may write, if all write the same. */
template <typename T> __device__ __forceinline__ void store_equal(T *p, T v)
{
#ifdef CUDA_EMU
    emu_store_equal(p, v);
#else
    *p = v;
#endif
}

/* The sixteen lanes of half a warp folded by halves: every lane gets what lane 0 of cpu/ has,
 * since a + b = b + a. */
template <typename T> __device__ __forceinline__ T lanes_sum(T v)
{
    for (int h = LANES / 2; h; h /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, h);
    return v;
}

__device__ __forceinline__ float lanes_max(float v)
{
    for (int h = LANES / 2; h; h /= 2) {
        float o = __shfl_xor_sync(0xffffffffu, v, h);
        v = o > v ? o : v;
    }
    return v;
}

/* A warp's sum, for all its lanes; where the order of lanes is free. */
__device__ __forceinline__ float warp_sum(float v)
{
    for (int h = WARP / 2; h; h /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, h);
    return v;
}

/* ---- four neighbours at once ----
 * `whole`: addresses are multiples of 16 bytes, and n of four; what is computed does not depend
 * on it. */

static inline bool whole_rows(struct rows r, size_t n)
{
    return reinterpret_cast<uintptr_t>(r.p) % 16 == 0 && r.stride % 4 == 0 && n % 4 == 0;
}

static inline bool whole_vector(const float *p, size_t n)
{
    return whole_rows({const_cast<float *>(p), 0}, n);
}

/* Elements [i, i + 4) of n; 0 behind. */
__device__ __forceinline__ float4 load4(const float *p, size_t i, size_t n, bool whole)
{
    if (whole && i < n)
        return *reinterpret_cast<const float4 *>(p + i);
    return float4{i < n ? p[i] : 0, i + 1 < n ? p[i + 1] : 0, i + 2 < n ? p[i + 2] : 0,
                  i + 3 < n ? p[i + 3] : 0};
}

__device__ __forceinline__ void store4(float *p, size_t i, size_t n, bool whole, float4 v)
{
    if (whole && i < n) {
        *reinterpret_cast<float4 *>(p + i) = v;
        return;
    }
    if (i < n)
        p[i] = v.x;
    if (i + 1 < n)
        p[i + 1] = v.y;
    if (i + 2 < n)
        p[i + 2] = v.z;
    if (i + 3 < n)
        p[i + 3] = v.w;
}

__device__ __forceinline__ float4 plus4(float4 a, float4 b)
{
    return float4{a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

/* Into a row of bf16, which has ld elements, a multiple of eight. */
__device__ __forceinline__ void store4_bf16(uint16_t *p, size_t i, size_t ld, float4 v)
{
    if (i < ld)
        *reinterpret_cast<uint2 *>(p + i) = uint2{to_bf16(v.x) | (uint32_t)to_bf16(v.y) << 16,
                                                  to_bf16(v.z) | (uint32_t)to_bf16(v.w) << 16};
}

/* Elements (i, j .. j + 3) of m rows of n: 2^shift threads of a block along a row. */
#define EACH4(i, j, m, n, shift)                                                                   \
    for (size_t j = 4 * (((size_t)blockIdx.x << (shift)) + (threadIdx.x & ((1u << (shift)) - 1))); \
         j < (n); j += 4 * ((size_t)gridDim.x << (shift)))                                         \
        for (size_t i = (size_t)blockIdx.y * (blockDim.x >> (shift)) + (threadIdx.x >> (shift));   \
             i < (m); i += (size_t)gridDim.y * (blockDim.x >> (shift)))

/* A launch of EACH_THREADS for EACH4; many blocks do several rows each. */
struct quads {
    dim3 grid;
    unsigned shift;
};

static inline struct quads quads_of(size_t m, size_t n)
{
    struct quads q;
    size_t across = parts(n, 4);
    for (q.shift = 0; (size_t)1 << q.shift < across && 1 << q.shift < EACH_THREADS;)
        q.shift++;
    size_t x = parts(across, (size_t)1 << q.shift), y = parts(m, EACH_THREADS >> q.shift);
    size_t most = x < 8192 ? 8192 / x : 1;
    q.grid = dim3((unsigned)x, (unsigned)(y < most ? y : most));
    return q;
}

/* Sum of x^2 of c elements by lane l of sixteen. */
__device__ __forceinline__ float lane_squares(const float *x, size_t c, unsigned l)
{
    float s = 0;
    for (size_t i = l; i < c; i += LANES)
        s = fmaf(x[i], x[i], s);
    return s;
}

#endif
