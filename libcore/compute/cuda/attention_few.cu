/* attention_few.cu - attention of few stacked rows, at most sixteen, on tensor cores: a sequence's own
 * keys in a decode step.
 *
 * All four warps have the same rows, and each sixteen keys of every block; their sums are put together
 * at the end, in shared memory, in order of the warps.  Head size 128: 72 KiB of shared memory, three
 * blocks on a processor. */
#include "compute/cuda/attention_mma.cuh"

enum { FEW_KEYS = OPS_KV_BLOCK / (MMA_THREADS / WARP) /* of a block, for a warp */ };

/* out += softmax(queries keys^T) values over the warp's keys of a block. */
template <int DT>
__device__ __forceinline__ void attend_keys(float (&out)[2 * DT][4], struct lane_rows &r,
                                            const uint16_t *q, const uint16_t *keys,
                                            const struct key_run &k, int ld, int depth,
                                            float scale)
{
    const uint16_t *values = keys + OPS_KV_BLOCK * ld;
    int from = (int)threadIdx.x / WARP * FEW_KEYS;
    float w[FEW_KEYS / 8][4];
#pragma unroll
    for (int t = 0; t < FEW_KEYS / 8; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            w[t][e] = 0;
#pragma unroll
    for (int i = 0; i < DT; i++) {
        struct frag_a fq;
        struct frag_b fk;
        if (i >= depth)
            break;
        load_a(&fq, q, ld, 0, i * 16, false);
        load_b(&fk, keys, ld, from, i * 16, false);
        mma_16(w[0], w[1], fq, fk);
    }
    softmax_block<DT, FEW_KEYS>(r, w, out, k, from, scale);
    struct frag_a fp = a_of(w[0], w[1]);
#pragma unroll
    for (int i = 0; i < DT; i++) {
        struct frag_b fv;
        if (i >= depth)
            break;
        load_b(&fv, values, ld, i * 16, from, true);
        mma_16(out[2 * i], out[2 * i + 1], fp, fv);
    }
}

/* The warps' results in shared memory: [warp][row][ld] sums, then [warp][row] maxima and weights. */
struct shares {
    float *out, *max, *sum;
    int ld;
};

__device__ __forceinline__ struct shares shares_at(void *begin, int d)
{
    struct shares x;
    x.ld = tile_ld(d);
    x.out = static_cast<float *>(begin);
    x.max = x.out + MMA_THREADS / WARP * 16 * x.ld;
    x.sum = x.max + MMA_THREADS / WARP * 16;
    return x;
}

template <int DT, bool WHOLE>
__device__ __forceinline__ void share(const struct shares &x, const struct lane_rows &r,
                                      const float (&out)[2 * DT][4])
{
    int column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int at = (int)threadIdx.x / WARP * 16 + lane_row(h);
#pragma unroll
        for (int t = 0; t < 2 * DT; t++)
            store_two<WHOLE>(x.out + at * x.ld, t * 8 + column, x.ld - 8, out[t][2 * h],
                             out[t][2 * h + 1]);
        if (column == 0) {
            x.max[at] = r.max[h];
            x.sum[at] = r.sum[h];
        }
    }
}

/* A row's shares of the warps, in order. */
__device__ __forceinline__ void put_together(const struct shares &x, const struct mma_args &g,
                                             const struct target &to, int row, int d)
{
    enum { WARPS = MMA_THREADS / WARP };
    float scale[WARPS], max = -HUGE_VALF, sum = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++)
        max = x.max[w * 16 + row] > max ? x.max[w * 16 + row] : max;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
        scale[w] = exp2_fast(x.max[w * 16 + row] - max);
        sum = fmaf(x.sum[w * 16 + row], scale[w], sum);
    }
    float by = to.whole ? 1.0f / sum : 1.0f;
#pragma unroll 1
    for (int k = (int)threadIdx.x % WARP; k < d; k += WARP) {
        float v = 0;
#pragma unroll
        for (int w = 0; w < WARPS; w++)
            v = fmaf(x.out[(w * 16 + row) * x.ld + k], scale[w], v);
        to.to[k] = v * by;
        if (to.shadow)
            to.shadow[k] = to_bf16(v * by);
    }
    if (threadIdx.x % WARP == 0)
        store_sums(g, to, max, sum);
}

template <int DT, bool WHOLE>
__global__ void __launch_bounds__(MMA_THREADS, DT > 8 ? 1 : 3) attend_few(struct mma_args g)
{
    SHARED(uint16_t, tiles);
    enum { STAGES = 2 }; /* blocks of keys and values in shared memory; one is fetched meanwhile */
    const struct attn_args &a = g.a;
    int d = head_size<DT, WHOLE>(a.kv), ld = tile_ld(d), depth = (d + 15) / 16;
    int warp = (int)threadIdx.x / WARP;
    struct strip s;
    struct strip_heads h;
    if (!strip_of_block(g, &s, &h))
        return;
    struct seq seq = a.seqs[s.seq];
    uint16_t *q = tiles, *blocks = tiles + 16 * ld;
    auto at = [&](int block) {
        return blocks + (block - s.first) % STAGES * 2 * OPS_KV_BLOCK * ld;
    };
    clear_margin(blocks, STAGES * 2 * OPS_KV_BLOCK, d);
    struct lane_rows r = lane_rows_of(a, s, 0, h.n, h.n);
    float out[2 * DT][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            out[t][e] = 0;
    /* One copy of the code that fetches: a block passes through it once, and waits for code as well. */
#pragma unroll 1
    for (int next = s.first; next <= s.end; next++) {
        copies_wait<0>();
        __syncthreads();
        if (next < s.end)
            fetch_pair<DT, WHOLE>(at(next), a, seq, next, h.kv);
        copies_commit();
        if (next == s.first)
            load_queries<4, WHOLE>(q, a, s, h.first, h.n, h.n, warp * 4, 4, d);
        else
            attend_keys<DT>(out, r, q, at(next - 1), key_run_of(a, seq, next - 1), ld, depth,
                            a.scale * LOG2E);
    }
    struct shares x = shares_at(tiles, d);
    __syncthreads();
    share<DT, WHOLE>(x, r, out);
    __syncthreads();
    for (int row = warp; row < h.n; row += MMA_THREADS / WARP)
        put_together(x, g, target_of(g, s, h.first, h.n, row), row, d);
}

size_t attention_few_shared(size_t d)
{
    size_t ld = (size_t)tile_ld((int)d);
    return (16 + 4 * OPS_KV_BLOCK) * ld * sizeof(uint16_t);
}

static void (*kernel_for(const struct attn_args *a))(struct mma_args)
{
    size_t d = a->kv.d;
    if (d <= 64)
        return attention_whole(a, 4) ? attend_few<4, true> : attend_few<4, false>;
    if (d <= 128)
        return attention_whole(a, 8) ? attend_few<8, true> : attend_few<8, false>;
    return attention_whole(a, 16) ? attend_few<16, true> : attend_few<16, false>;
}

void attention_few(struct cuda *c, struct mma_args *g, const struct attn_plan *plan)
{
    launch_strips(c, kernel_for(&g->a), attention_few_shared(g->a.kv.d), g, &plan->few);
}
