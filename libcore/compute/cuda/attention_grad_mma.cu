/* attention_grad_mma.cu - the gradient of attention on tensor cores, in the
 * two passes of attention_grad.cu: dk and dv by blocks of keys, dq by rows.
 *
 * Weights are made again from the log-sum-exp, sixteen by sixteen, and go from the registers of one
 * product into the next. In the first pass a warp owns 16 keys and half or all of the head size:
 * at most 128 registers of sums. */
#include "compute/cuda/attention_grad.cuh"
#include "compute/cuda/mma.cuh"

#define LOG2E 1.4426950408889634f

enum { TILE = 32 /* stacked rows of the first pass */, DIMS_AT_ONCE = 128 };

/* What a stacked row needs beside its vectors. */
struct row_state {
    float *lse, *d; /* lse in base 2 */
    int *seen;
};

__device__ __forceinline__ float weight_at(float s, float scale, float lse, bool visible)
{
    return visible ? exp2_fast(s * scale - lse) : 0.0f;
}

/* ---- dk, dv ---- */

static size_t keys_bytes(size_t d)
{
    return (2 * OPS_KV_BLOCK + 2 * TILE) * (size_t)tile_ld((int)d) * sizeof(uint16_t) +
           TILE * (2 * sizeof(float) + sizeof(int));
}

__device__ __forceinline__ void load_sources(const struct grad_args &g, const struct source &x,
                                             struct key_block b, int n, size_t kv_head, int first,
                                             uint16_t *q, uint16_t *dout,
                                             const struct row_state &st)
{
    int d = (int)g.a.kv.d, ld = tile_ld(d);
    for (int r = (int)threadIdx.x / WARP; r < TILE; r += MMA_THREADS / WARP) {
        bool there = first + r < x.n;
        struct from_row f = source_row(g, x, b, n, kv_head, there ? first + r : 0);
        size_t at = f.head * (size_t)d;
        fill_row(q + r * ld, there ? row_at(g.a.q, f.row) : NULL, false, at, d);
        fill_row(dout + r * ld, there ? row_at(g.dout, f.row) : NULL, false, at, d);
        if (threadIdx.x % WARP == 0) {
            st.lse[r] = g.a.lse[f.row * g.a.n_heads + f.head] * LOG2E;
            st.d[r] = g.d[f.row * g.a.n_heads + f.head];
            st.seen[r] = there ? f.seen : 0;
        }
    }
}

/* Sixteen stacked rows from `r` on: sum_v += p^T dout, sum_k += ds^T q, dimensions from `from`. */
template <int DT>
__device__ __forceinline__ void
add_rows(float (&sum_k)[2 * DT][4], float (&sum_v)[2 * DT][4], const uint16_t *keys,
         const uint16_t *values, const uint16_t *q, const uint16_t *dout,
         const struct row_state &st, int r, int d, int from, float scale)
{
    int ld = tile_ld(d), warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
    int depth = (d + 15) / 16;
    float s[2][4], dp[2][4];
    for (int t = 0; t < 2; t++)
        for (int e = 0; e < 4; e++)
            s[t][e] = dp[t][e] = 0;
    for (int i = 0; i < depth; i++) {
        struct frag_a fk, fv;
        struct frag_b fq, fo;
        load_a(&fk, keys, ld, warp * 16, i * 16, false);
        load_b(&fq, q, ld, r, i * 16, false);
        mma_16(s[0], s[1], fk, fq);
        load_a(&fv, values, ld, warp * 16, i * 16, false);
        load_b(&fo, dout, ld, r, i * 16, false);
        mma_16(dp[0], dp[1], fv, fo);
    }
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int key = warp * 16 + lane / 4 + 8 * (e / 2), row = r + t * 8 + 2 * (lane % 4) + e % 2;
            float p = weight_at(s[t][e], scale * LOG2E, st.lse[row], key < st.seen[row]);
            s[t][e] = p;
            dp[t][e] = p * (dp[t][e] - st.d[row]) * scale;
        }
    struct frag_a fp = a_of(s[0], s[1]), fd = a_of(dp[0], dp[1]);
#pragma unroll
    for (int i = 0; i < DT; i++) {
        if (from + i * 16 >= d)
            break;
        struct frag_b fo, fq;
        load_b(&fo, dout, ld, from + i * 16, r, true);
        mma_16(sum_v[2 * i], sum_v[2 * i + 1], fp, fo);
        load_b(&fq, q, ld, from + i * 16, r, true);
        mma_16(sum_k[2 * i], sum_k[2 * i + 1], fd, fq);
    }
}

