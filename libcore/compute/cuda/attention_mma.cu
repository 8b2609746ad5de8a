/* attention_mma.cu - attention on tensor cores, forward: queries, keys, values
 * and weights rounded to bf16, sums and softmax in f32.
 *
 * A block is a strip: up to 64 stacked rows (row, query head of the group), 16 for each of 4 warps,
 * against some key blocks of one list. Scores stay in registers and become the left side of the next
 * product there. Head size 128: 51 KiB of shared memory and 168
 * registers a thread, so registers let three blocks stand on a processor, and one's loads hide
 * behind another's products. What was cut into several strips is put together by a second kernel, in order
 * of the key blocks. */
#include "compute/cuda/attention_mma.cuh"
#include "compute/cuda/mma.cuh"

struct mma_args {
    struct attn_args a;
    const struct strip *strips;
    const struct row_parts *row_parts;
    float *part_out; /* [slot][head][d] */
    float *part_max; /* [slot][head]: of scores times scale, base 2; then the sums */
    float *part_sum;
};

#define LOG2E 1.4426950408889634f

/* The stacked rows that a lane has: row lane / 4 of its warp's sixteen and the one 8 below. */
struct lane_rows {
    bool there[2];
    int row[2], head[2], position[2]; /* row of the batch */
    float max[2], sum[2];
};

__device__ __forceinline__ struct lane_rows lane_rows_of(const struct attn_args &a, struct strip s,
                                                         int kv_head, int first_head, int heads)
{
    struct lane_rows r;
    int lane = (int)threadIdx.x % WARP, warp = (int)threadIdx.x / WARP;
    int rows = heads * (s.n_seqs > 1 ? s.n_seqs : s.n_rows);
    (void)kv_head;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int i = warp * 16 + lane / 4 + 8 * h;
        r.there[h] = i < rows;
        struct entry e = entry_of(a.seqs, s.seq, s.n_seqs, s.row, r.there[h] ? i / heads : 0);
        r.row[h] = e.row;
        r.position[h] = e.position;
        r.head[h] = first_head + i % heads;
        r.max[h] = -HUGE_VALF;
        r.sum[h] = 0;
    }
    return r;
}

/* A block of a strip: its page, its keys, and whether causality bears on it. */
struct key_run {
    size_t page;
    int n, first; /* first: position of its first key in the own run; below 0: shared */
};

__device__ __forceinline__ struct key_run key_run_of(const struct attn_args &a, struct seq q,
                                                     int block)
{
    struct key_run k;
    int shared = (q.n_shared + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    bool own = block >= shared;
    int at = own ? block - shared : block, all = own ? q.n_keys : q.n_shared;
    int left = all - at * OPS_KV_BLOCK;
    k.n = left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK;
    k.page = (size_t)a.pages[(own ? q.own : q.shared) + at];
    k.first = own ? at * OPS_KV_BLOCK : -1;
    return k;
}

__device__ __forceinline__ int seen_of(const struct key_run &k, int position, bool there)
{
    int seen = k.first < 0 ? k.n : position + 1 - k.first;
    return !there ? 0 : seen < k.n ? seen : k.n;
}

__device__ __forceinline__ float quad_max(float v)
{
    for (int m = 1; m < 4; m *= 2) {
        float o = __shfl_xor_sync(0xffffffffu, v, m);
        v = o > v ? o : v;
    }
    return v;
}

__device__ __forceinline__ float quad_sum(float v)
{
    for (int m = 1; m < 4; m *= 2)
        v += __shfl_xor_sync(0xffffffffu, v, m);
    return v;
}

/* Scores of a block become weights; out is scaled to the new maximum. */
template <int DT>
__device__ __forceinline__ void softmax_block(struct lane_rows &r, float (&s)[8][4],
                                              float (&out)[2 * DT][4], const struct key_run &k,
                                              float scale)
{
    int column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int seen = seen_of(k, r.position[h], r.there[h]);
        float top = -HUGE_VALF, sum = 0;
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float z = s[t][2 * h + e] * scale;
                z = t * 8 + column + e < seen ? z : -HUGE_VALF;
                s[t][2 * h + e] = z;
                top = z > top ? z : top;
            }
        top = quad_max(top);
        float max = top > r.max[h] ? top : r.max[h];
        float used = max == -HUGE_VALF ? 0.0f : max; /* nothing seen so far: weights are 0 */
        float keep = exp2_fast(r.max[h] - used);
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float p = exp2_fast(s[t][2 * h + e] - used);
                s[t][2 * h + e] = p;
                sum += p;
            }
        r.sum[h] = r.sum[h] * keep + quad_sum(sum);
        r.max[h] = max;
