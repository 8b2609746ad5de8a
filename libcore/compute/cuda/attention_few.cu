/* attention_few.cu - attention of few stacked rows, at most sixteen, on tensor cores: a sequence's own
 * keys in a decode step.
 *
 * All four warps have the same rows, and each sixteen keys of every block, which it fetches by itself: a
 * block's keys while it adds the values of the one before, and the other way round.  Their sums are put
 * together at the end, in shared memory, in order of the warps, and with the partial results of the
 * keys that are shared.  Head size 128: 38 KiB of shared memory and 128 registers a thread, so four
 * blocks stand on a processor. */
#include "compute/cuda/attention_mma.cuh"

/* Blocks that stand on a processor: before sm_90 the compiler needs more registers. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define FEW_BLOCKS 3
#else
#define FEW_BLOCKS 4
#endif

enum { FEW_KEYS = OPS_KV_BLOCK / (MMA_THREADS / WARP) /* of a block, for a warp */ };

/* The warp's keys of a block, or their values, from element `at` of the block's on. */
template <int DT, bool WHOLE>
__device__ __forceinline__ void fetch_share(uint16_t *to, const struct kv &kv, size_t at, int n)
{
    int d = head_size<DT, WHOLE>(kv), from = (int)threadIdx.x / WARP * FEW_KEYS;
    int left = n - from < 0 ? 0 : n - from < FEW_KEYS ? n - from : (int)FEW_KEYS;
    fetch_rows<DT, WHOLE, FEW_KEYS, WARP>(to, kv.data, at + (left ? (size_t)(from * d) : 0), left,
                                          d);
}

template <int DT>
__device__ __forceinline__ void score(float (&w)[FEW_KEYS / 8][4], const uint16_t *q,
                                      const uint16_t *keys, int ld, int depth)
{
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
        load_b(&fk, keys, ld, 0, i * 16, false);
        mma_16(w[0], w[1], fq, fk);
    }
}

template <int DT>
__device__ __forceinline__ void add_values(float (&out)[2 * DT][4],
                                           const float (&w)[FEW_KEYS / 8][4],
                                           const uint16_t *values, int ld, int depth)
{
    struct frag_a fp = a_of(w[0], w[1]);
#pragma unroll
    for (int i = 0; i < DT; i++) {
        struct frag_b fv;
        if (i >= depth)
            break;
        load_b(&fv, values, ld, i * 16, 0, true);
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

/* N neighbours. */
template <int N> struct some {
    float v[N];
};

template <int N> __device__ __forceinline__ some<N> load_some(const float *p)
{
    some<N> s;
    if (N == 4) {
        float4 v = *reinterpret_cast<const float4 *>(p);
        s.v[0] = v.x, s.v[N / 4] = v.y, s.v[N / 2] = v.z, s.v[N - 1] = v.w;
    } else {
        s.v[0] = *p;
    }
    return s;
}

/* N elements of a row from `at` on: its shares of the warps, in order; then, if the strip closes, the
 * parts before it. */
template <int N>
__device__ __forceinline__ void put_together(const struct shares &x, const struct mma_args &g,
                                             const struct strip &s, const struct target &to,
                                             int row, int at)
{
    enum { WARPS = MMA_THREADS / WARP };
    int before = s.closes ? s.part : 0;
    size_t first = to.slot - (size_t)before * g.a.n_heads;
    float m[STRIP_PARTS];
    some<N> v = {};
#pragma unroll
    for (int i = 0; i < STRIP_PARTS - 1; i++)
        m[i] = i < before ? g.part_max[first + (size_t)i * g.a.n_heads] : -HUGE_VALF;
    float max = -HUGE_VALF, sum = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++)
        max = x.max[w * 16 + row] > max ? x.max[w * 16 + row] : max;
#pragma unroll
    for (int i = 0; i < STRIP_PARTS - 1; i++)
        max = m[i] > max ? m[i] : max;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
        float scale = exp2_fast(x.max[w * 16 + row] - max);
        some<N> o = load_some<N>(x.out + (w * 16 + row) * x.ld + at);
        sum = fmaf(x.sum[w * 16 + row], scale, sum);
#pragma unroll
        for (int e = 0; e < N; e++)
            v.v[e] = fmaf(o.v[e], scale, v.v[e]);
    }
#pragma unroll
    for (int i = 0; i < STRIP_PARTS - 1; i++)
        if (i < before) {
            size_t slot = first + (size_t)i * g.a.n_heads;
            some<N> o = load_some<N>(g.part_out + slot * g.a.kv.d + at);
            float scale = exp2_fast(m[i] - max);
            sum = fmaf(g.part_sum[slot], scale, sum);
#pragma unroll
            for (int e = 0; e < N; e++)
                v.v[e] = fmaf(o.v[e], scale, v.v[e]);
        }
    float by = to.whole ? 1.0f / sum : 1.0f;
#pragma unroll
    for (int e = 0; e < N; e++) {
        to.to[at + e] = v.v[e] * by;
        if (to.shadow)
            to.shadow[at + e] = to_bf16(v.v[e] * by);
    }
    if (at == 0)
        store_sums(g, to, max, sum);
}

