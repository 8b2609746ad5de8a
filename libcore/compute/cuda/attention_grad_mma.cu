/* attention_grad_mma.cu - the gradient of attention on tensor cores, in the
 * two passes of attention_grad.cu: dk and dv by blocks of keys, dq by rows.
 *
 * Queries and dout are rounded once, into scratch; what the next round of a loop reads is fetched during
 * this one.  Weights are made again from the log-sum-exp, sixteen by sixteen, and go from the
 * registers of one product into the next.  In the first pass a warp owns 16 keys and half or all of
 * the head size: at most 128 registers of sums.  Where there are few blocks of keys, the query heads of
 * a group are spread over several blocks, whose sums are added in order. */
#include "compute/cuda/attention_grad.cuh"
#include "compute/cuda/mma.cuh"

enum { TILE = 32 /* stacked rows of the first pass */, DIMS_AT_ONCE = 128 };
enum { BLOCKS_WANTED = 8 /* of the first pass, for a processor */ };

struct mma_grad {
    struct grad_args g;
    const uint16_t *q, *dout; /* [row][ld], rounded */
    size_t ld, n_rows;
    int parts, each;      /* of a group's heads; heads of a part */
    float *sum_k, *sum_v; /* [part][row][kv head][d], if there are several */
};

/* Heads of a key/value head's group that a block of kernels has. */
struct head_range {
    int first, n;
};

__device__ __forceinline__ struct head_range heads_of(int group, int each, int kv_head, int part)
{
    int left = group - part * each;
    return {kv_head * group + part * each, left < each ? left : each};
}

__device__ __forceinline__ float weight_at(float s, float scale, float lse, bool visible)
{
    return visible ? exp2_fast(fmaf(s, scale, -lse)) : 0.0f;
}

/* Row `i` of a tile that `of` says where to find (an element; false: zeros), for all rows. */
template <int DT, bool WHOLE, int ROWS, typename F>
__device__ __forceinline__ void fetch_stacked(uint16_t *q, uint16_t *dout, const struct mma_grad &g,
                                              F of)
{
    int d = head_size<DT, WHOLE>(g.g.a.kv), ld = tile_ld(d), pieces = WHOLE ? 2 * DT : d / 8;
    if (!WHOLE && d % 8) {
        for (int i = (int)threadIdx.x / WARP; i < ROWS; i += MMA_THREADS / WARP) {
            size_t at = 0;
            bool there = of(i, &at);
            fill_row(q + i * ld, there ? g.q : NULL, true, at, d);
            fill_row(dout + i * ld, there ? g.dout : NULL, true, at, d);
        }
        return;
    }
#pragma unroll
    for (int k = 0; k < ROWS * 2 * DT; k += MMA_THREADS) {
        int i = k + (int)threadIdx.x, row = i / pieces;
        int column = (i - row * pieces) * 8;
        size_t at = 0;
        if (row >= ROWS)
            break;
        bool there = of(row, &at);
        at = there ? at + (size_t)column : 0;
        copy_async<16>(q + row * ld + column, g.q + at, there);
        copy_async<16>(dout + row * ld + column, g.dout + at, there);
    }
}

/* ---- dk, dv ---- */

/* A tile of stacked rows and what they need beside their vectors. */
struct tile {
    uint16_t *q, *dout;
    float *lse, *d;
    int *seen;
};

static __host__ __device__ __forceinline__ size_t tile_bytes(int d)
{
    return TILE * (2 * (size_t)tile_ld(d) * sizeof(uint16_t) + 2 * sizeof(float) + sizeof(int));
}

static size_t keys_bytes(size_t d)
{
    return 2 * OPS_KV_BLOCK * (size_t)tile_ld((int)d) * sizeof(uint16_t) + 2 * tile_bytes((int)d);
}

__device__ __forceinline__ struct tile tile_at(uint16_t *begin, int d, int which)
{
    struct tile t;
    t.q = begin + (size_t)which * tile_bytes(d) / sizeof *begin;
    t.dout = t.q + TILE * tile_ld(d);
    t.lse = reinterpret_cast<float *>(t.dout + TILE * tile_ld(d));
    t.d = t.lse + TILE;
    t.seen = reinterpret_cast<int *>(t.d + TILE);
    return t;
}

