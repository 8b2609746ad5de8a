/* sample.cuh - what a block does together to draw a token: sums in order, counts, the k-th largest,
 * candidates and their order. */
#ifndef COMPUTE_CUDA_SAMPLE_CUH
#define COMPUTE_CUDA_SAMPLE_CUH

#include "compute/cuda/vocab.cuh"

#include <math.h>

enum { THREADS = 256, SHARED_CANDIDATES = 2048, TERMS = 512 };

struct candidate {
    float z;
    int32_t id;
};

struct work {
    float tops[THREADS], warp_tops[THREADS / WARP];
    int ids[THREADS], counts[THREADS], warp_counts[THREADS / WARP];
    double terms[TERMS];
    struct candidate few[SHARED_CANDIDATES];
};

/* What the logits' weights, exp(z - max), add up to. */
struct total {
    double max, sum;
};

/* Falling order of z, of equals the lowest id first; what is no candidate is last. */
__device__ __forceinline__ bool before(const struct candidate &a, const struct candidate &b)
{
    return a.z != b.z ? a.z > b.z : a.id < b.id;
}

/* The largest z and its lowest id. */
__device__ __forceinline__ int largest(struct work *w, const float *z, int n)
{
    int t = (int)threadIdx.x, best = -1;
    float top = 0;
    for (int i = t; i < n; i += THREADS)
        if (best < 0 || z[i] > top)
            best = i, top = z[i];
    w->tops[t] = top;
    w->ids[t] = best;
    __syncthreads();
    for (int h = THREADS / 2; h; h /= 2) {
        if (t < h) {
            int a = w->ids[t], b = w->ids[t + h];
            bool take = b >= 0 && (a < 0 || w->tops[t + h] > w->tops[t] ||
                                   (w->tops[t + h] == w->tops[t] && b < a));
            if (take) {
                w->ids[t] = b;
                w->tops[t] = w->tops[t + h];
            }
        }
        __syncthreads();
    }
    int id = w->ids[0];
    __syncthreads();
    return id;
}

/* All threads' values folded by an operation for which order and grouping do not matter. */
template <typename T, typename F> __device__ __forceinline__ T fold(T *of_warps, T mine, F op)
{
    for (int h = WARP / 2; h; h /= 2)
        mine = op(mine, __shfl_xor_sync(0xffffffffu, mine, h));
    __syncthreads(); /* the last fold's values have been read */
    if (threadIdx.x % WARP == 0)
        of_warps[threadIdx.x / WARP] = mine;
    __syncthreads();
    T all = of_warps[0];
    for (int i = 1; i < THREADS / WARP; i++)
        all = op(all, of_warps[i]);
    return all;
}

__device__ __forceinline__ int count_all(struct work *w, int mine)
{
    return fold(w->warp_counts, mine, [](int a, int b) { return a + b; });
}

__device__ __forceinline__ int last_of_all(struct work *w, int mine)
{
    return fold(w->warp_counts, mine, [](int a, int b) { return a > b ? a : b; });
}

/* Adds terms 0 .. n - 1, none of which is negative, to *sum in this order, but none after which the
 * sum has passed; returns how many were added. All threads get the results. */
template <typename Term, typename Passed>
__device__ __forceinline__ int add_until(struct work *w, double *sum, int n, Term term,
                                         Passed passed)
{
    int t = (int)threadIdx.x, added = 0;
    for (int first = 0; first < n && added == first; first += TERMS) {
        int count = n - first < TERMS ? n - first : (int)TERMS, mine = 0;
        for (int i = t; i < count; i += THREADS)
            w->terms[i] = term(first + i);
        __syncthreads();
        if (t == 0) { /* terms become sums: compared here, every addition would wait for a branch */
            double s = *sum;
#pragma unroll 8
            for (int i = 0; i < count; i++)
                w->terms[i] = s += w->terms[i];
        }
        __syncthreads();
        for (int i = t; i < count; i += THREADS)
            mine += !passed(w->terms[i]);
        int most = count_all(w, mine); /* sums only grow, so the first ones have not passed */
        if (most > 0)
            *sum = w->terms[most - 1];
        added += most;
        __syncthreads();
    }
    return added;
}

template <typename Term> __device__ __forceinline__ double add_all(struct work *w, int n, Term term)
{
    double sum = 0;
    add_until(w, &sum, n, term, [](double) { return false; });
    return sum;
}