#pragma unroll
        for (int t = 0; t < 2 * DT; t++) {
            out[t][2 * h] *= keep;
            out[t][2 * h + 1] *= keep;
        }
    }
}

template <int DT>
__device__ __forceinline__ void store_rows(const struct mma_args &g, const struct strip &s,
                                           const struct lane_rows &r, const float (&out)[2 * DT][4])
{
    int d = (int)g.a.kv.d, column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int h = 0; h < 2; h++) {
        if (!r.there[h])
            continue;
        struct row_parts p = g.row_parts[r.row[h]];
        size_t slot = (size_t)(p.slot + s.part) * g.a.n_heads + (size_t)r.head[h];
        bool whole = p.n == 1;
        float *to = whole ? row_at(g.a.out, (size_t)r.row[h]) + r.head[h] * d
                          : g.part_out + slot * (size_t)d;
        float by = whole ? 1.0f / r.sum[h] : 1.0f;
#pragma unroll
        for (int t = 0; t < 2 * DT; t++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                if (t * 8 + column + e < d)
                    to[t * 8 + column + e] = out[t][2 * h + e] * by;
        if (column != 0)
            continue;
        if (!whole) {
            g.part_max[slot] = r.max[h];
            g.part_sum[slot] = r.sum[h];
        } else if (g.a.lse) {
            g.a.lse[(size_t)r.row[h] * g.a.n_heads + (size_t)r.head[h]] =
                (r.max[h] + log2f(r.sum[h])) / LOG2E;
        }
    }
}

/* DT: sixteens of the head size. */
template <int DT> __global__ void __launch_bounds__(MMA_THREADS) attend_strips(struct mma_args g)
{
    SHARED(uint16_t, q);
    const struct attn_args &a = g.a;
    int d = (int)a.kv.d, ld = tile_ld(d), warp = (int)threadIdx.x / WARP;
    uint16_t *keys = q + STRIP_ROWS * ld, *values = keys + OPS_KV_BLOCK * ld;
    struct strip s = g.strips[gridDim.x - 1 - blockIdx.x]; /* the longest are the last */
    if (s.n_seqs == 0)
        return;
    int group = (int)a.group, in_parts = (group + STRIP_ROWS - 1) / STRIP_ROWS;
    int each = (group + in_parts - 1) / in_parts, part = (int)blockIdx.y % in_parts;
    int kv_head = (int)blockIdx.y / in_parts, first_head = kv_head * group + part * each;
    int heads = group - part * each < each ? group - part * each : each;
    int rows = heads * (s.n_seqs > 1 ? s.n_seqs : s.n_rows);
    for (int i = warp; i < STRIP_ROWS; i += MMA_THREADS / WARP) {
        const float *from = NULL;
        if (i < rows)
            from = row_at(a.q, (size_t)entry_of(a.seqs, s.seq, s.n_seqs, s.row, i / heads).row) +
                   (first_head + i % heads) * d;
        fill_row(q + i * ld, from, false, 0, d);
    }
    struct lane_rows r = lane_rows_of(a, s, kv_head, first_head, heads);
    float out[2 * DT][4];
    for (int t = 0; t < 2 * DT; t++)
        for (int e = 0; e < 4; e++)
            out[t][e] = 0;
    struct seq first = a.seqs[s.seq];
    int depth = (d + 15) / 16;
    for (int block = s.first; block < s.end; block++) {
        struct key_run k = key_run_of(a, first, block);
        size_t at = kv_place(&a.kv, a.layer, k.page, (size_t)kv_head);
        __syncthreads();
        fill_block(keys, a.kv, at, k.n);
        fill_block(values, a.kv, at + OPS_KV_BLOCK * a.kv.d, k.n);
        __syncthreads();
        float w[8][4];
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                w[t][e] = 0;
#pragma unroll
        for (int i = 0; i < DT; i++) {
            if (i >= depth)
                break;
            struct frag_a fq;
            load_a(&fq, q, ld, warp * 16, i * 16, false);
#pragma unroll
            for (int t = 0; t < 4; t++) {
                struct frag_b fk;
                load_b(&fk, keys, ld, t * 16, i * 16, false);
                mma_16(w[2 * t], w[2 * t + 1], fq, fk);
            }
        }
        softmax_block<DT>(r, w, out, k, a.scale * LOG2E);
#pragma unroll
        for (int t = 0; t < 4; t++) {
            struct frag_a fp = a_of(w[2 * t], w[2 * t + 1]);
#pragma unroll
            for (int i = 0; i < DT; i++) {
                if (i >= depth)
                    break;
                struct frag_b fv;
                load_b(&fv, values, ld, i * 16, t * 16, true);
                mma_16(out[2 * i], out[2 * i + 1], fp, fv);
            }
        }
    }
    store_rows<DT>(g, s, r, out);
}