template <int DT, bool WHOLE>
__global__ void __launch_bounds__(MMA_THREADS, WHOLE ? FEW_BLOCKS : 2) attend_few(struct mma_args g)
{
    SHARED(uint16_t, tiles);
    const struct attn_args &a = g.a;
    int d = head_size<DT, WHOLE>(a.kv), ld = tile_ld(d), depth = (d + 15) / 16;
    int warp = (int)threadIdx.x / WARP;
    struct strip_heads h;
    const struct strip *strip = strip_of_block(g, &h);
    if (!strip) {
        kernel_before_ended();
        return;
    }
    const struct strip &s = *strip;
    uint16_t *q = tiles, *keys = q + (1 + warp) * 16 * ld, *values = keys + OPS_KV_BLOCK * ld;
    struct lane_rows r = lane_rows_of(a, s, 0, h.n, h.n);
    float out[2 * DT][4], w[FEW_KEYS / 8][4];
#pragma unroll
    for (int t = 0; t < 2 * DT; t++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            out[t][e] = 0;
    clear_margin(tiles, 16 + 2 * OPS_KV_BLOCK, d);
    __syncthreads();
    struct key_run now = {0, 0, 0};
    /* One copy of the code: a block passes through it once or twice, and waits for code as well. */
#pragma unroll 1
    for (int next = s.first; next <= s.end; next++) {
        struct key_run k = now;
        if (next > s.first) {
            copies_wait<1>();
            __syncwarp();
            score<DT>(w, q, keys, ld, depth);
            __syncwarp();
        }
        if (next < s.end) {
            now = key_run_of(a, s.q, h.kv, next);
            fetch_share<DT, WHOLE>(keys, a.kv, now.place, now.n);
        }
        copies_commit();
        if (next > s.first) {
            softmax_block<DT, FEW_KEYS>(r, w, out, k, warp * FEW_KEYS, a.scale * LOG2E);
            copies_wait<1>();
            __syncwarp();
            add_values<DT>(out, w, values, ld, depth);
            __syncwarp();
        }
        if (next < s.end)
            fetch_share<DT, WHOLE>(values, a.kv, now.place + (size_t)(OPS_KV_BLOCK * d), now.n);
        copies_commit();
        if (next == s.first) {
            load_queries<4, WHOLE>(q, a, s, h.first, h.n, h.n, warp * 4, d);
            __syncthreads();
        }
    }
    copies_wait<0>();
    kernel_before_ended(); /* the strips of shared keys, beside which this one began */
    struct shares x = shares_at(tiles, d);
    __syncthreads();
    share<DT, WHOLE>(x, r, out);
    __syncthreads();
    constexpr int N = WHOLE ? 4 : 1;
#pragma unroll 1
    for (int i = (int)threadIdx.x * N; i < h.n * d; i += MMA_THREADS * N) {
        int row = i / d;
        put_together<N>(x, g, s, target_of(g, s, h.first, h.n, row), row, i - row * d);
    }
}

size_t attention_few_shared(size_t d)
{
    size_t ld = (size_t)tile_ld((int)d);
    return (16 + 2 * OPS_KV_BLOCK) * ld * sizeof(uint16_t);
}

static void (*kernel_for(const struct attn_args *a))(struct mma_args)
{
    size_t d = a->kv.d;
    if (d <= 64)
        return attention_whole(a, 4) ? attend_few<4, true> : attend_few<4, false>;
    if (d <= 128)
        return attention_whole(a, 8) ? attend_few<8, true> : attend_few<8, false>;
    return attend_few<16, false>;
}

void attention_few(struct cuda *c, struct mma_args *g, const struct attn_plan *plan)
{
    launch_strips(c, kernel_for(&g->a), attention_few_shared(g->a.kv.d), g, &plan->few,
                  plan->many.n > 0);
}
