/* attention_exact.cuh - what the chains of attention, forward and backward,
 * share: stacks of rows, the walk over their key blocks, loading, products. */
#ifndef COMPUTE_CUDA_ATTENTION_EXACT_CUH
#define COMPUTE_CUDA_ATTENTION_EXACT_CUH

#include "compute/cuda/attention.cuh"

enum {
    EXACT_THREADS = 256,
    EXACT_PER = EXACT_ROWS * OPS_KV_BLOCK / EXACT_THREADS, /* rows of a thread: 8 */
};

size_t attention_exact_shared(size_t d);
void attention_exact(struct cuda *c, const struct attn_args *a, const struct item *items, size_t n);

/* Heads of a group that is larger than a tile go in parts. */
static inline unsigned exact_grid_y(const struct attn_args *a)
{
    return (unsigned)(a->kv.n_heads * parts(a->group, EXACT_ROWS));
}

/* The rows of an item times the heads that this block has. */
struct stack {
    size_t kv_head;
    int first_head, heads, rows;
};

__device__ __forceinline__ struct stack stack_of(const struct attn_args &a, struct item item,
                                                 unsigned y)
{
    int group = (int)a.group, in_parts = (group + EXACT_ROWS - 1) / EXACT_ROWS;
    int part = (int)y % in_parts, each = (group + in_parts - 1) / in_parts;
    struct stack s;
    s.kv_head = y / (unsigned)in_parts;
    s.first_head = (int)s.kv_head * group + part * each;
    s.heads = group - part * each < each ? group - part * each : each;
    s.rows = s.heads * (item.n_seqs > 1 ? item.n_seqs : item.n_rows);
    return s;
}

/* Stacked row i: its row of the batch and its query head. */
__device__ __forceinline__ struct entry stacked(const struct attn_args &a, struct item item,
                                                struct stack s, int i, int *head)
{
    *head = s.first_head + i % s.heads;
    return entry_of(a.seqs, item.seq, item.n_seqs, item.row, i / s.heads);
}

/* to[i][d] = the stacked rows' heads of `from`; zeros behind the last. */
__device__ __forceinline__ void load_stack(float *to, struct rows from, const struct attn_args &a,
                                           struct item item, struct stack s)
{
    int d = (int)a.kv.d;
    for (int i = (int)threadIdx.x / WARP; i < EXACT_ROWS; i += EXACT_THREADS / WARP) {
        int head = 0;
        const float *p = NULL;
        if (i < s.rows)
            p = row_at(from, (size_t)stacked(a, item, s, i, &head).row);
        for (int k = (int)threadIdx.x % WARP; k < d; k += WARP)
            to[i * d + k] = p ? p[head * d + k] : 0.0f;
    }
}

/* ---- the walk ----
 * Blocks of keys in order, and for each the stacked rows [first, last) that see some of its first
 * n keys: the shared run with all rows, then the own run of each sequence with its rows. */
struct walk {
    int nth, block; /* nth -1: the shared run */
    int first, last, n;
    size_t page;
};

__device__ __forceinline__ struct walk walk_begin(const struct attn_args &a, struct item item)
{
    struct walk w = {a.seqs[item.seq].n_shared > 0 ? -1 : 0, -1, 0, 0, 0, 0};
    return w;
}

__device__ __forceinline__ bool walk_next(const struct attn_args &a, struct item item,
                                          struct stack s, struct walk *w)
{
    int entries = item.n_seqs;
    for (w->block++; w->nth < entries; w->nth++, w->block = 0) {
        struct seq q = a.seqs[item.seq + (w->nth > 0 ? w->nth : 0)];
        int k = w->block * OPS_KV_BLOCK;
        /* The last row of this item sees the keys [0, end). */
        int end = w->nth < 0        ? q.n_shared
                  : item.n_seqs > 1 ? q.n_keys
                                    : q.n_keys - q.n_rows + item.row + item.n_rows;
        if (k >= end)
            continue;
        w->n = end - k < OPS_KV_BLOCK ? end - k : OPS_KV_BLOCK;
        w->page = (size_t)a.pages[(w->nth < 0 ? q.shared : q.own) + w->block];
        w->first = 0;
        w->last = s.rows;
        if (w->nth >= 0 && item.n_seqs > 1) {
            w->first = w->nth * s.heads;
            w->last = w->first + s.heads;
        } else if (w->nth >= 0) {
            int position = q.n_keys - q.n_rows + item.row;
            w->first = (k > position ? k - position : 0) * s.heads;
        }
        return true;
    }
    return false;
}

/* How many keys of the block stacked row i sees. */
__device__ __forceinline__ int walk_seen(const struct attn_args &a, struct item item,
                                         struct stack s, struct walk w, int i)
{
    if (w.nth < 0)
        return w.n;
    int head, seen = stacked(a, item, s, i, &head).position + 1 - w.block * OPS_KV_BLOCK;
    return seen < w.n ? seen : w.n;
}

/* ---- blocks of keys or values ---- */

/* to[key][d + 1] = the first n rows of a block that begins at element `at`. */
__device__ __forceinline__ void load_block(float *to, const struct kv &kv, size_t at, int n)
{
    int d = (int)kv.d;
    for (int key = (int)threadIdx.x / WARP; key < n; key += (int)blockDim.x / WARP)
        for (int k = (int)threadIdx.x % WARP; k < d; k += WARP)
            to[key * (d + 1) + k] =
                element(kv.data, kv.type == ELEM_BF16, at + (size_t)(key * d + k));
}

/* s[row][key] = chain over d of q[row] k[key], for the thread's key < n and PER rows from `own`. */
template <int ALL>
__device__ __forceinline__ void dot_rows(float *s, const float *q, const float *k, int d, int own,
                                         int n)
{
    constexpr int PER = ALL * OPS_KV_BLOCK / EXACT_THREADS;
    int key = (int)threadIdx.x % OPS_KV_BLOCK;
    float sum[PER];
    for (int r = 0; r < PER; r++)
        sum[r] = 0;
    if (key >= n)
        return;
    for (int i = 0; i < d; i++) {
        float x = k[key * (d + 1) + i];
#pragma unroll
        for (int r = 0; r < PER; r++)
            sum[r] = fmaf(q[(own + r) * d + i], x, sum[r]);
    }
    for (int r = 0; r < PER; r++)
        s[(own + r) * OPS_KV_BLOCK + key] = sum[r];
}

/* out[r][.] goes on over the first n keys with weights s[row][key]; rows in [first, last). */
template <int DIMS>
__device__ __forceinline__ void add_keys(float (&out)[EXACT_PER][DIMS], const float *s,
                                         const float *v, int d, int own, int first, int last, int n)
{
    int lane = (int)threadIdx.x % OPS_KV_BLOCK;
    for (int j = 0; j < n; j++) {
        float x[DIMS];
#pragma unroll
        for (int i = 0; i < DIMS; i++)
            x[i] = lane + i * OPS_KV_BLOCK < d ? v[j * (d + 1) + lane + i * OPS_KV_BLOCK] : 0.0f;
#pragma unroll
        for (int r = 0; r < EXACT_PER; r++) {
            if (own + r < first || own + r >= last)
                continue;
            float p = s[(own + r) * OPS_KV_BLOCK + j];
#pragma unroll
            for (int i = 0; i < DIMS; i++)
                out[r][i] = fmaf(p, x[i], out[r][i]);
        }
    }
}

#endif