template <int DT>
__device__ __forceinline__ void store_keys(struct rows to, const float (&sum)[2 * DT][4],
                                           size_t row, int n, size_t column, int from, int d)
{
    int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int key = warp * 16 + lane / 4 + 8 * (e / 2);
            int dim = from + t * 8 + 2 * (lane % 4) + e % 2;
            if (key < n && dim < d)
                row_at(to, row + (size_t)key)[column + (size_t)dim] = sum[t][e];
        }
}

template <int DT> __global__ void __launch_bounds__(MMA_THREADS) grad_keys_mma(struct grad_args g)
{
    SHARED(uint16_t, keys);
    int d = (int)g.a.kv.d, ld = tile_ld(d), from = (int)blockIdx.z * DIMS_AT_ONCE;
    uint16_t *values = keys + OPS_KV_BLOCK * ld, *q = values + OPS_KV_BLOCK * ld,
             *dout = q + TILE * ld;
    struct row_state st;
    st.lse = reinterpret_cast<float *>(dout + TILE * ld);
    st.d = st.lse + TILE;
    st.seen = reinterpret_cast<int *>(st.d + TILE);
    struct key_block b = g.blocks[blockIdx.x];
    size_t kv_head = blockIdx.y;
    struct seq s = g.a.seqs[b.seq];
    int k = b.block * OPS_KV_BLOCK, left = s.n_keys - k;
    int n = left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK;
    size_t at = kv_place(&g.a.kv, g.a.layer, (size_t)g.a.pages[s.own + b.block], kv_head);
    fill_block(keys, g.a.kv, at, n);
    fill_block(values, g.a.kv, at + OPS_KV_BLOCK * g.a.kv.d, n);
    float sum_k[2 * DT][4], sum_v[2 * DT][4];
    for (int t = 0; t < 2 * DT; t++)
        for (int e = 0; e < 4; e++)
            sum_k[t][e] = sum_v[t][e] = 0;
    struct source x = source_own(g, b, n);
    do {
        for (int first = 0; first < x.n; first += TILE) {
            __syncthreads();
            load_sources(g, x, b, n, kv_head, first, q, dout, st);
            __syncthreads();
            for (int r = 0; r < TILE && first + r < x.n; r += 16)
                add_rows<DT>(sum_k, sum_v, keys, values, q, dout, st, r, d, from, g.a.scale);
        }
    } while (source_next(g, b, n, &x));
    size_t row = (size_t)(s.row + k), column = kv_head * g.a.kv.d;
    store_keys<DT>(g.dk, sum_k, row, n, column, from, d);
    store_keys<DT>(g.dv, sum_v, row, n, column, from, d);
}

/* ---- dq ---- */

static size_t queries_bytes(size_t d)
{
    return (2 * STRIP_ROWS + 2 * OPS_KV_BLOCK) * (size_t)tile_ld((int)d) * sizeof(uint16_t) +
           STRIP_ROWS * (2 * sizeof(float) + sizeof(int));
}

