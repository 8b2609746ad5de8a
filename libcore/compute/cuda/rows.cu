/* rows.cu - copies, rotary positions and the gate: elementwise, limited by bandwidth, so a
 * thread moves four neighbours at once wherever they lie so that it can. */
#include "compute/cuda/device.cuh"

enum { THREADS = EACH_THREADS };

__global__ void gather_rows(struct rows y, struct rows x, const int32_t *index, size_t m, size_t c,
                            unsigned shift, bool whole)
{
    EACH4(i, k, m, c, shift)
    store4(row_at(y, i), k, c, whole, load4(row_at(x, (size_t)index[i]), k, c, whole));
}

void cuda_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                 size_t c)
{
    struct cuda *d = cuda_of(b);
    struct quads q = quads_of(m, c);
    if (m && c)
        LAUNCH(d, gather_rows, q.grid, THREADS, 0, y, x, index, m, c, q.shift,
               whole_rows(y, c) && whole_rows(x, c));
}

__global__ void scatter_rows(struct rows x, struct rows y, const int32_t *index, size_t m, size_t c,
                             unsigned shift, bool whole)
{
    EACH4(i, k, m, c, shift)
    {
        float *to = row_at(x, (size_t)index[i]);
        store4(to, k, c, whole, plus4(load4(to, k, c, whole), load4(row_at(y, i), k, c, whole)));
    }
}

void cuda_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                      size_t m, size_t c)
{
    struct cuda *d = cuda_of(b);
    struct quads q = quads_of(m, c);
    if (m && c)
        LAUNCH(d, scatter_rows, q.grid, THREADS, 0, x, y, index, m, c, q.shift,
               whole_rows(y, c) && whole_rows(x, c));
}

__global__ void add_all(float *y, const float *x, size_t n, unsigned shift, bool whole)
{
    EACH4(row, i, 1, n, shift)
    store4(y, i, n, whole, plus4(load4(y, i, n, whole), load4(x, i, n, whole)));
}

void cuda_add(struct backend *b, float *y, const float *x, size_t n)
{
    struct cuda *d = cuda_of(b);
    struct quads q = quads_of(1, n);
    if (n)
        LAUNCH(d, add_all, q.grid, THREADS, 0, y, x, n, q.shift,
               whole_vector(y, n) && whole_vector(x, n));
}

/* ---- the gradient of an embedding ----
 * Rows are put in order of their ids, equal ids in rising order, by counting what comes before each. Then
 * whoever adds an id's rows finds them in one run. */

/* row[at], at its place in this order; run[at]: how many have this id, at the first of them, else
 * 0. */
struct id_order {
    int32_t *row, *run;
};

static size_t order_room(size_t m)
{
    return up(m * sizeof(int32_t), 256);
}

size_t embed_scratch(const struct op_limits *l)
{
    return l->train ? 2 * order_room(l->rows) + 256 : 0;
}

enum { ORDER_ROWS = 4 }; /* of a warp, which compares what it loads with all of them */

struct places {
    int less, before, same; /* ids below; equal ones in rows before; equal ones */
};

__device__ __forceinline__ int warp_count(int v)
{
    for (int h = WARP / 2; h; h /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, h);
    return v;
}

__global__ void order_ids(struct id_order to, const int32_t *ids, int m)
{
    int warp = (int)((blockIdx.x * blockDim.x + threadIdx.x) / WARP),
        lane = (int)threadIdx.x % WARP;
    int first = warp * ORDER_ROWS;
    int32_t mine[ORDER_ROWS];
    struct places p[ORDER_ROWS] = {};
#pragma unroll
    for (int r = 0; r < ORDER_ROWS; r++)
        mine[r] = ids[first + r < m ? first + r : m - 1];
#pragma unroll 4
    for (int j = lane; j < m; j += WARP) {
        int32_t id = ids[j];
#pragma unroll
        for (int r = 0; r < ORDER_ROWS; r++) {
            p[r].less += id < mine[r];
            p[r].same += id == mine[r];
            p[r].before += id == mine[r] && j < first + r;
        }
    }
#pragma unroll
    for (int r = 0; r < ORDER_ROWS; r++) {
        int before = warp_count(p[r].before), same = warp_count(p[r].same);
        int at = warp_count(p[r].less) + before;
        if (lane == 0 && first + r < m) {
            to.row[at] = first + r;
            to.run[at] = before ? 0 : same;
        }
    }
}

enum { EMBED_THREADS = 128, EMBED_AHEAD = 8 }; /* rows on their way at once */

