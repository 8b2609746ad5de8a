/* attention_exact.cu - attention as chains, forward: for each row the same
 * operations in the same order as cpu/attention.c, so the same bits.
 *
 * A block has up to EXACT_ROWS stacked rows (row, query head of the group) and walks over blocks
 * of 64 keys, first the shared ones, then each row's own.  256 threads: for scores a
 * thread has one key and 8 rows, for sums 8 rows and every 64th dimension (8 x DIMS
 * registers).  Shared memory at head size 128: 58 KiB, so three blocks of 8 warps stand on a
 * processor. */
#include "compute/cuda/attention_exact.cuh"

enum { ROWS = EXACT_ROWS };

struct tile {
    float *q;  /* [ROWS][d] */
    float *kv; /* [64][d + 1] */
    float *s;  /* [ROWS][64] */
    float *max, *sum, *keep;
    int *n; /* keys of the block that a row sees */
};

size_t attention_exact_shared(size_t d)
{
    return (ROWS * d + OPS_KV_BLOCK * (d + 1) + ROWS * OPS_KV_BLOCK + 4 * ROWS) * sizeof(float);
}

__device__ __forceinline__ struct tile tile_at(float *p, int d)
{
    struct tile t;
    t.q = p;
    t.kv = t.q + ROWS * d;
    t.s = t.kv + OPS_KV_BLOCK * (d + 1);
    t.max = t.s + ROWS * OPS_KV_BLOCK;
    t.sum = t.max + ROWS;
    t.keep = t.sum + ROWS;
    t.n = reinterpret_cast<int *>(t.keep + ROWS);
    return t;
}

/* The block's weights and what earlier sums are multiplied by: half a warp for a row. */
__device__ __forceinline__ void softmax_rows(const struct tile &t, int first, int last, float scale)
{
    int lane = (int)threadIdx.x % LANES;
    for (int row = (int)threadIdx.x / LANES; row < ROWS; row += EXACT_THREADS / LANES) {
        bool active = row >= first && row < last;
        int n = active ? t.n[row] : 0;
        float z[4], top = -HUGE_VALF, sum = 0;
        for (int v = 0; v < 4; v++) {
            int i = v * LANES + lane;
            z[v] = i < n ? t.s[row * OPS_KV_BLOCK + i] * scale : -HUGE_VALF;
            top = z[v] > top ? z[v] : top;
        }
        top = lanes_max(top);
        float before = active ? t.max[row] : 0.0f, max = top > before ? top : before;
        float keep = exp_f(before - max);
        for (int v = 0; v < 4; v++) {
            z[v] = v * LANES + lane < n ? exp_f(z[v] - max) : 0.0f;
            sum += z[v];
        }
        sum = lanes_sum(sum);
        for (int v = 0; v < 4 && active; v++)
            t.s[row * OPS_KV_BLOCK + v * LANES + lane] = z[v];
        __syncwarp(); /* all have read the maximum */
        if (active && lane == 0) {
            t.sum[row] = fmaf(t.sum[row], keep, sum);
            t.max[row] = max;
            t.keep[row] = keep;
        }
    }
}

/* One block of keys joins the stacked rows [first, last), which see t.n[] of its first n. */
template <int DIMS>
__device__ __forceinline__ void join_block(const struct attn_args &a, const struct tile &t,
                                           size_t page, size_t kv_head, int first, int last, int n,
                                           float (&out)[EXACT_PER][DIMS])
{
    int d = (int)a.kv.d, part = (int)threadIdx.x / OPS_KV_BLOCK, own = part * EXACT_PER;
    bool mine = own < last && own + EXACT_PER > first;
    load_block(t.kv, a.kv, kv_place(&a.kv, a.layer, page, kv_head), n);
    __syncthreads();
    if (mine)
        dot_rows<ROWS>(t.s, t.q, t.kv, d, own, n);
    __syncthreads();
    softmax_rows(t, first, last, a.scale);
    load_block(t.kv, a.kv, kv_place(&a.kv, a.layer, page, kv_head) + OPS_KV_BLOCK * a.kv.d, n);
    __syncthreads();
    if (mine) {
        for (int r = 0; r < EXACT_PER; r++) {
            float keep = own + r >= first && own + r < last ? t.keep[own + r] : 1.0f;
            for (int i = 0; i < DIMS && keep != 1.0f; i++)
                out[r][i] = fmaf(out[r][i], keep, 0.0f);
        }
        add_keys<DIMS>(out, t.s, t.kv, d, own, first, last, n);
    }
    __syncthreads();
}

template <int DIMS>
__global__ void __launch_bounds__(EXACT_THREADS)
    attend(struct attn_args a, const struct item *items)
{
    SHARED(float, memory);
    int d = (int)a.kv.d;
    struct tile t = tile_at(memory, d);
    struct item item = items[gridDim.x - 1 - blockIdx.x]; /* the longest are the last */
    struct stack st = stack_of(a, item, blockIdx.y);
    load_stack(t.q, a.q, a, item, st);
    for (int i = (int)threadIdx.x; i < ROWS; i += EXACT_THREADS) {
        t.max[i] = -HUGE_VALF;
        t.sum[i] = 0;
    }
    float out[EXACT_PER][DIMS];
    for (int r = 0; r < EXACT_PER; r++)
        for (int i = 0; i < DIMS; i++)
            out[r][i] = 0;
    for (struct walk w = walk_begin(a, item); walk_next(a, item, st, &w);) {
        for (int i = w.first + (int)threadIdx.x; i < w.last; i += EXACT_THREADS)
            t.n[i] = walk_seen(a, item, st, w, i);
        join_block<DIMS>(a, t, w.page, st.kv_head, w.first, w.last, w.n, out);
    }
    int lane = (int)threadIdx.x % OPS_KV_BLOCK, own = (int)threadIdx.x / OPS_KV_BLOCK * EXACT_PER;
    for (int r = 0; r < EXACT_PER && own + r < st.rows; r++) {
        int head;
        struct entry e = stacked(a, item, st, own + r, &head);
        float inverse = 1.0f / t.sum[own + r];
        for (int i = 0; i < DIMS; i++)
            if (lane + i * OPS_KV_BLOCK < d)
                row_at(a.out, (size_t)e.row)[head * d + lane + i * OPS_KV_BLOCK] =
                    (out[r][i] + 0.0f) * inverse;
        if (a.lse && lane == 0)
            a.lse[(size_t)e.row * a.n_heads + (size_t)head] =
                (float)((double)t.max[own + r] + exact_log((double)t.sum[own + r]));
    }
}

template <int DIMS>
static void launch(struct cuda *c, const struct attn_args *a, const struct item *items, size_t n)
{
    size_t bytes = attention_exact_shared(a->kv.d);
    void (*kernel)(struct attn_args, const struct item *) = attend<DIMS>;
    cuda_allow_shared(c, kernel, bytes);
    LAUNCH(c, kernel, dim3((unsigned)n, exact_grid_y(a)), EXACT_THREADS, bytes, *a, items);
}

void attention_exact(struct cuda *c, const struct attn_args *a, const struct item *items, size_t n)
{
    if (a->kv.d <= 64)
        launch<1>(c, a, items, n);
    else if (a->kv.d <= 128)
        launch<2>(c, a, items, n);
    else
        launch<4>(c, a, items, n);
}
