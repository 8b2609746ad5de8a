/* attention_mma.cu - attention on tensor cores, forward: queries, keys, values
 * and weights rounded to bf16, sums and softmax in f32.
 *
 * A block is a strip: up to 64 stacked rows (row, query head of the group), 16 for each of 4 warps,
 * against some key blocks of one list. Queries, scores and weights stay in registers; keys and values
 * are fetched one block ahead. Head size 128: 68 KiB of shared memory and 234 registers a
 * thread, so two blocks stand on a processor. What was cut into several strips is put together by a
 * second kernel, in order of the key blocks. */
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

/* The stacked rows that a lane has: row lane / 4 of its warp's sixteen and the one 8 below.  `ahead`: keys
 * before its own position, in the own run; -1: there is no such row. */
struct lane_rows {
    int ahead[2];
    float max[2], sum[2];
};

__device__ __forceinline__ int lane_row(int h)
{
    int lane = (int)threadIdx.x % WARP, warp = (int)threadIdx.x / WARP;
    return warp * 16 + lane / 4 + 8 * h;
}

__device__ __forceinline__ struct lane_rows lane_rows_of(const struct attn_args &a, struct strip s,
                                                         int heads, int rows)
{
    struct lane_rows r;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int i = lane_row(h);
        r.ahead[h] = -1;
        if (i < rows)
            r.ahead[h] = entry_of(a.seqs, s.seq, s.n_seqs, s.row, i / heads).position;
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

__device__ __forceinline__ int seen_of(const struct key_run &k, int ahead)
{
    int seen = k.first < 0 ? k.n : ahead + 1 - k.first;
    return ahead < 0 ? 0 : seen < k.n ? seen : k.n;
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
        int seen = seen_of(k, r.ahead[h]);
        float top = -HUGE_VALF, sum = 0;
        if (seen < OPS_KV_BLOCK) {
#pragma unroll
            for (int t = 0; t < 8; t++)
#pragma unroll
                for (int e = 0; e < 2; e++)
                    if (t * 8 + column + e >= seen)
                        s[t][2 * h + e] = -HUGE_VALF;
        }
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                top = s[t][2 * h + e] > top ? s[t][2 * h + e] : top;
        top = quad_max(top) * scale;
        float max = top > r.max[h] ? top : r.max[h];
        float used = max == -HUGE_VALF ? 0.0f : max; /* nothing seen so far: weights are 0 */
        float keep = exp2_fast(r.max[h] - used);
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float p = exp2_fast(fmaf(s[t][2 * h + e], scale, -used));
                s[t][2 * h + e] = p;
                sum += p;
            }
        r.sum[h] = fmaf(r.sum[h], keep, quad_sum(sum));
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
                                           const struct lane_rows &r, int first_head, int heads,
                                           const float (&out)[2 * DT][4])
{
    int d = (int)g.a.kv.d, column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int h = 0; h < 2; h++) {
        if (r.ahead[h] < 0)
            continue;
        int i = lane_row(h), e = i / heads, head = first_head + i - e * heads;
        size_t row = (size_t)entry_of(g.a.seqs, s.seq, s.n_seqs, s.row, e).row;
        struct row_parts p = g.row_parts[row];
        size_t slot = (size_t)(p.slot + s.part) * g.a.n_heads + (size_t)head;
        bool whole = p.n == 1;
        float *to = whole ? row_at(g.a.out, row) + head * d : g.part_out + slot * (size_t)d;
        float by = whole ? 1.0f / r.sum[h] : 1.0f;
#pragma unroll
        for (int t = 0; t < 2 * DT; t++)
#pragma unroll
            for (int k = 0; k < 2; k++)
                if (t * 8 + column + k < d)
                    to[t * 8 + column + k] = out[t][2 * h + k] * by;
        if (column != 0)
            continue;
        if (!whole) {
            g.part_max[slot] = r.max[h];
            g.part_sum[slot] = r.sum[h];
        } else if (g.a.lse) {
            g.a.lse[row * g.a.n_heads + (size_t)head] = (r.max[h] + log2f(r.sum[h])) / LOG2E;
        }
    }
}

/* How much is held: blocks of keys and values in shared memory, the second of which is fetched
 * meanwhile, and the queries' sixteens in registers.  Large heads leave room for one block, and their
 * queries stay in shared memory. */