/* dw[id] += its rows, one after another: a block for each place in the order and 512 columns. */
__global__ void embed_grad(float *dw, size_t c, const int32_t *ids, struct rows dy,
                           struct id_order order, bool whole)
{
    const int32_t *row = order.row + blockIdx.x;
    int n = order.run[blockIdx.x];
    size_t k = 4 * ((size_t)blockIdx.y * EMBED_THREADS + threadIdx.x);
    if (!n || k >= c)
        return;
    float *to = dw + (size_t)ids[row[0]] * c;
    float4 sum = load4(to, k, c, whole);
#pragma unroll 1
    for (int i = 0; i < n; i += EMBED_AHEAD) {
        float4 y[EMBED_AHEAD];
#pragma unroll
        for (int a = 0; a < EMBED_AHEAD; a++)
            if (i + a < n)
                y[a] = load4(row_at(dy, (size_t)row[i + a]), k, c, whole);
#pragma unroll
        for (int a = 0; a < EMBED_AHEAD; a++)
            if (i + a < n)
                sum = plus4(sum, y[a]);
    }
    store4(to, k, c, whole, sum);
}

void cuda_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                         struct rows dy)
{
    struct cuda *d = cuda_of(b);
    frame f(d);
    if (!m || !c)
        return;
    struct id_order order = {f.take<int32_t>(m), f.take<int32_t>(m)};
    LAUNCH(d, order_ids, dim3((unsigned)parts(m, THREADS / WARP * ORDER_ROWS)), THREADS, 0, order,
           ids, (int)m);
    LAUNCH(d, embed_grad, dim3((unsigned)m, (unsigned)parts(c, 4 * EMBED_THREADS)), EMBED_THREADS,
           0, dw, c, ids, dy, order, whole_vector(dw, c) && whole_rows(dy, c));
}

/* ---- rotary positions ---- */

__device__ __forceinline__ void turn(float *lo, float *hi, float c, float s)
{
    float minus = s * -1.0f, was = *lo;
    *lo = fmaf(*hi, minus, was * c);
    *hi = fmaf(was, s, *hi * c);
}

__global__ void rotate(struct rope_args a)
{
    unsigned half = (unsigned)(a.rot / 2);
    EACH(m, at, a.m, a.heads * half)
    {
        unsigned h = (unsigned)at / half, i = (unsigned)at % half;
        float *x = row_at(a.x, m) + h * a.d + i;
        size_t p = (size_t)a.pos[m] * half + i;
        turn(x, x + half, a.cos[p], a.sin[p] * (a.inverse ? -1.0f : 1.0f));
    }
}

/* The same, four pairs at once: heads and their halves are whole. */
__global__ void rotate4(struct rope_args a, unsigned shift)
{
    kernel_before_ended();
    next_may_begin();
    unsigned half = (unsigned)(a.rot / 2);
    float sign = a.inverse ? -1.0f : 1.0f;
    EACH4(m, at, a.m, a.heads * half, shift)
    {
        unsigned h = (unsigned)at / half, i = (unsigned)at % half;
        float *x = row_at(a.x, m) + h * a.d;
        size_t p = (size_t)a.pos[m] * half;
        float4 c = load4(a.cos + p, i, half, true), s = load4(a.sin + p, i, half, true);
        float4 lo = load4(x, i, half, true), hi = load4(x + half, i, half, true);
        turn(&lo.x, &hi.x, c.x, s.x * sign);
        turn(&lo.y, &hi.y, c.y, s.y * sign);
        turn(&lo.z, &hi.z, c.z, s.z * sign);
        turn(&lo.w, &hi.w, c.w, s.w * sign);
        store4(x, i, half, true, lo);
        store4(x + half, i, half, true, hi);
    }
}

void cuda_rope(struct backend *b, const struct rope_args *a)
{
    struct cuda *d = cuda_of(b);
    size_t pairs = a->rot / 2, width = a->heads * pairs;
    if (!a->m || !width)
        return;
    struct quads q = quads_of(a->m, width);
    if (whole_rows(a->x, a->d) && whole_vector(a->cos, pairs) && whole_vector(a->sin, pairs))
        LAUNCH_EARLY(d, rotate4, q.grid, THREADS, 0, *a, q.shift);
    else
        LAUNCH(d, rotate, grid_rows(a->m, width), THREADS, 0, *a);
}

/* ---- the gate ---- */

static bool fast(const struct cuda *c)
{
    return c->b.precision == PRECISION_BF16;
}

