/* attention_grad.cuh - what the gradient's kernels read and write. */
#ifndef COMPUTE_CUDA_ATTENTION_GRAD_CUH
#define COMPUTE_CUDA_ATTENTION_GRAD_CUH

#include "compute/cuda/attention.cuh"

/* a.q, a.out, a.lse as the forward pass left them. */
struct grad_args {
    struct attn_args a;
    struct rows dout, dq, dk, dv;
    const float *d; /* (M, H): sum of dout out */
    const struct key_block *blocks;
    const struct sharers *sharers;
};

size_t attention_grad_exact_shared(size_t d);
size_t attention_grad_mma_shared(size_t d);
size_t attention_grad_mma_scratch(const struct cuda *c, const struct op_limits *l);
void attention_grad_exact(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan);
void attention_grad_mma(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan);

/* Rows whose gradients flow to a block of keys: those of the sequence itself from `first` on, then
 * all rows of its sharers, stacked with the heads of the group. */
struct source {
    int seq, first, n; /* n: stacked rows */
    int seen;          /* of a sharer: how many of the block's keys it sees */
    bool own;
};

__device__ __forceinline__ struct source source_own(const struct grad_args &g, struct key_block b,
                                                    int n)
{
    struct seq s = g.a.seqs[b.seq];
    int first = b.block * OPS_KV_BLOCK;
    struct source x = {b.seq, first, (s.n_rows - first) * (int)g.a.group, n, true};
    return x;
}

/* The next one behind `x`; false: there is none. */
__device__ __forceinline__ bool source_next(const struct grad_args &g, struct key_block b, int n,
                                            struct source *x)
{
    struct sharers all = g.sharers[b.seq];
    int row = g.a.seqs[b.seq].row, k = b.block * OPS_KV_BLOCK;
    int i = x->own ? all.first : x->seq + 1;
    for (; i < all.end; i++) {
        struct seq s = g.a.seqs[i];
        if (i == b.seq || s.n_shared <= k || s.shared_row != row)
            continue;
        x->seq = i;
        x->first = 0;
        x->n = s.n_rows * (int)g.a.group;
        x->seen = s.n_shared - k < n ? s.n_shared - k : n;
        x->own = false;
        return true;
    }
    return false;
}

/* Stacked row i of a source: its row of the batch, its query head, the keys it sees. */
struct from_row {
    size_t row, head;
    int seen;
};

__device__ __forceinline__ struct from_row source_row(const struct grad_args &g,
                                                      const struct source &x, struct key_block b,
                                                      int n, size_t kv_head, int i)
{
    int group = (int)g.a.group, r = x.first + i / group;
    int seen = r + 1 - b.block * OPS_KV_BLOCK;
    struct from_row f;
    f.row = (size_t)(g.a.seqs[x.seq].row + r);
    f.head = kv_head * g.a.group + (size_t)(i % group);
    f.seen = !x.own ? x.seen : seen < n ? seen : n;
    return f;
}

#endif