/* Which stacked rows: those of a source from `first` on, `n` in all. */
struct cursor {
    struct source x;
    int first, n;
};

/* Onwards by a tile; false: that was the last. */
__device__ __forceinline__ bool cursor_next(const struct mma_grad &g, struct key_block b, int keys,
                                            int heads, struct cursor *c)
{
    c->first += TILE;
    while (c->first >= c->n) {
        if (!source_next(g.g, b, keys, &c->x))
            return false;
        c->first = 0;
        c->n = c->x.n / (int)g.g.a.group * heads;
    }
    return true;
}

template <int DT, bool WHOLE>
__device__ __forceinline__ void fetch_tile(const struct tile &t, const struct mma_grad &g,
                                           const struct cursor &c, struct key_block b, int keys,
                                           struct head_range h)
{
    const struct attn_args &a = g.g.a;
    int begin = a.seqs[c.x.seq].row + c.x.first;
    fetch_stacked<DT, WHOLE, TILE>(t.q, t.dout, g, [&](int i, size_t *at) {
        int r = (c.first + i) / h.n, head = h.first + (c.first + i) - r * h.n;
        *at = (size_t)(begin + r) * g.ld + (size_t)(head * head_size<DT, WHOLE>(a.kv));
        return c.first + i < c.n;
    });
    if (threadIdx.x >= TILE)
        return;
    int i = c.first + (int)threadIdx.x, r = i / h.n, head = h.first + i - r * h.n;
    int seen = c.x.first + r + 1 - b.block * OPS_KV_BLOCK;
    bool there = i < c.n;
    size_t at = there ? (size_t)(begin + r) * a.n_heads + (size_t)head : 0;
    copy_async<4>(t.lse + threadIdx.x, a.lse + at, there);
    copy_async<4>(t.d + threadIdx.x, g.g.d + at, there);
    t.seen[threadIdx.x] = !there ? 0 : !c.x.own ? c.x.seen : seen < keys ? seen : keys;
}

/* Sixteen stacked rows from `r` on: sum_v += p^T dout, sum_k += ds^T q, dimensions from `from`. */
template <int DT>
__device__ __forceinline__ void add_rows(float (&sum_k)[2 * DT][4], float (&sum_v)[2 * DT][4],
                                         const uint16_t *keys, const uint16_t *values,
                                         const struct tile &x, int r, int d, int from, float scale)
{
    int ld = tile_ld(d), warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
    int depth = (d + 15) / 16;
    float s[2][4], dp[2][4];
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            s[t][e] = dp[t][e] = 0;
#pragma unroll 4
    for (int i = 0; i < depth; i++) {
        struct frag_a fk, fv;
        struct frag_b fq, fo;
        load_a(&fk, keys, ld, warp * 16, i * 16, false);
        load_b(&fq, x.q, ld, r, i * 16, false);
        mma_16(s[0], s[1], fk, fq);
        load_a(&fv, values, ld, warp * 16, i * 16, false);
        load_b(&fo, x.dout, ld, r, i * 16, false);
        mma_16(dp[0], dp[1], fv, fo);
    }
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int key = warp * 16 + lane / 4 + 8 * (e / 2), row = r + t * 8 + 2 * (lane % 4) + e % 2;
            float p = weight_at(s[t][e], scale * LOG2E, x.lse[row] * LOG2E, key < x.seen[row]);
            s[t][e] = p;
            dp[t][e] = p * (dp[t][e] - x.d[row]) * scale;
        }
    struct frag_a fp = a_of(s[0], s[1]), fd = a_of(dp[0], dp[1]);
#pragma unroll
    for (int i = 0; i < DT; i++) {
        if (from + i * 16 >= d)
            break;
        struct frag_b fo, fq;
        load_b(&fo, x.dout, ld, from + i * 16, r, true);
        mma_16(sum_v[2 * i], sum_v[2 * i + 1], fp, fo);
        load_b(&fq, x.q, ld, from + i * 16, r, true);
        mma_16(sum_k[2 * i], sum_k[2 * i + 1], fd, fq);
    }
}

