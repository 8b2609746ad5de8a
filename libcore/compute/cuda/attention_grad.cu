/* attention_grad.cu - the gradient of attention as chains: for each element
 * the same operations in the same order as cpu/attention_grad.c.
 *
 * Two passes that each own what they write: dk and dv by blocks of keys, dq by rows.  Both compute
 * the weights again from the log-sum-exp; in return no sum has two authors. */
#include "compute/cuda/attention_exact.cuh"
#include "compute/cuda/attention_grad.cuh"

enum { ROWS = EXACT_ROWS };

/* p and ds from scores and dout.v, in place, of the thread's key and PER rows from `own`. */
template <int ALL>
__device__ __forceinline__ void weigh(float *p, float *ds, const float *lse, const float *d,
                                      const int *seen, float scale, int own)
{
    constexpr int PER = ALL * OPS_KV_BLOCK / EXACT_THREADS;
    int key = (int)threadIdx.x % OPS_KV_BLOCK;
    for (int r = own; r < own + PER; r++) {
        int at = r * OPS_KV_BLOCK + key;
        float e = key < seen[r] ? exp_f(p[at] * scale - lse[r]) : 0.0f;
        ds[at] = key < seen[r] ? (ds[at] - d[r]) * e * scale : 0.0f;
        p[at] = e;
    }
}

/* ---- dk, dv ---- */

/* Shared memory: keys and values [64][d + 1], T stacked rows of q and dout, their weights. */
template <int T> static size_t keys_bytes(size_t d)
{
    return (2 * OPS_KV_BLOCK * (d + 1) + T * (2 * d + 2 * OPS_KV_BLOCK + 3)) * sizeof(float);
}

template <int DIMS, int T>
__global__ void __launch_bounds__(EXACT_THREADS) grad_keys(struct grad_args g)
{
    constexpr int KEYS = OPS_KV_BLOCK * OPS_KV_BLOCK / EXACT_THREADS; /* of a thread: 16 */
    constexpr int PER = T * OPS_KV_BLOCK / EXACT_THREADS;
    SHARED(float, keys);
    int d = (int)g.a.kv.d, lane = (int)threadIdx.x % OPS_KV_BLOCK;
    int part = (int)threadIdx.x / OPS_KV_BLOCK;
    float *values = keys + OPS_KV_BLOCK * (d + 1), *q = values + OPS_KV_BLOCK * (d + 1);
    float *dout = q + T * d, *p = dout + T * d, *ds = p + T * OPS_KV_BLOCK;
    float *lse = ds + T * OPS_KV_BLOCK, *dd = lse + T;
    int *seen = reinterpret_cast<int *>(dd + T);
    struct key_block b = g.blocks[blockIdx.x];
    size_t kv_head = blockIdx.y;
    struct seq s = g.a.seqs[b.seq];
    int k = b.block * OPS_KV_BLOCK, n = s.n_keys - k < OPS_KV_BLOCK ? s.n_keys - k : OPS_KV_BLOCK;
    size_t at = kv_place(&g.a.kv, g.a.layer, (size_t)g.a.pages[s.own + b.block], kv_head);
    load_block(keys, g.a.kv, at, n);
    load_block(values, g.a.kv, at + OPS_KV_BLOCK * g.a.kv.d, n);
    float sum_k[KEYS][DIMS], sum_v[KEYS][DIMS];
    for (int j = 0; j < KEYS; j++)
        for (int i = 0; i < DIMS; i++)
            sum_k[j][i] = sum_v[j][i] = 0;
    struct source x = source_own(g, b, n);
    do {
        for (int first = 0; first < x.n; first += T) {
            int rows = x.n - first < T ? x.n - first : T;
            __syncthreads();
            for (int r = (int)threadIdx.x / WARP; r < rows; r += EXACT_THREADS / WARP) {
                struct from_row f = source_row(g, x, b, n, kv_head, first + r);
                for (int i = (int)threadIdx.x % WARP; i < d; i += WARP) {
                    q[r * d + i] = row_at(g.a.q, f.row)[f.head * (size_t)d + (size_t)i];
                    dout[r * d + i] = row_at(g.dout, f.row)[f.head * (size_t)d + (size_t)i];
                }
                if (threadIdx.x % WARP == 0) {
                    lse[r] = g.a.lse[f.row * g.a.n_heads + f.head];
                    dd[r] = g.d[f.row * g.a.n_heads + f.head];
                    seen[r] = f.seen;
                }
            }
            for (int r = rows + (int)threadIdx.x; r < T; r += EXACT_THREADS)
                seen[r] = 0;
            __syncthreads();
            if (part * PER < rows) {
                dot_rows<T>(p, q, keys, d, part * PER, n);
                dot_rows<T>(ds, dout, values, d, part * PER, n);
                weigh<T>(p, ds, lse, dd, seen, g.a.scale, part * PER);
            }
            __syncthreads();
            for (int r = 0; r < rows; r++)
#pragma unroll
                for (int i = 0; i < DIMS; i++) {
                    int dim = lane + i * OPS_KV_BLOCK;
                    float from_q = dim < d ? q[r * d + dim] : 0.0f;
                    float from_o = dim < d ? dout[r * d + dim] : 0.0f;
#pragma unroll
                    for (int j = 0; j < KEYS; j++) {
                        int w = r * OPS_KV_BLOCK + part * KEYS + j;
                        sum_v[j][i] = fmaf(p[w], from_o, sum_v[j][i]);
                        sum_k[j][i] = fmaf(ds[w], from_q, sum_k[j][i]);
                    }
                }
        }
    } while (source_next(g, b, n, &x));
    for (int j = 0; j < KEYS; j++) {
        int key = part * KEYS + j;
        for (int i = 0; i < DIMS; i++) {
            int dim = lane + i * OPS_KV_BLOCK;
            if (key >= n || dim >= d)
                continue;
            size_t row = (size_t)(s.row + k + key), column = kv_head * (size_t)d + (size_t)dim;
            row_at(g.dk, row)[column] = sum_k[j][i];
            row_at(g.dv, row)[column] = sum_v[j][i];
        }
    }
}

