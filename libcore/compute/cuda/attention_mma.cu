/* attention_mma.cu - attention on tensor cores, forward: queries, keys, values
 * and weights rounded to bf16, sums and softmax in f32.
 *
 * A block is a strip: up to 64 stacked rows (row, query head of the group), 16 for each of 4 warps,
 * against some key blocks of one list. Queries, scores and weights stay in registers; keys and values
 * are fetched one block ahead. Head size 128: 68 KiB of shared memory and 209 registers a
 * thread, so two blocks stand on a processor.  What was cut into several strips is put together, in
 * order of the key blocks, by the strip that has a row's own keys (attention_few.cu) or, if these were
 * cut too, by a second kernel. */
#include "compute/cuda/attention_mma.cuh"

template <int DT, bool WHOLE>
__device__ __forceinline__ void store_rows(const struct mma_args &g, const struct strip &s,
                                           const struct lane_rows &r, const struct strip_heads &h,
                                           const float (&out)[2 * DT][4])
{
    int d = head_size<DT, WHOLE>(g.a.kv), column = 2 * ((int)threadIdx.x % 4);
#pragma unroll
    for (int k = 0; k < 2; k++) {
        if (r.ahead[k] < 0)
            continue;
        struct target to =
            target_of(g, s, h.first, h.n, (int)threadIdx.x / WARP * 16 + lane_row(k));
        float by = to.whole ? 1.0f / r.sum[k] : 1.0f;
#pragma unroll
        for (int t = 0; t < 2 * DT; t++) {
            float x = out[t][2 * k] * by, y = out[t][2 * k + 1] * by;
            store_two<WHOLE>(to.to, t * 8 + column, d, x, y);
            if (to.shadow)
                store_rounded<WHOLE>(to.shadow, t * 8 + column, d, x, y);
        }
        if (column == 0)
            store_sums(g, to, r.max[k], r.sum[k]);
    }
}

/* out += softmax(queries keys^T) values, for the 16 rows of the warp. */
template <int DT>
__device__ __forceinline__ void
attend_block(float (&out)[2 * DT][4], struct lane_rows &r,
             const struct frag_a (&fq)[held<DT>::queries], const uint16_t *q, const uint16_t *keys,
             const struct key_run &k, int ld, int depth, float scale)
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
    softmax_block<DT, OPS_KV_BLOCK>(r, w, out, k, 0, scale);
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
template <int DT, bool WHOLE>
__global__ void __launch_bounds__(MMA_THREADS, DT > 8 ? 1 : 2) attend_strips(struct mma_args g)
{
    SHARED(uint16_t, tiles);
    constexpr int STAGES = held<DT>::blocks, QUERIES = held<DT>::queries;
    const struct attn_args &a = g.a;
    int d = head_size<DT, WHOLE>(a.kv), ld = tile_ld(d), warp = (int)threadIdx.x / WARP;
    int tile = OPS_KV_BLOCK * ld;
    struct strip_heads h;
    const struct strip *strip = strip_of_block(g, &h);
    kernel_before_ended(); /* it wrote keys and values */
    next_may_begin();
    if (!strip)
        return;
    const struct strip &s = *strip;
    int rows = h.n * (s.n_seqs > 1 ? s.n_seqs : s.n_rows), depth = (d + 15) / 16;
    uint16_t *q = tiles + 2 * tile; /* behind the first block: in the second one's place */
    auto at = [&](int block) { return tiles + (block - s.first) % STAGES * 2 * tile; };
    auto attend = [&](float(&out)[2 * DT][4], struct lane_rows &r,
                      const struct frag_a(&fq)[QUERIES], int block) {
        if (warp * 16 < rows)
            attend_block<DT>(out, r, fq, q, at(block), key_run_of(a, s.q, h.kv, block), ld, depth,
                             a.scale * LOG2E);
    };
    struct lane_rows r = lane_rows_of(a, s, warp * 16, h.n, rows);
    struct frag_a fq[QUERIES] = {};
    float out[2 * DT][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            out[t][e] = 0;
    clear_margin(tiles, STAGES * 2 * OPS_KV_BLOCK, d);
    /* One copy of the code that fetches: in a decode step a block passes through it once or twice, and
     * waits for code as well. */
#pragma unroll 1
    for (int next = s.first; next <= s.end; next++) {
        copies_wait<0>();
        __syncthreads();
        if (STAGES == 1 && next > s.first) {
            attend(out, r, fq, next - 1);
            __syncthreads();
        }
        if (next < s.end) {
            struct key_run k = key_run_of(a, s.q, h.kv, next);
            fetch_pair<DT, WHOLE>(at(next), a.kv, k.place, k.n);
        }
        copies_commit();
        if (next == s.first) {
            load_queries<16, WHOLE>(q, a, s, h.first, h.n, rows, warp * 16, d);
            __syncwarp();
#pragma unroll
            for (int i = 0; i < QUERIES; i++)
                if (i < depth)
                    load_a(&fq[i], q, ld, warp * 16, i * 16, false);
        } else if (STAGES > 1) {
            attend(out, r, fq, next - 1);
        }
    }
    store_rows<DT, WHOLE>(g, s, r, h, out);
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
        if (g.shadow)
            g.shadow[row * g.shadow_ld + head * d + x] = to_bf16(v / sum);
    }
    if (g.a.lse && threadIdx.x % WARP == 0)
        g.a.lse[(size_t)row * g.a.n_heads + head] = (max + log2f(sum)) / LOG2E;
}