/* FAST: to about 4 ulp, where what is multiplied next is rounded to bf16. */
template <bool FAST> __device__ __forceinline__ float sigmoid(float g)
{
    if (FAST)
        return reciprocal_fast(1.0f + exp2_fast(g * -1.44269504f));
    return 1.0f / (1.0f + exp_f(0.0f - g));
}

template <bool FAST> __device__ __forceinline__ float4 each_gate(float4 g, float4 u)
{
    return float4{g.x * sigmoid<FAST>(g.x) * u.x, g.y * sigmoid<FAST>(g.y) * u.y,
                  g.z * sigmoid<FAST>(g.z) * u.z, g.w * sigmoid<FAST>(g.w) * u.w};
}

template <bool FAST>
__global__ void gate(struct swiglu a, unsigned shift, bool whole, uint16_t *shadow, size_t ld)
{
    kernel_before_ended();
    EACH4(m, i, a.m, ld, shift)
    {
        const float *gu = row_at(a.gu, m);
        float4 y = each_gate<FAST>(load4(gu, i, a.f, whole), load4(gu + a.f, i, a.f, whole));
        if (!a.fleeting)
            store4(row_at(a.y, m), i, a.f, whole, y);
        if (shadow)
            store4_bf16(shadow + m * ld, i, ld, y);
    }
}

void cuda_swiglu(struct backend *b, const struct swiglu *a)
{
    struct cuda *d = cuda_of(b);
    if (!a->m || !a->f)
        return;
    size_t ld = shadow_row(a->f);
    struct quads q = quads_of(a->m, ld);
    uint16_t *shadow = cuda_shadow(d, a->y, a->m, a->f);
    struct swiglu g = *a;
    g.fleeting = a->fleeting && shadow;
    LAUNCH_EARLY(d, (fast(d) ? gate<true> : gate<false>), q.grid, THREADS, 0, g, q.shift,
                 whole_rows(a->gu, a->f) && whole_rows(a->y, a->f), shadow, ld);
    cuda_left_unwritten(g.fleeting, a->y, a->m, a->f);
}

template <bool FAST>
__device__ __forceinline__ void gate_slopes(float g, float u, float dy, float *dg, float *du)
{
    float s = sigmoid<FAST>(g), rest = 1.0f - s, slope = s * fmaf(g, rest, 1.0f);
    *dg = dy * u * slope;
    *du = dy * (g * s);
}

/* The shadow is that of dgu: what is of u lies from column f on, in pieces of four if `whole`. */
template <bool FAST>
__global__ void gate_grad(struct swiglu_grad a, unsigned shift, bool whole, uint16_t *shadow,
                          size_t ld)
{
    kernel_before_ended();
    EACH4(m, i, a.m, a.f, shift)
    {
        const float *gu = row_at(a.gu, m);
        float *dgu = row_at(a.dgu, m);
        float4 g = load4(gu, i, a.f, whole), u = load4(gu + a.f, i, a.f, whole);
        float4 dy = load4(row_at(a.dy, m), i, a.f, whole), dg, du;
        gate_slopes<FAST>(g.x, u.x, dy.x, &dg.x, &du.x);
        gate_slopes<FAST>(g.y, u.y, dy.y, &dg.y, &du.y);
        gate_slopes<FAST>(g.z, u.z, dy.z, &dg.z, &du.z);
        gate_slopes<FAST>(g.w, u.w, dy.w, &dg.w, &du.w);
        if (!a.fleeting) {
            store4(dgu, i, a.f, whole, dg);
            store4(dgu + a.f, i, a.f, whole, du);
        }
        if (shadow) {
            store4_bf16(shadow + m * ld, i, ld, dg);
            store4_bf16(shadow + m * ld, a.f + i, ld, du);
        }
    }
}

void cuda_swiglu_backward(struct backend *b, const struct swiglu_grad *a)
{
    struct cuda *d = cuda_of(b);
    if (!a->m || !a->f)
        return;
    struct quads q = quads_of(a->m, a->f);
    bool whole = whole_rows(a->gu, a->f) && whole_rows(a->dy, a->f) && whole_rows(a->dgu, a->f);
    uint16_t *shadow = a->f % 4 == 0 ? cuda_shadow(d, a->dgu, a->m, 2 * a->f) : NULL;
    struct swiglu_grad g = *a;
    g.fleeting = a->fleeting && shadow;
    LAUNCH_EARLY(d, (fast(d) ? gate_grad<true> : gate_grad<false>), q.grid, THREADS, 0, g, q.shift,
                 whole, shadow, shadow_row(2 * a->f));
    cuda_left_unwritten(g.fleeting, a->dgu, a->m, 2 * a->f); /* which may have been gu */
}
