/* attention.cuh - what the attention kernels share. */
#ifndef COMPUTE_CUDA_ATTENTION_CUH
#define COMPUTE_CUDA_ATTENTION_CUH

#include "compute/cuda/device.cuh"

#define LOG2E 1.4426950408889634f

enum {
    EXACT_ROWS = 32,    /* stacked rows (row, head of the group) of a tile of chains */
    STRIP_ROWS = 64,    /* of a tile of tensor cores */
    FEW_ROWS = 16,      /* of a strip for attention_few.cu */
    STRIP_PARTS = 8,    /* partial results of a row, at most */
    STRIP_SLOTS = 8192, /* partial results of all rows, at most */
    STRIP_PAD = 64,     /* strips are launched in multiples of this */
};

/* Places for the partial results of so many rows. */
static inline size_t strip_slots(size_t rows)
{
    size_t most = STRIP_SLOTS;
    return rows * STRIP_PARTS < most ? rows * STRIP_PARTS : most;
}

/* Where a page's keys of a head begin, in elements; its values follow. */
__host__ __device__ __forceinline__ size_t kv_place(const struct kv *kv, size_t layer, size_t page,
                                                    size_t head)
{
    return (((layer * kv->n_pages + page) * kv->n_heads + head) * 2) * OPS_KV_BLOCK * kv->d;
}

/* What a kernel must know of the call; q, out and so on as in ops.h. */
struct attn_args {
    struct kv kv;
    size_t layer, n_heads, group; /* group: heads of a key/value head */
    const struct seq *seqs;
    const int32_t *pages;
    struct rows q, out;
    float *lse;
    float scale;
};

/* The batch row of entry e of an item or strip, and its position among the own keys. */
struct entry {
    int seq, row, position; /* row: of the batch */
};

__device__ __forceinline__ struct entry entry_of(const struct seq *seqs, int seq, int n_seqs,
                                                 int row, int e)
{
    int q = n_seqs > 1 ? seq + e : seq, r = n_seqs > 1 ? 0 : row + e;
    struct seq s = seqs[q];
    return {q, s.row + r, s.n_keys - s.n_rows + r};
}

/* A block of the keys that a sequence sees, the shared ones first. */
struct key_run {
    size_t place; /* element of its first key */
    int n, first; /* keys; position of its first one in the own run, below 0: shared */
};

__device__ __forceinline__ struct key_run key_run_of(const struct attn_args &a, const struct seq &q,
                                                     int kv_head, int block)
{
    int shared = (q.n_shared + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    bool own = block >= shared;
    int at = own ? block - shared : block;
    int left = (own ? q.n_keys : q.n_shared) - at * OPS_KV_BLOCK;
    size_t page = (size_t)a.pages[(own ? q.own : q.shared) + at];
    return {kv_place(&a.kv, a.layer, page, (size_t)kv_head),
            left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK, own ? at * OPS_KV_BLOCK : -1};
}

/* How much of the work of a block of threads is held: blocks of keys and values in shared memory, the second of which is fetched
 * meanwhile, and the queries' sixteens in registers.  Large heads leave room for one block, and their
 * queries stay in shared memory. */
template <int DT> struct held {
    static const int blocks = DT > 8 ? 1 : 2;
    static const int queries = DT > 8 ? 1 : DT;
};

#endif