template <int DT> struct held {
    static const int blocks = DT > 8 ? 1 : 2;
    static const int queries = DT > 8 ? 1 : DT;
};

/* The stacked rows of the strip, rounded, to a tile: a warp's rows eight at a time, so that their
 * loads go together. */
template <int DT>
__device__ __forceinline__ void load_queries(uint16_t *q, const struct attn_args &a,
                                             const struct strip &s, int first_head, int heads,
                                             int rows)
{
    int d = (int)a.kv.d, ld = tile_ld(d), lane = (int)threadIdx.x % WARP;
    int begin = (int)threadIdx.x / WARP * 16;
    bool wide = d % 4 == 0 && a.q.stride % 4 == 0 && reinterpret_cast<uintptr_t>(a.q.p) % 16 == 0;
    for (int base = begin; base < begin + 16; base += 8) {
        const float *from[8];
#pragma unroll
        for (int j = 0; j < 8; j++) {
            int i = base + j, row = i < rows ? i / heads : 0;
            size_t at = (size_t)entry_of(a.seqs, s.seq, s.n_seqs, s.row, row).row;
            from[j] = i < rows ? row_at(a.q, at) + (first_head + i - row * heads) * d : NULL;
        }
        for (int k = lane * 4; wide && k < DT * 16; k += WARP * 4) {
            float4 v[8];
#pragma unroll
            for (int j = 0; j < 8; j++)
                v[j] = from[j] && k < d ? *reinterpret_cast<const float4 *>(from[j] + k)
                                        : float4{0, 0, 0, 0};
#pragma unroll
            for (int j = 0; j < 8; j++)
                if (k < ld - 8)
                    *reinterpret_cast<uint2 *>(q + (base + j) * ld + k) =
                        uint2{pack_bf16(v[j].x, v[j].y), pack_bf16(v[j].z, v[j].w)};
        }
        for (int j = 0; !wide && j < 8; j++)
            fill_row(q + (base + j) * ld, from[j], false, 0, d);
    }
}

/* out += softmax(queries keys^T) values, for the 16 rows of the warp. */
template <int DT>
__device__ __forceinline__ void attend_block(float (&out)[2 * DT][4], struct lane_rows &r,
                                             const struct frag_a (&fq)[held<DT>::queries],
                                             const uint16_t *q, const uint16_t *keys,
                                             const struct key_run &k, int ld, int depth,
                                             float scale)
{
    const uint16_t *values = keys + OPS_KV_BLOCK * ld;
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
        struct frag_a now = fq[i % held<DT>::queries];
        if (held<DT>::queries < DT)
            load_a(&now, q, ld, (int)threadIdx.x / WARP * 16, i * 16, false);
#pragma unroll
        for (int t = 0; t < 4; t++) {
            struct frag_b fk;
            load_b(&fk, keys, ld, t * 16, i * 16, false);
            mma_16(w[2 * t], w[2 * t + 1], now, fk);
        }
    }
    softmax_block<DT>(r, w, out, k, scale);
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

