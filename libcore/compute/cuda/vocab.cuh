/* vocab.cuh - log-sum-exp over a vocabulary: blocks in f32, merged in double. */
#ifndef COMPUTE_CUDA_VOCAB_CUH
#define COMPUTE_CUDA_VOCAB_CUH

#include "compute/cuda/device.cuh"

__host__ __device__ __forceinline__ size_t vocab_blocks(size_t v)
{
    return (v + OPS_VOCAB_BLOCK - 1) / OPS_VOCAB_BLOCK;
}

/* Of n logits (0: nothing, for lanes that only keep others company) by the lanes of half a warp. */
__device__ __forceinline__ struct vocab_part vocab_block(const float *z, int n, int lane, bool dot)
{
    float top = -HUGE_VALF, sum = 0, dots = 0;
    for (int i = lane; i < n; i += LANES)
        top = z[i] > top ? z[i] : top;
    top = lanes_max(top);
    for (int i = lane; i < n; i += LANES) {
        float t = z[i] - top, e = exp_f(t);
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

/* As cpu_merge_parts(). */
__device__ __forceinline__ double vocab_merge(const struct vocab_part *parts, int n, double *mean)
{
    double max = -HUGE_VAL, sum = 0, dot = 0;
    for (int i = 0; i < n; i++)
        max = (double)parts[i].max > max ? (double)parts[i].max : max;
    for (int i = 0; i < n; i++) {
        double top = (double)parts[i].max, scale = exact_exp(top - max);
        sum += (double)parts[i].sum * scale;
        dot += ((double)parts[i].dot + top * (double)parts[i].sum) * scale;
    }
    if (mean)
        *mean = dot / sum;
    return max + exact_log(sum);
}

#endif
