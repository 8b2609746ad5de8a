/* attention_mma.cuh - attention on tensor cores. */
#ifndef COMPUTE_CUDA_ATTENTION_MMA_CUH
#define COMPUTE_CUDA_ATTENTION_MMA_CUH

#include "compute/cuda/attention.cuh"

size_t attention_mma_shared(size_t d);
void attention_mma(struct cuda *c, const struct attn_args *a, const struct attn_plan *plan);

#endif
