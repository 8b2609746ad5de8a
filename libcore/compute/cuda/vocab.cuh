/* vocab.cuh - log-sum-exp over a vocabulary: its blocks, in f32. */
#ifndef COMPUTE_CUDA_VOCAB_CUH
#define COMPUTE_CUDA_VOCAB_CUH

#include "compute/cuda/device.cuh"

__host__ __device__ __forceinline__ size_t vocab_blocks(size_t v)
{
    return (v + OPS_VOCAB_BLOCK - 1) / OPS_VOCAB_BLOCK;
}

#define WEIGHS_NOTHING (-1e30f)

/* x / y to the last bit, from 1 / y: as the compiler divides, without the code for operands near the ends of
 * the range. Below WEIGHS_NOTHING, minus infinity included, x is that. */
__device__ __forceinline__ float divided(float x, float y, float inverse)
{
    x = fmaxf(x, WEIGHS_NOTHING);
    float q = x * inverse;
    q = fmaf(fmaf(-q, y, x), inverse, q);
    return fmaf(fmaf(-q, y, x), inverse, q);
}

/* Of n logits (0: nothing, for lanes that only keep others company), divided by `heat`, by the lanes of half a
 * warp.  All are on their way before the first is used, and none is read twice. */
__device__ __forceinline__ struct vocab_part vocab_block(const float *z, int n, int lane,
                                                         float heat, bool dot)
{
    enum { EACH = OPS_VOCAB_BLOCK / LANES };
    int left = n - lane;
    z += lane;
    float v[EACH], top = -HUGE_VALF, sum = 0, dots = 0;
#pragma unroll
    for (int k = 0; k < EACH; k++)
        v[k] = k * LANES < left ? z[k * LANES] : WEIGHS_NOTHING;
    if (heat != 1) {
        float inverse = 1.0f / heat;
#pragma unroll
        for (int k = 0; k < EACH; k++)
            v[k] = divided(v[k], heat, inverse);
    }
#pragma unroll
    for (int k = 0; k < EACH; k++)
        top = fmaxf(top, v[k]);
    top = lanes_max(top);
#pragma unroll
    for (int k = 0; k < EACH; k++) {
        float t = v[k] - top, e = exp_f(t);
        sum += e;
        if (dot)
            dots = fmaf(e, t, dots);
    }
    struct vocab_part p;
    p.max = top;
    p.sum = lanes_sum(sum);
    p.dot = lanes_sum(dots);
    return p;
}

#endif
