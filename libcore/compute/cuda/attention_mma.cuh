/* attention_mma.cuh - attention on tensor cores: what its kernels share.
 *
 * A strip's rows are stacked: (row, query head of the group).  A warp has sixteen of them at a time. */
#ifndef COMPUTE_CUDA_ATTENTION_MMA_CUH
#define COMPUTE_CUDA_ATTENTION_MMA_CUH

#include "compute/cuda/attention.cuh"
#include "compute/cuda/mma.cuh"

struct mma_args {
    struct attn_args a;
    const struct strip *strips;
    unsigned heads_at_once; /* blocks of a strip: groups of heads, or parts of them */
    const struct row_parts *row_parts;
    float *part_out; /* [slot][head][d] */
    float *part_max; /* [slot][head]: of scores times scale, base 2; then the sums */
    float *part_sum;
    uint16_t *shadow; /* of the output, rows of shadow_ld; or NULL */
    size_t shadow_ld;
};

/* As in attention.cuh, of entry e of a strip. */
__device__ __forceinline__ struct entry entry_of(const struct seq *seqs, const struct strip &s,
                                                 int e)
{
    if (s.n_seqs > 1)
        return entry_of(seqs, s.seq, s.n_seqs, s.row, e);
    return {s.seq, s.q.row + s.row + e, s.q.n_keys - s.q.n_rows + s.row + e};
}

/* The stacked rows that a lane has: row lane / 4 of its warp's sixteen, which begin at `from`, and the
 * one 8 below.  ahead: keys before its own position, in the own run; -1: there is no such row. */
struct lane_rows {
    int ahead[2];
    float max[2], sum[2];
};

__device__ __forceinline__ int lane_row(int h)
{
    return (int)threadIdx.x % WARP / 4 + 8 * h;
}

__device__ __forceinline__ struct lane_rows lane_rows_of(const struct attn_args &a, struct strip s,
                                                         int from, int heads, int rows)
{
    struct lane_rows r;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int i = from + lane_row(h);
        r.ahead[h] = -1;
        if (i < rows)
            r.ahead[h] = entry_of(a.seqs, s, i / heads).position;
        r.max[h] = -HUGE_VALF;
        r.sum[h] = 0;
    }
    return r;
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