size_t attention_mma_shared(size_t d)
{
    return (d > 128 ? 3 : 4) * OPS_KV_BLOCK * (size_t)tile_ld((int)d) * sizeof(uint16_t);
}

void launch_strips(struct cuda *c, void (*kernel)(struct mma_args), size_t bytes,
                   struct mma_args *g, const struct strips *strips, bool early)
{
    g->strips = strips->p;
    g->heads_at_once = (unsigned)(g->a.kv.n_heads * parts(g->a.group, STRIP_ROWS));
    dim3 grid((unsigned)strips->grid * g->heads_at_once);
    cuda_allow_shared(c, kernel, bytes);
    if (early)
        LAUNCH_EARLY(c, kernel, grid, MMA_THREADS, bytes, *g);
    else
        LAUNCH(c, kernel, grid, MMA_THREADS, bytes, *g);
}

bool attention_whole(const struct attn_args *a, size_t dt)
{
    return a->kv.d == 16 * dt && rows_aligned(a->q, a->kv.d) && rows_aligned(a->out, a->kv.d);
}

static void (*kernel_for(const struct attn_args *a))(struct mma_args)
{
    size_t d = a->kv.d;
    if (d <= 64)
        return attention_whole(a, 4) ? attend_strips<4, true> : attend_strips<4, false>;
    if (d <= 128)
        return attention_whole(a, 8) ? attend_strips<8, true> : attend_strips<8, false>;
    return attention_whole(a, 16) ? attend_strips<16, true> : attend_strips<16, false>;
}

void attention_mma(struct cuda *c, const struct attn_args *a, const struct attn_plan *plan)
{
    frame f(c);
    struct mma_args g = {};
    size_t n = strip_slots(plan->n_rows) * plan->n_heads; /* places are the same in every step */
    g.a = *a;
    g.row_parts = plan->row_parts;
    /* A product reads all rows of a shadow. */
    if (plan->covered && plan->n_heads * a->kv.d % 8 == 0)
        g.shadow = cuda_shadow(c, a->out, plan->n_rows, plan->n_heads * a->kv.d);
    g.shadow_ld = plan->n_heads * a->kv.d;
    g.part_out = f.take<float>(n * a->kv.d);
    g.part_max = f.take<float>(n);
    g.part_sum = f.take<float>(n);
    if (plan->many.n)
        launch_strips(c, kernel_for(a), attention_mma_shared(a->kv.d), &g, &plan->many, true);
    if (plan->few.n)
        attention_few(c, &g, plan);
    if (plan->merges)
        LAUNCH(c, merge_parts,
               dim3((unsigned)parts(plan->n_rows * plan->n_heads, MERGE_THREADS / WARP)),
               MERGE_THREADS, 0, g, (unsigned)(plan->n_rows * plan->n_heads));
}