template <int DT, bool WHOLE>
__device__ __forceinline__ void store_keys(struct rows to, const float (&sum)[2 * DT][4],
                                           size_t row, int n, size_t column, int from, int d)
{
    int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int key = warp * 16 + lane / 4 + 8 * h;
        if (key >= n)
            continue;
        float *at = row_at(to, row + (size_t)key) + column;
#pragma unroll
        for (int t = 0; t < 2 * DT; t++)
            store_two<WHOLE>(at, from + t * 8 + 2 * (lane % 4), d, sum[t][2 * h],
                             sum[t][2 * h + 1]);
    }
}

/* The sums of a part of the heads, or of all. */
__device__ __forceinline__ struct rows sums_of(const struct mma_grad &g, struct rows all,
                                               float *sums, int part)
{
    size_t width = g.g.a.kv.n_heads * g.g.a.kv.d;
    if (g.parts == 1)
        return all;
    return {sums + (size_t)part * g.n_rows * width, width};
}

/* DT: sixteens of the dimensions whose sums a block makes; ALL: of the head size. */
template <int DT, int ALL, bool WHOLE>
__global__ void __launch_bounds__(MMA_THREADS, ALL > 8 ? 1 : 2) grad_keys_mma(struct mma_grad g)
{
    SHARED(uint16_t, keys);
    const struct attn_args &a = g.g.a;
    int d = head_size<ALL, WHOLE>(a.kv), from = (int)blockIdx.y * DIMS_AT_ONCE;
    uint16_t *values = keys + OPS_KV_BLOCK * tile_ld(d),
             *tiles = values + OPS_KV_BLOCK * tile_ld(d);
    /* All heads of a block of keys, then the next block: the longest are the first. */
    int heads = (int)a.kv.n_heads * g.parts, y = (int)blockIdx.x % heads;
    struct key_block b = g.g.blocks[(int)blockIdx.x / heads];
    int kv_head = y / g.parts, part = y % g.parts;
    struct head_range h = heads_of((int)a.group, g.each, kv_head, part);
    struct seq s = a.seqs[b.seq];
    int k = b.block * OPS_KV_BLOCK, left = s.n_keys - k;
    int n = left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK;
    size_t at = kv_place(&a.kv, a.layer, (size_t)a.pages[s.own + b.block], (size_t)kv_head);
    fetch_pair<ALL, WHOLE>(keys, a.kv, at, n);
    struct cursor now = {source_own(g.g, b, n), 0, 0};
    now.n = now.x.n / (int)a.group * h.n;
    fetch_tile<ALL, WHOLE>(tile_at(tiles, d, 0), g, now, b, n, h);
    copies_commit();
    clear_margin(keys, 2 * OPS_KV_BLOCK, d);
    for (int i = 0; i < 2; i++)
        clear_margin(tile_at(tiles, d, i).q, 2 * TILE, d);
    float sum_k[2 * DT][4], sum_v[2 * DT][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            sum_k[t][e] = sum_v[t][e] = 0;
    bool more = true;
    for (int turn = 0; more; turn ^= 1) {
        struct tile x = tile_at(tiles, d, turn);
        int rows = now.n - now.first;
        copies_wait<0>();
        __syncthreads();
        more = cursor_next(g, b, n, h.n, &now);
        if (more)
            fetch_tile<ALL, WHOLE>(tile_at(tiles, d, turn ^ 1), g, now, b, n, h);
        copies_commit();
        for (int r = 0; r < TILE && r < rows; r += 16)
            add_rows<DT>(sum_k, sum_v, keys, values, x, r, d, from, a.scale);
    }
    size_t row = (size_t)(s.row + k), column = (size_t)(kv_head * d);
    store_keys<DT, WHOLE>(sums_of(g, g.g.dk, g.sum_k, part), sum_k, row, n, column, from, d);
    store_keys<DT, WHOLE>(sums_of(g, g.g.dv, g.sum_v, part), sum_v, row, n, column, from, d);
}

enum { ADD_THREADS = 256 };

/* The parts' sums, in order: columns by fours if FOUR, blocks along y for a block of keys. */
template <bool FOUR> __global__ void add_head_parts(struct mma_grad g)
{
    constexpr unsigned STEP = FOUR ? 4 : 1;
    struct key_block b = g.g.blocks[blockIdx.x];
    struct seq s = g.g.a.seqs[b.seq];
    unsigned width = (unsigned)(g.g.a.kv.n_heads * g.g.a.kv.d);
    int k = b.block * OPS_KV_BLOCK, left = s.n_keys - k;
    unsigned n = (unsigned)(left < OPS_KV_BLOCK ? left : (int)OPS_KV_BLOCK);
    for (unsigned i = (blockIdx.y * ADD_THREADS + threadIdx.x) * STEP; i < n * width;
         i += gridDim.y * ADD_THREADS * STEP) {
        unsigned row = i / width, column = i - row * width;
        size_t at = (size_t)(s.row + k) + row;
        float sum[2][4] = {};
        for (int p = 0; p < g.parts; p++) {
            const float *dk = row_at(sums_of(g, g.g.dk, g.sum_k, p), at) + column;
            const float *dv = row_at(sums_of(g, g.g.dv, g.sum_v, p), at) + column;
            if (FOUR) {
                float4 x = *reinterpret_cast<const float4 *>(dk);
                float4 y = *reinterpret_cast<const float4 *>(dv);
                sum[0][0] += x.x, sum[0][1] += x.y, sum[0][2] += x.z, sum[0][3] += x.w;
                sum[1][0] += y.x, sum[1][1] += y.y, sum[1][2] += y.z, sum[1][3] += y.w;
            } else {
                sum[0][0] += *dk;
                sum[1][0] += *dv;
            }
        }
        for (unsigned e = 0; e < STEP; e++) {
            row_at(g.g.dk, at)[column + e] = sum[0][e];
            row_at(g.g.dv, at)[column + e] = sum[1][e];
        }
    }
}

/* ---- dq ---- */

static size_t queries_bytes(size_t d)
{
    return 4 * OPS_KV_BLOCK * (size_t)tile_ld((int)d) * sizeof(uint16_t);
}

/* What a lane knows of its two stacked rows. */
struct row_pair {
    float lse[2], d[2];
    int ahead[2]; /* own keys before the row's own; -1: there is no such row */
};

/* Sixteen keys from j on: sum += ds keys. */
template <int DT>
__device__ __forceinline__ void
add_keys(float (&sum)[2 * DT][4], const struct frag_a (&fq)[held<DT>::queries],
         const struct frag_a (&fo)[held<DT>::queries], const uint16_t *q, const uint16_t *dout,
         const uint16_t *keys, const uint16_t *values, const struct row_pair &r,
         const int (&seen)[2], int j, int d, float scale)
{
    int ld = tile_ld(d), warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
    int depth = (d + 15) / 16;
    float w[2][4], dp[2][4];
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            w[t][e] = dp[t][e] = 0;
#pragma unroll
    for (int i = 0; i < DT; i++) {
        if (i >= depth)
            break;
        struct frag_a aq = fq[i % held<DT>::queries], ao = fo[i % held<DT>::queries];
        struct frag_b fk, fv;
        if (held<DT>::queries < DT) {
            load_a(&aq, q, ld, warp * 16, i * 16, false);
            load_a(&ao, dout, ld, warp * 16, i * 16, false);
        }
        load_b(&fk, keys, ld, j, i * 16, false);
        mma_16(w[0], w[1], aq, fk);
        load_b(&fv, values, ld, j, i * 16, false);
        mma_16(dp[0], dp[1], ao, fv);
    }
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int key = j + t * 8 + 2 * (lane % 4) + e % 2, h = e / 2;
            float p = weight_at(w[t][e], scale * LOG2E, r.lse[h], key < seen[h]);
            dp[t][e] = p * (dp[t][e] - r.d[h]) * scale;
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

template <int DT, bool WHOLE>
__global__ void __launch_bounds__(MMA_THREADS, DT > 8 ? 1 : 2)
    grad_queries_mma(struct mma_grad g, const struct item *items)
{
    SHARED(uint16_t, tiles);
    constexpr int STAGES = held<DT>::blocks, QUERIES = held<DT>::queries;
    const struct attn_args &a = g.g.a;
    int d = head_size<DT, WHOLE>(a.kv), ld = tile_ld(d), warp = (int)threadIdx.x / WARP;
    int lane = (int)threadIdx.x % WARP, depth = (d + 15) / 16, size = OPS_KV_BLOCK * ld;
    int group = (int)a.group, in_parts = (group + STRIP_ROWS - 1) / STRIP_ROWS;
    unsigned heads = (unsigned)a.kv.n_heads * (unsigned)in_parts, x = gridDim.x - 1 - blockIdx.x;
    struct item item = items[x / heads]; /* the longest are the last */
    struct seq s = a.seqs[item.seq];
    int kv_head = (int)(x % heads) / in_parts;
    struct head_range hs =
        heads_of(group, (group + in_parts - 1) / in_parts, kv_head, (int)(x % heads) % in_parts);
    int rows = hs.n * item.n_rows;
    uint16_t *q = tiles + 2 * size, *dout = q + size; /* in the second block's place */
    auto place = [&](int i, size_t *at) {
        int r = i / hs.n, head = hs.first + i - r * hs.n;
        *at = (size_t)(s.row + item.row + r) * g.ld + (size_t)(head * d);
        return i < rows;
    };
    auto fetch = [&](int block) {
        uint16_t *to = tiles + block % STAGES * 2 * size;
        struct key_run k = key_run_of(a, s, kv_head, block);
        fetch_pair<DT, WHOLE>(to, a.kv, k.place, k.n);
    };
    fetch_stacked<DT, WHOLE, STRIP_ROWS>(q, dout, g, place);
    clear_margin(q, 2 * STRIP_ROWS, d);
    copies_commit();
    if (STAGES > 1)
        fetch(0);
    copies_commit();
    copies_wait<1>();
    __syncthreads();
    struct frag_a fq[QUERIES], fo[QUERIES];
#pragma unroll
    for (int i = 0; i < QUERIES; i++)
        if (i < depth) {
            load_a(&fq[i], q, ld, warp * 16, i * 16, false);
            load_a(&fo[i], dout, ld, warp * 16, i * 16, false);
        }
    struct row_pair r;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int i = warp * 16 + lane / 4 + 8 * h, at = i < rows ? i / hs.n : 0;
        size_t of = (size_t)(s.row + item.row + at) * a.n_heads +
                    (size_t)(hs.first + (i < rows ? i - at * hs.n : 0));
        r.lse[h] = a.lse[of] * LOG2E;
        r.d[h] = g.g.d[of];
        r.ahead[h] = i < rows ? item.row + at : -1;
    }
    __syncthreads();
    clear_margin(tiles, (STAGES > 1 ? 4 : 2) * OPS_KV_BLOCK, d);
    float sum[2 * DT][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            sum[t][e] = 0;
    int shared = (s.n_shared + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    int last = item.row + item.n_rows; /* own keys that the last row sees: n_rows = n_keys */
    int end = shared + (last + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    for (int block = 0; block < end; block++) {
        if (STAGES == 1) {
            __syncthreads();
            fetch(block);
            copies_commit();
        }
        copies_wait<0>();
        __syncthreads();
        if (STAGES > 1 && block + 1 < end)
            fetch(block + 1);
        copies_commit();
        struct key_run k = key_run_of(a, s, kv_head, block);
        int seen[2];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int own = r.ahead[h] + 1 - k.first;
            seen[h] = r.ahead[h] < 0 ? 0 : k.first < 0 || own > k.n ? k.n : own;
        }
        const uint16_t *keys = tiles + block % STAGES * 2 * size;
        for (int j = 0; j < k.n && warp * 16 < rows; j += 16)
            add_keys<DT>(sum, fq, fo, q, dout, keys, keys + size, r, seen, j, d, a.scale);
    }
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int i = warp * 16 + lane / 4 + 8 * h, at = i / hs.n;
        if (i >= rows)
            continue;
        float *to = row_at(g.g.dq, (size_t)(s.row + item.row + at)) +
                    (size_t)((hs.first + i - at * hs.n) * d);
#pragma unroll
        for (int t = 0; t < 2 * DT; t++)
            store_two<WHOLE>(to, t * 8 + 2 * (lane % 4), d, sum[t][2 * h], sum[t][2 * h + 1]);
    }
}

/* ---- launching ---- */

size_t attention_grad_mma_shared(size_t d)
{
    size_t keys = keys_bytes(d), queries = queries_bytes(d);
    return keys > queries ? keys : queries;
}

static size_t copy_ld(size_t n_heads, size_t d)
{
    return up(n_heads * d, 8);
}

/* So many parts that there are blocks for every processor.  Together with the rows they are few: a
 * block of keys has at most 64. */
static size_t parts_wanted(const struct cuda *c, size_t blocks, size_t group)
{
    size_t n = parts(BLOCKS_WANTED * (size_t)c->sms, blocks);
    return n < group ? n : group;
}

size_t attention_grad_mma_scratch(const struct cuda *c, const struct op_limits *l)
{
    size_t kv_heads = l->n_kv_heads ? l->n_kv_heads : 1, group = l->n_heads / kv_heads;
    size_t some = BLOCKS_WANTED * (size_t)c->sms * OPS_KV_BLOCK / kv_heads + l->rows;
    size_t most = group * l->rows, rows = some < most ? some : most;
    return 2 * l->rows * copy_ld(l->n_heads, l->head_dim) * sizeof(uint16_t) +
           2 * rows * l->n_kv_heads * l->head_dim * sizeof(float) + 4 * 256;
}

template <int DT_KEYS, int DT, bool WHOLE>
static void launch(struct cuda *c, const struct mma_grad *g, const struct attn_plan *plan)
{
    const struct attn_args *a = &g->g.a;
    size_t d = a->kv.d, keys = keys_bytes(d), queries = queries_bytes(d);
    void (*by_keys)(struct mma_grad) = grad_keys_mma<DT_KEYS, DT, WHOLE>;
    void (*by_rows)(struct mma_grad, const struct item *) = grad_queries_mma<DT, WHOLE>;
    unsigned heads = (unsigned)a->kv.n_heads, halves = (unsigned)parts(d, DIMS_AT_ONCE);
    unsigned blocks = (unsigned)plan->n_blocks;
    cuda_allow_shared(c, by_keys, keys);
    cuda_allow_shared(c, by_rows, queries);
    LAUNCH(c, by_keys, dim3(blocks * heads * (unsigned)g->parts, halves), MMA_THREADS, keys, *g);
    if (g->parts > 1)
        LAUNCH(c, (add_head_parts<WHOLE>), dim3(blocks, 16), ADD_THREADS, 0, *g);
    LAUNCH(c, by_rows,
           dim3((unsigned)plan->n_items * heads * (unsigned)parts(a->group, STRIP_ROWS)),
           MMA_THREADS, queries, *g, plan->items);
}

void attention_grad_mma(struct cuda *c, const struct grad_args *args, const struct attn_plan *plan)
{
    frame f(c);
    struct mma_grad g = {};
    size_t width = args->a.n_heads * args->a.kv.d, kv_width = args->a.kv.n_heads * args->a.kv.d;
    g.g = *args;
    g.n_rows = plan->n_rows;
    g.ld = copy_ld(args->a.n_heads, args->a.kv.d);
    uint16_t *q = f.take<uint16_t>(g.n_rows * g.ld), *dout = f.take<uint16_t>(g.n_rows * g.ld);
    cuda_round_rows(c, q, g.ld, args->a.q, g.n_rows, width);
    cuda_round_rows(c, dout, g.ld, args->dout, g.n_rows, width);
    g.q = q;
    g.dout = dout;
    size_t n = parts_wanted(c, plan->n_blocks * args->a.kv.n_heads, args->a.group);
    g.each = (int)parts(args->a.group, n);
    g.parts = (int)parts(args->a.group, (size_t)g.each);
    if (g.parts > 1) {
        g.sum_k = f.take<float>((size_t)g.parts * g.n_rows * kv_width);
        g.sum_v = f.take<float>((size_t)g.parts * g.n_rows * kv_width);
    }
    size_t d = args->a.kv.d;
    bool aligned = rows_aligned(g.g.dq, d) && rows_aligned(g.g.dk, d) && rows_aligned(g.g.dv, d);
    if (d <= 64)
        aligned &&d == 64 ? launch<4, 4, true>(c, &g, plan) : launch<4, 4, false>(c, &g, plan);
    else if (d <= 128)
        aligned &&d == 128 ? launch<8, 8, true>(c, &g, plan) : launch<8, 8, false>(c, &g, plan);
    else
        aligned &&d == 256 ? launch<8, 16, true>(c, &g, plan) : launch<8, 16, false>(c, &g, plan);
}