/* A block for each (row, head): partial results in order. */
__global__ void merge_parts(struct mma_args g)
{
    size_t row = blockIdx.x / g.a.n_heads, head = blockIdx.x % g.a.n_heads, d = g.a.kv.d;
    struct row_parts p = g.row_parts[row];
    if (p.n <= 1)
        return;
    float max = -HUGE_VALF, sum = 0;
    for (int i = 0; i < p.n; i++) {
        float m = g.part_max[(size_t)(p.slot + i) * g.a.n_heads + head];
        max = m > max ? m : max;
    }
    for (int i = 0; i < p.n; i++) {
        size_t slot = (size_t)(p.slot + i) * g.a.n_heads + head;
        sum += g.part_sum[slot] * exp2_fast(g.part_max[slot] - max);
    }
    for (size_t k = threadIdx.x; k < d; k += blockDim.x) {
        float v = 0;
        for (int i = 0; i < p.n; i++) {
            size_t slot = (size_t)(p.slot + i) * g.a.n_heads + head;
            v += g.part_out[slot * d + k] * exp2_fast(g.part_max[slot] - max);
        }
        row_at(g.a.out, row)[head * d + k] = v / sum;
    }
    if (g.a.lse && threadIdx.x == 0)
        g.a.lse[row * g.a.n_heads + head] = (max + log2f(sum)) / LOG2E;
}

size_t attention_mma_shared(size_t d)
{
    return (STRIP_ROWS + 2 * OPS_KV_BLOCK) * (size_t)tile_ld((int)d) * sizeof(uint16_t);
}

template <int DT> static void launch(struct cuda *c, const struct mma_args *g, size_t n_strips)
{
    void (*kernel)(struct mma_args) = attend_strips<DT>;
    size_t bytes = attention_mma_shared(g->a.kv.d);
    unsigned heads = (unsigned)(g->a.kv.n_heads * parts(g->a.group, STRIP_ROWS));
    cuda_allow_shared(c, kernel, bytes);
    LAUNCH(c, kernel, dim3((unsigned)n_strips, heads), MMA_THREADS, bytes, *g);
}

void attention_mma(struct cuda *c, const struct attn_args *a, const struct attn_plan *plan)
{
    frame f(c);
    struct mma_args g = {};
    size_t n = strip_slots(plan->n_rows) * plan->n_heads; /* places are the same in every step */
    g.a = *a;
    g.strips = plan->strips;
    g.row_parts = plan->row_parts;
    g.part_out = f.take<float>(n * a->kv.d);
    g.part_max = f.take<float>(n);
    g.part_sum = f.take<float>(n);
    if (a->kv.d <= 64)
        launch<4>(c, &g, plan->strip_grid);
    else if (a->kv.d <= 128)
        launch<8>(c, &g, plan->strip_grid);
    else
        launch<16>(c, &g, plan->strip_grid);
    if (plan->n_slots)
        LAUNCH(c, merge_parts, dim3((unsigned)(plan->n_rows * plan->n_heads)), 64, 0, g);
}