/* Floats in the order of their values as integers, and back. */
__device__ __forceinline__ uint32_t ordered(float z)
{
    uint32_t u = float_bits(z + 0.0f); /* -0 is 0 */
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

__device__ __forceinline__ float value_of(uint32_t key)
{
    return bits_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/* each(i, z[i]) for i = at, at + step, ... below n: several are read before the first is used. */
template <typename Each>
__device__ __forceinline__ void each_of(const float *z, int at, int n, int step, Each each)
{
    enum { AHEAD = 8 };
#pragma unroll 1
    for (; at < n; at += AHEAD * step) {
        float v[AHEAD];
#pragma unroll
        for (int k = 0; k < AHEAD; k++)
            v[k] = at + k * step < n ? z[at + k * step] : 0;
#pragma unroll
        for (int k = 0; k < AHEAD; k++)
            if (at + k * step < n)
                each(at + k * step, v[k]);
    }
}

/* How many values have each digit, in the memory of candidates. */
enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, DIGITS_EACH = DIGITS / THREADS };

/* The digit of the k-th largest of those counted; *k: its rank among those with this digit. */
__device__ __forceinline__ uint32_t digit_of(struct work *w, const int *counted, int *k)
{
    int t = (int)threadIdx.x, first = t * DIGITS_EACH, mine = 0, above = 0;
    for (int d = first; d < first + DIGITS_EACH; d++)
        mine += counted[d];
    w->counts[t] = mine;
    __syncthreads();
    for (int i = t + 1; i < THREADS; i++)
        above += w->counts[i];
    if (above < *k && *k <= above + mine) { /* of one thread */
        int d = first + DIGITS_EACH - 1;
        for (; above + counted[d] < *k; d--)
            above += counted[d];
        w->ids[0] = d;
        w->ids[1] = *k - above;
    }
    __syncthreads();
    *k = w->ids[1];
    return (uint32_t)w->ids[0];
}

/* The k-th largest of the values that all(f) calls f with, digit by digit. */
template <typename All> __device__ __forceinline__ float kth_largest(struct work *w, int k, All all)
{
    int *counted = reinterpret_cast<int *>(w->few);
    uint32_t key = 0, known = 0; /* bits of the key */
#pragma unroll 1
    for (int bits = 32; bits > 0; bits -= DIGIT_BITS) {
        int shift = bits > DIGIT_BITS ? bits - DIGIT_BITS : 0;
        for (int d = (int)threadIdx.x; d < DIGITS; d += THREADS)
            counted[d] = 0;
        __syncthreads();
        all([=](float z) {
            uint32_t of = ordered(z);
            if (((of ^ key) & known) == 0)
                atomicAdd(&counted[(of & ~known) >> shift], 1);
        });
        __syncthreads();
        key |= digit_of(w, counted, &k) << shift;
        known = ~0u << shift;
        __syncthreads();
    }
    return value_of(key);
}

/* Those that keep(i, z[i]) says into `few` if they fit, else `many`, in rising order of ids; each warp has
 * one stretch. */
template <typename Keep>
__device__ __forceinline__ int collect(struct work *w, const float *z, int n, Keep keep,
                                       struct candidate *few, struct candidate *many,
                                       struct candidate **to)
{
    int lane = (int)threadIdx.x % WARP, warp = (int)threadIdx.x / WARP;
    int each = (n + THREADS - 1) / THREADS * WARP, from = warp * each;
    int end = from + each < n ? from + each : n, mine = 0, at = 0, all = 0;
    each_of(z, from + lane, end, WARP, [&](int i, float v) { mine += keep(i, v); });
    for (int h = WARP / 2; h; h /= 2)
        mine += __shfl_xor_sync(0xffffffffu, mine, h);
    __syncthreads();
    if (lane == 0)
        w->warp_counts[warp] = mine;
    __syncthreads();
    for (int i = 0; i < THREADS / WARP; i++) {
        at += i < warp ? w->warp_counts[i] : 0;
        all += w->warp_counts[i];
    }
    *to = all <= SHARED_CANDIDATES ? few : many;
    if (mine) /* of all lanes alike */
#pragma unroll 4
        for (int i = from + lane; i - lane < end; i += WARP) {
            float v = i < end ? z[i] : 0;
            bool kept = i < end && keep(i, v);
            unsigned votes = __ballot_sync(0xffffffffu, kept);
            if (kept)
                (*to)[at + __popc(votes & ((1u << lane) - 1))] = {v, i};
            at += __popc(votes);
        }
    __syncthreads();
    return all;
}

/* Bitonic, n candidates in falling order. The larger always goes to the front, so that what would
 * fill them up to a power of two would stay behind them and need not be there. */
__device__ __forceinline__ void sort(struct candidate *c, int n)
{
    for (int size = 2; size / 2 < n; size *= 2)
        for (int step = size / 2, flip = size - 1; step; step /= 2, flip = step) {
            for (int i = (int)threadIdx.x; i < n; i += THREADS) {
                int k = i ^ flip;
                if (k > i && k < n && before(c[k], c[i])) {
                    struct candidate x = c[i];
                    c[i] = c[k];
                    c[k] = x;
                }
            }
            __syncthreads();
        }
}

#endif