template <int DT>
__global__ void __launch_bounds__(MMA_THREADS, DT > 8   ? 1
                                               : DT > 4 ? 3
                                                        : 4)
    grad_queries_mma(struct grad_args g, const struct item *items)
{
    SHARED(uint16_t, q);
    const struct attn_args &a = g.a;
    int d = (int)a.kv.d, ld = tile_ld(d), warp = (int)threadIdx.x / WARP;
    int lane = (int)threadIdx.x % WARP, depth = (d + 15) / 16;
    uint16_t *dout = q + STRIP_ROWS * ld, *keys = dout + STRIP_ROWS * ld;
    uint16_t *values = keys + OPS_KV_BLOCK * ld;
    float *lse = reinterpret_cast<float *>(values + OPS_KV_BLOCK * ld), *dd = lse + STRIP_ROWS;
    struct item item = items[gridDim.x - 1 - blockIdx.x];
    struct seq s = a.seqs[item.seq];
    int group = (int)a.group, in_parts = (group + STRIP_ROWS - 1) / STRIP_ROWS;
    int each = (group + in_parts - 1) / in_parts, part = (int)blockIdx.y % in_parts;
    size_t kv_head = blockIdx.y / (unsigned)in_parts;
    int first_head = (int)kv_head * group + part * each;
    int heads = group - part * each < each ? group - part * each : each, rows = heads * item.n_rows;
    for (int i = warp; i < STRIP_ROWS; i += MMA_THREADS / WARP) {
        bool there = i < rows;
        size_t row = (size_t)(s.row + item.row + (there ? i / heads : 0));
        size_t head = (size_t)(first_head + i % heads), at = head * (size_t)d;
        fill_row(q + i * ld, there ? row_at(a.q, row) : NULL, false, at, d);
        fill_row(dout + i * ld, there ? row_at(g.dout, row) : NULL, false, at, d);
        if (lane == 0) {
            lse[i] = a.lse[row * a.n_heads + head] * LOG2E;
            dd[i] = g.d[row * a.n_heads + head];
        }
    }
    float sum[2 * DT][4];
    for (int t = 0; t < 2 * DT; t++)
        for (int e = 0; e < 4; e++)
            sum[t][e] = 0;
    int shared = (s.n_shared + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    int last = item.row + item.n_rows; /* own keys that the last row sees: n_rows = n_keys */
    int end = shared + (last + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    for (int block = 0; block < end; block++) {
        bool own = block >= shared;
        int first = (own ? block - shared : block) * OPS_KV_BLOCK;
        int left = (own ? s.n_keys : s.n_shared) - first;
        int n = left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK;
        size_t page = (size_t)a.pages[(own ? s.own : s.shared) + first / OPS_KV_BLOCK];
        size_t at = kv_place(&a.kv, a.layer, page, kv_head);
        __syncthreads();
        fill_block(keys, a.kv, at, n);
        fill_block(values, a.kv, at + OPS_KV_BLOCK * a.kv.d, n);
        __syncthreads();
        for (int j = 0; j < n; j += 16) {
            float w[2][4], dp[2][4];
            for (int t = 0; t < 2; t++)
                for (int e = 0; e < 4; e++)
                    w[t][e] = dp[t][e] = 0;
            for (int i = 0; i < depth; i++) {
                struct frag_a fq, fo;
                struct frag_b fk, fv;
                load_a(&fq, q, ld, warp * 16, i * 16, false);
                load_b(&fk, keys, ld, j, i * 16, false);
                mma_16(w[0], w[1], fq, fk);
                load_a(&fo, dout, ld, warp * 16, i * 16, false);
                load_b(&fv, values, ld, j, i * 16, false);
                mma_16(dp[0], dp[1], fo, fv);
            }
#pragma unroll
            for (int t = 0; t < 2; t++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    int i = warp * 16 + lane / 4 + 8 * (e / 2);
                    int key = j + t * 8 + 2 * (lane % 4) + e % 2;
                    int seen = own ? item.row + i / heads + 1 - first : n;
                    bool visible = i < rows && key < n && key < seen;
                    float p = weight_at(w[t][e], a.scale * LOG2E, lse[i], visible);
                    dp[t][e] = p * (dp[t][e] - dd[i]) * a.scale;
                }
            struct frag_a fd = a_of(dp[0], dp[1]);
#pragma unroll
            for (int i = 0; i < DT; i++) {
                if (i >= depth)
                    break;
                struct frag_b fk;
                load_b(&fk, keys, ld, i * 16, j, true);
                mma_16(sum[2 * i], sum[2 * i + 1], fd, fk);
            }
        }
    }
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int i = warp * 16 + lane / 4 + 8 * (e / 2), dim = t * 8 + 2 * (lane % 4) + e % 2;
            if (i < rows && dim < d)
                row_at(g.dq, (size_t)(s.row + item.row +
                                      i / heads))[(first_head + i % heads) * d + dim] = sum[t][e];
        }
}

/* ---- launching ---- */

size_t attention_grad_mma_shared(size_t d)
{
    size_t keys = keys_bytes(d), queries = queries_bytes(d);
    return keys > queries ? keys : queries;
}

template <int DT_KEYS, int DT>
static void launch(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan)
{
    size_t d = g->a.kv.d, keys = keys_bytes(d), queries = queries_bytes(d);
    void (*by_keys)(struct grad_args) = grad_keys_mma<DT_KEYS>;
    void (*by_rows)(struct grad_args, const struct item *) = grad_queries_mma<DT>;
    unsigned heads = (unsigned)g->a.kv.n_heads, halves = (unsigned)parts(d, DIMS_AT_ONCE);
    cuda_allow_shared(c, by_keys, keys);
    cuda_allow_shared(c, by_rows, queries);
    LAUNCH(c, by_keys, dim3((unsigned)plan->n_blocks, heads, halves), MMA_THREADS, keys, *g);
    /* Last: dq may be dout. */
    LAUNCH(c, by_rows,
           dim3((unsigned)plan->n_items, heads * (unsigned)parts(g->a.group, STRIP_ROWS)),
           MMA_THREADS, queries, *g, plan->items);
}

void attention_grad_mma(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan)
{
    if (g->a.kv.d <= 64)
        launch<4, 4>(c, g, plan);
    else if (g->a.kv.d <= 128)
        launch<8, 8>(c, g, plan);
    else
        launch<8, 16>(c, g, plan);
}