/* ---- dq ---- */

/* Shared memory: q and dout [ROWS][d], one block of keys or values, weights. */
static size_t queries_bytes(size_t d)
{
    return (2 * ROWS * d + OPS_KV_BLOCK * (d + 1) + ROWS * (2 * OPS_KV_BLOCK + 3)) * sizeof(float);
}

template <int DIMS>
__global__ void __launch_bounds__(EXACT_THREADS, DIMS > 2 ? 2 : 4)
    grad_queries(struct grad_args g, const struct item *items)
{
    SHARED(float, q);
    const struct attn_args &a = g.a;
    int d = (int)a.kv.d, lane = (int)threadIdx.x % OPS_KV_BLOCK;
    int own = (int)threadIdx.x / OPS_KV_BLOCK * EXACT_PER;
    float *dout = q + ROWS * d, *kv = dout + ROWS * d, *p = kv + OPS_KV_BLOCK * (d + 1);
    float *ds = p + ROWS * OPS_KV_BLOCK, *lse = ds + ROWS * OPS_KV_BLOCK, *dd = lse + ROWS;
    int *seen = reinterpret_cast<int *>(dd + ROWS);
    struct item item = items[gridDim.x - 1 - blockIdx.x];
    struct stack st = stack_of(a, item, blockIdx.y);
    load_stack(q, a.q, a, item, st);
    load_stack(dout, g.dout, a, item, st);
    for (int i = (int)threadIdx.x; i < ROWS; i += EXACT_THREADS) {
        int head = 0;
        struct entry e = {0, 0, 0};
        if (i < st.rows)
            e = stacked(a, item, st, i, &head);
        lse[i] = i < st.rows ? a.lse[(size_t)e.row * a.n_heads + (size_t)head] : 0.0f;
        dd[i] = i < st.rows ? g.d[(size_t)e.row * a.n_heads + (size_t)head] : 0.0f;
    }
    float sum[EXACT_PER][DIMS];
    for (int r = 0; r < EXACT_PER; r++)
        for (int i = 0; i < DIMS; i++)
            sum[r][i] = 0;
    for (struct walk w = walk_begin(a, item); walk_next(a, item, st, &w);) {
        size_t at = kv_place(&a.kv, a.layer, w.page, st.kv_head);
        bool mine = own < w.last && own + EXACT_PER > w.first;
        __syncthreads();
        for (int i = (int)threadIdx.x; i < ROWS; i += EXACT_THREADS)
            seen[i] = i >= w.first && i < w.last ? walk_seen(a, item, st, w, i) : 0;
        load_block(kv, a.kv, at + OPS_KV_BLOCK * a.kv.d, w.n);
        __syncthreads();
        if (mine)
            dot_rows<ROWS>(ds, dout, kv, d, own, w.n);
        __syncthreads();
        load_block(kv, a.kv, at, w.n);
        __syncthreads();
        if (mine) {
            dot_rows<ROWS>(p, q, kv, d, own, w.n);
            weigh<ROWS>(p, ds, lse, dd, seen, a.scale, own);
        }
        __syncthreads();
        if (mine)
            add_keys<DIMS>(sum, ds, kv, d, own, w.first, w.last, w.n);
    }
    for (int r = 0; r < EXACT_PER && own + r < st.rows; r++) {
        int head;
        struct entry e = stacked(a, item, st, own + r, &head);
        for (int i = 0; i < DIMS; i++)
            if (lane + i * OPS_KV_BLOCK < d)
                row_at(g.dq, (size_t)e.row)[head * d + lane + i * OPS_KV_BLOCK] = sum[r][i];
    }
}

/* ---- launching ---- */

size_t attention_grad_exact_shared(size_t d)
{
    size_t keys = d <= 128 ? keys_bytes<32>(d) : keys_bytes<8>(d), queries = queries_bytes(d);
    return keys > queries ? keys : queries;
}

template <int DIMS, int T>
static void launch(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan)
{
    size_t d = g->a.kv.d, keys = keys_bytes<T>(d), queries = queries_bytes(d);
    void (*by_keys)(struct grad_args) = grad_keys<DIMS, T>;
    void (*by_rows)(struct grad_args, const struct item *) = grad_queries<DIMS>;
    cuda_allow_shared(c, by_keys, keys);
    cuda_allow_shared(c, by_rows, queries);
    LAUNCH(c, by_keys, dim3((unsigned)plan->n_blocks, (unsigned)g->a.kv.n_heads), EXACT_THREADS,
           keys, *g);
    /* Last: dq may be dout. */
    LAUNCH(c, by_rows, dim3((unsigned)plan->n_items, exact_grid_y(&g->a)), EXACT_THREADS, queries,
           *g, plan->items);
}

void attention_grad_exact(struct cuda *c, const struct grad_args *g, const struct attn_plan *plan)
{
    if (g->a.kv.d <= 64)
        launch<1, 32>(c, g, plan);
    else if (g->a.kv.d <= 128)
        launch<2, 32>(c, g, plan);
    else
        launch<4, 8>(c, g, plan);
}