/* DT: sixteens of the head size. */
template <int DT>
__global__ void __launch_bounds__(MMA_THREADS, DT > 8 ? 1 : 2) attend_strips(struct mma_args g)
{
    SHARED(uint16_t, tiles);
    constexpr int STAGES = held<DT>::blocks, QUERIES = held<DT>::queries;
    const struct attn_args &a = g.a;
    int d = (int)a.kv.d, ld = tile_ld(d), warp = (int)threadIdx.x / WARP, tile = OPS_KV_BLOCK * ld;
    struct strip s = g.strips[gridDim.x - 1 - blockIdx.x]; /* the longest are the last */
    if (s.n_seqs == 0)
        return;
    int group = (int)a.group, in_parts = (group + STRIP_ROWS - 1) / STRIP_ROWS;
    int each = (group + in_parts - 1) / in_parts, part = (int)blockIdx.y % in_parts;
    int kv_head = (int)blockIdx.y / in_parts, first_head = kv_head * group + part * each;
    int heads = group - part * each < each ? group - part * each : each;
    int rows = heads * (s.n_seqs > 1 ? s.n_seqs : s.n_rows), depth = (d + 15) / 16;
    struct seq first = a.seqs[s.seq];
    uint16_t *q = tiles + 2 * tile; /* behind the first block: in the second one's place */
    auto fetch = [&](int block) {
        uint16_t *keys = tiles + (block - s.first) % STAGES * 2 * tile;
        struct key_run k = key_run_of(a, first, block);
        size_t at = kv_place(&a.kv, a.layer, k.page, (size_t)kv_head);
        fetch_block<DT>(keys, a.kv, at, k.n);
        fetch_block<DT>(keys + tile, a.kv, at + OPS_KV_BLOCK * a.kv.d, k.n);
    };
    if (STAGES > 1)
        fetch(s.first);
    copies_commit();
    load_queries<DT>(q, a, s, first_head, heads, rows);
    struct lane_rows r = lane_rows_of(a, s, heads, rows);
    __syncwarp();
    struct frag_a fq[QUERIES];
#pragma unroll
    for (int i = 0; i < QUERIES; i++)
        if (i < depth)
            load_a(&fq[i], q, ld, warp * 16, i * 16, false);
    __syncthreads();
    clear_margin(tiles, STAGES * 2 * OPS_KV_BLOCK, d);
    float out[2 * DT][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            out[t][e] = 0;
    for (int block = s.first; block < s.end; block++) {
        if (STAGES == 1) {
            __syncthreads();
            fetch(block);
            copies_commit();
        }
        copies_wait<0>();
        __syncthreads();
        if (STAGES > 1 && block + 1 < s.end)
            fetch(block + 1);
        copies_commit();
        const uint16_t *keys = tiles + (block - s.first) % STAGES * 2 * tile;
        if (warp * 16 < rows)
            attend_block<DT>(out, r, fq, q, keys, key_run_of(a, first, block), ld, depth,
                             a.scale * LOG2E);
    }
    store_rows<DT>(g, s, r, first_head, heads, out);
}

enum { MERGE_THREADS = 256 };

/* A warp for each (row, head): partial results in order. */
__global__ void merge_parts(struct mma_args g, unsigned n)
{
    unsigned i = (blockIdx.x * MERGE_THREADS + threadIdx.x) / WARP;
    unsigned row = i / (unsigned)g.a.n_heads, head = i - row * (unsigned)g.a.n_heads;
    struct row_parts p = {0, 0};
    if (i < n)
        p = g.row_parts[row];
    if (p.n <= 1)
        return;
    float scale[STRIP_PARTS], max = -HUGE_VALF, sum = 0;
    size_t first = (size_t)p.slot * g.a.n_heads + head, d = g.a.kv.d;
#pragma unroll
    for (int k = 0; k < STRIP_PARTS; k++) {
        scale[k] = k < p.n ? g.part_max[first + (size_t)k * g.a.n_heads] : -HUGE_VALF;
        max = scale[k] > max ? scale[k] : max;
    }
#pragma unroll
    for (int k = 0; k < STRIP_PARTS; k++) {
        scale[k] = exp2_fast(scale[k] - max);
        if (k < p.n)
            sum = fmaf(g.part_sum[first + (size_t)k * g.a.n_heads], scale[k], sum);
    }
    for (size_t x = threadIdx.x % WARP; x < d; x += WARP) {
        float v = 0;
#pragma unroll
        for (int k = 0; k < STRIP_PARTS; k++)
            if (k < p.n)
                v = fmaf(g.part_out[(first + (size_t)k * g.a.n_heads) * d + x], scale[k], v);
        row_at(g.a.out, row)[head * d + x] = v / sum;
    }
    if (g.a.lse && threadIdx.x % WARP == 0)
        g.a.lse[(size_t)row * g.a.n_heads + head] = (max + log2f(sum)) / LOG2E;
}

size_t attention_mma_shared(size_t d)
{
    return (d > 128 ? 3 : 4) * OPS_KV_BLOCK * (size_t)tile_ld((int)d) * sizeof(uint16_t);
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
        LAUNCH(c, merge_parts,
               dim3((unsigned)parts(plan->n_rows * plan->n_heads, MERGE_THREADS / WARP)),
               MERGE_THREADS, 0, g, (unsigned)(plan->n_rows * plan->n_heads));
}