/* Scores of KEYS keys of a block, from `from` on, become weights; out is scaled to the new maximum. */
template <int DT, int KEYS>
__device__ __forceinline__ void softmax_block(struct lane_rows &r, float (&s)[KEYS / 8][4],
                                              float (&out)[2 * DT][4], const struct key_run &k,
                                              int from, float scale)
{
    int column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int seen = seen_of(k, r.ahead[h]) - from;
        float top = -HUGE_VALF, sum = 0;
        if (seen < KEYS) {
#pragma unroll
            for (int t = 0; t < KEYS / 8; t++)
#pragma unroll
                for (int e = 0; e < 2; e++)
                    if (t * 8 + column + e >= seen)
                        s[t][2 * h + e] = -HUGE_VALF;
        }
#pragma unroll
        for (int t = 0; t < KEYS / 8; t++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                top = s[t][2 * h + e] > top ? s[t][2 * h + e] : top;
        top = quad_max(top) * scale;
        float max = top > r.max[h] ? top : r.max[h];
        float used = max == -HUGE_VALF ? 0.0f : max; /* nothing seen so far: weights are 0 */
        float keep = exp2_fast(r.max[h] - used);
#pragma unroll
        for (int t = 0; t < KEYS / 8; t++)
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

/* Where a stacked row's result goes: to the output, or to a part of it that is merged later. */
struct target {
    size_t row, head, slot;
    bool whole;
    float *to;
    uint16_t *shadow; /* of the output; or NULL */
};

__device__ __forceinline__ struct target target_of(const struct mma_args &g, const struct strip &s,
                                                   int first_head, int heads, int i)
{
    int e = i / heads;
    struct target t;
    t.head = (size_t)(first_head + i - e * heads);
    t.row = (size_t)entry_of(g.a.seqs, s, e).row;
    int slot = s.n_seqs > 1 ? g.row_parts[t.row].slot : s.slot;
    t.slot = (size_t)(slot + s.part) * g.a.n_heads + t.head;
    t.whole = s.parts == 1 || s.closes;
    t.shadow = t.whole && g.shadow ? g.shadow + t.row * g.shadow_ld + t.head * g.a.kv.d : NULL;
    t.to = t.whole ? row_at(g.a.out, t.row) + t.head * g.a.kv.d : g.part_out + t.slot * g.a.kv.d;
    return t;
}

/* max: of scores times scale, in base 2. */
__device__ __forceinline__ void store_sums(const struct mma_args &g, const struct target &t,
                                           float max, float sum)
{
    if (!t.whole) {
        g.part_max[t.slot] = max;
        g.part_sum[t.slot] = sum;
    } else if (g.a.lse) {
        g.a.lse[t.row * g.a.n_heads + t.head] = (max + log2f(sum)) / LOG2E;
    }
}

/* The heads of a strip's block: a key/value head's group, or a part of it. */
struct strip_heads {
    int kv, first, n;
};

__device__ __forceinline__ struct strip_heads strip_heads_of(const struct attn_args &a, int y)
{
    int group = (int)a.group, in_parts = (group + STRIP_ROWS - 1) / STRIP_ROWS;
    int each = (group + in_parts - 1) / in_parts, part = y % in_parts, kv = y / in_parts;
    int left = group - part * each;
    return {kv, kv * group + part * each, left < each ? left : each};
}

/* ROWS stacked rows of the strip from `begin` on, rounded, to a tile, by one warp: a lane finds one of
 * them, and eight are loaded together. */
template <int ROWS, bool WHOLE>
__device__ __forceinline__ void load_queries(uint16_t *q, const struct attn_args &a,
                                             const struct strip &s, int first_head, int heads,
                                             int rows, int begin, int d)
{
    constexpr int AT_ONCE = ROWS < 8 ? ROWS : 8;
    int ld = tile_ld(d), lane = (int)threadIdx.x % WARP, i = begin + lane;
    long long mine = -1; /* element */
    if (lane < ROWS && i < rows) {
        int row = i / heads;
        mine = (long long)((size_t)entry_of(a.seqs, s, row).row * a.q.stride) +
               (first_head + i - row * heads) * d;
    }
#pragma unroll
    for (int base = 0; base < ROWS; base += AT_ONCE) {
        long long from[AT_ONCE];
#pragma unroll
        for (int j = 0; j < AT_ONCE; j++)
            from[j] = __shfl_sync(0xffffffffu, mine, base + j);
        for (int k = lane * 4; WHOLE && k < d; k += WARP * 4) {
            float4 v[AT_ONCE];
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++)
                v[j] = from[j] >= 0 ? *reinterpret_cast<const float4 *>(a.q.p + from[j] + k)
                                    : float4{0, 0, 0, 0};
#pragma unroll
            for (int j = 0; j < AT_ONCE; j++)
                *reinterpret_cast<uint2 *>(q + (begin + base + j) * ld + k) =
                    uint2{pack_bf16(v[j].x, v[j].y), pack_bf16(v[j].z, v[j].w)};
        }
#pragma unroll
        for (int j = 0; !WHOLE && j < AT_ONCE; j++)
            fill_row(q + (begin + base + j) * ld, from[j] < 0 ? NULL : a.q.p + from[j], false, 0,
                     d);
    }
}

/* The strip and the heads of this block; NULL: there is none.  The longest strips are the last, and begin
 * first. */
__device__ __forceinline__ const struct strip *strip_of_block(const struct mma_args &g,
                                                              struct strip_heads *h)
{
    unsigned i = gridDim.x - 1 - blockIdx.x, at = i / g.heads_at_once;
    *h = strip_heads_of(g.a, (int)(i - at * g.heads_at_once));
    return g.strips[at].n_seqs ? &g.strips[at] : NULL;
}

size_t attention_mma_shared(size_t d);
size_t attention_few_shared(size_t d);
void attention_mma(struct cuda *c, const struct attn_args *a, const struct attn_plan *plan);
/* The strips of few rows (attention_few.cu). */
void attention_few(struct cuda *c, struct mma_args *g, const struct attn_plan *plan);
/* Whether the kernels for whole heads of `dt` sixteens can do it. */
bool attention_whole(const struct attn_args *a, size_t dt);
/* One block for each strip and group of heads; there are strips.  `early`: see LAUNCH_EARLY. */
void launch_strips(struct cuda *c, void (*kernel)(struct mma_args), size_t bytes,
                   struct mma_args *g, const struct strips *strips, bool early);

#endif
