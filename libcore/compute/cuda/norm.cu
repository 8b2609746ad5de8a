/* norm.cu - norms and sums over rows.
 *
 * With PRECISION_EXACT a row's sum goes in sixteen lanes, which are half a warp: the row is brought
 * into shared memory by the whole block, so the lanes' chains wait for nothing.  Sums over rows are
 * chains inside blocks of OPS_ROW_BLOCK rows, all blocks at once into scratch, then added in order.
 *
 * Otherwise the order is free, as long as it depends on shapes only: a row stays in the registers
 * of its threads, four neighbours each, and is read once; sums over rows are many short ones. */
#include "compute/cuda/device.cuh"

enum { THREADS = 128, COLUMNS = 128 };

static bool exact(const struct cuda *c)
{
    return c->b.precision == PRECISION_EXACT;
}

/* ---- the CPU's order ---- */

/* The inverse root of a head's mean square, for all threads; `row`: shared, c + 1 floats. */
__device__ __forceinline__ float root_of(float *row, const float *x, size_t c, float eps)
{
    for (size_t i = threadIdx.x; i < c; i += blockDim.x)
        row[i] = x[i];
    __syncthreads();
    if (threadIdx.x < WARP) {
        float s = lanes_sum(lane_squares(row, c, threadIdx.x % LANES));
        if (threadIdx.x == 0)
            row[c] = 1.0f / sqrtf(s / (float)c + eps);
    }
    __syncthreads();
    return row[c];
}

/* A block for each (row, head). */
__global__ void norm_heads(struct norm a)
{
    SHARED(float, row);
    size_t m = blockIdx.x / a.heads, h = blockIdx.x % a.heads;
    float r = root_of(row, row_at(a.x, m) + h * a.c, a.c, a.eps);
    float *y = row_at(a.y, m) + h * a.c;
    for (size_t i = threadIdx.x; i < a.c; i += blockDim.x)
        y[i] = row[i] * r * a.w[i];
}

/* A short head needs no large block. */
static unsigned threads_for(size_t c)
{
    return c < 512 ? (unsigned)WARP : (unsigned)THREADS;
}

static void norm_exact(struct cuda *d, const struct norm *a)
{
    size_t bytes = (a->c + 1) * sizeof(float);
    cuda_allow_shared(d, norm_heads, bytes);
    LAUNCH(d, norm_heads, dim3((unsigned)(a->m * a->heads)), threads_for(a->c), bytes, *a);
}

/* dx, and the roots for the gradient of w, which goes first when dx is dy: roots only if !dx. */
__global__ void norm_grad_heads(struct norm_grad a, float *roots, bool write)
{
    SHARED(float, row);
    size_t m = blockIdx.x / a.heads, h = blockIdx.x % a.heads;
    if (!write) {
        float r = root_of(row, row_at(a.x, m) + h * a.c, a.c, a.eps);
        if (threadIdx.x == 0)
            roots[blockIdx.x] = r;
        return;
    }
    const float *x = row_at(a.x, m) + h * a.c, *dy = row_at(a.dy, m) + h * a.c;
    float *dx = row_at(a.dx, m) + h * a.c, *d = row, *sum = row + a.c, r = roots[blockIdx.x];
    for (size_t i = threadIdx.x; i < a.c; i += blockDim.x)
        d[i] = dy[i];
    __syncthreads();
    if (threadIdx.x < WARP) {
        float s = 0;
        for (size_t i = threadIdx.x % LANES; i < a.c; i += LANES)
            s = fmaf(x[i] * a.w[i], d[i], s);
        s = lanes_sum(s);
        if (threadIdx.x == 0)
            *sum = -(r * r * r * (s / (float)a.c));
    }
    __syncthreads();
    for (size_t i = threadIdx.x; i < a.c; i += blockDim.x) {
        float v = fmaf(x[i], *sum, d[i] * a.w[i] * r);
        dx[i] = a.add_dx ? dx[i] + v : v;
    }
}

/* sums[block][j]: the chain over rows of a row block (blockIdx.y) of column j. */
__global__ void norm_dw(struct norm_grad a, const float *roots, float *sums)
{
    size_t j = (size_t)blockIdx.x * COLUMNS + threadIdx.x,
           first = (size_t)blockIdx.y * OPS_ROW_BLOCK;
    if (j >= a.c)
        return;
    float s = 0;
    for (size_t m = first; m < a.m && m < first + OPS_ROW_BLOCK; m++)
        for (size_t h = 0; h < a.heads; h++) {
            float y = row_at(a.x, m)[h * a.c + j] * roots[m * a.heads + h];
            s = fmaf(row_at(a.dy, m)[h * a.c + j], y, s);
        }
    sums[blockIdx.y * a.c + j] = s;
}

__global__ void column_sums(struct rows x, size_t m, size_t n, float *sums)
{
    size_t j = (size_t)blockIdx.x * COLUMNS + threadIdx.x,
           first = (size_t)blockIdx.y * OPS_ROW_BLOCK;
    if (j >= n)
        return;
    float s = 0;
    for (size_t i = first; i < m && i < first + OPS_ROW_BLOCK; i++)
        s += row_at(x, i)[j];
    sums[blockIdx.y * n + j] = s;
}

__global__ void add_blocks(float *y, const float *sums, size_t blocks, size_t n)
{
    size_t j = (size_t)blockIdx.x * COLUMNS + threadIdx.x;
    if (j >= n)
        return;
    float s = y[j];
    for (size_t i = 0; i < blocks; i++)
        s += sums[i * n + j];
    y[j] = s;
}

static void norm_backward_exact(struct cuda *c, const struct norm_grad *a)
{
    frame f(c);
    size_t bytes = (a->c + 1) * sizeof(float), blocks = parts(a->m, OPS_ROW_BLOCK);
    float *roots = f.take<float>(a->m * a->heads);
    dim3 heads((unsigned)(a->m * a->heads)), grid((unsigned)parts(a->c, COLUMNS), (unsigned)blocks);
    cuda_allow_shared(c, norm_grad_heads, bytes);
    LAUNCH(c, norm_grad_heads, heads, threads_for(a->c), bytes, *a, roots, false);
    if (a->dw) { /* before dx, which may be dy */
        float *sums = f.take<float>(blocks * a->c);
        LAUNCH(c, norm_dw, grid, COLUMNS, 0, *a, roots, sums);
        LAUNCH(c, add_blocks, dim3(grid.x), COLUMNS, 0, a->dw, sums, blocks, a->c);
    }
    LAUNCH(c, norm_grad_heads, heads, threads_for(a->c), bytes, *a, roots, true);
}

/* ---- an order of our own ---- */

enum {
    ROW_THREADS = 512, /* of a row of up to four elements each; twice as many of longer ones */
    ROW_MOST = 16 * ROW_THREADS, /* elements of a row; still longer ones go as exact ones do */
    HEADS_AT_ONCE = 8,           /* rows in a block, if each is a warp's */
    BLOCKS = 384,                /* of a gradient: about as many as stand on an H100 at once */
    SUM_ROWS = 64,               /* rows of a column's first sums */
    SUM_WARPS = 8,
    FOLD_WARPS = 32,
};

/* How the rows (of heads) of c elements are laid over threads: each has R times four neighbours. */
struct row_shape {
    unsigned threads, groups; /* of a row; rows in a block */
    int r;
};

static struct row_shape row_shape_of(size_t c)
{
    int r = c <= 4 * ROW_THREADS ? 1 : 2;
    unsigned threads = (unsigned)up(parts(c, 4 * (size_t)r), WARP);
    return {threads, threads == WARP ? (unsigned)HEADS_AT_ONCE : 1u, r};
}

enum { GROUP_FLOATS = 2 * WARP };

/* N sums over the threads of a row, for all of them.  `shared` may still be read during the next
 * call, which takes another. */
template <int N> __device__ __forceinline__ void group_sums(float *v, float *shared, unsigned warps)
{
#pragma unroll
    for (int i = 0; i < N; i++)
        v[i] = warp_sum(v[i]);
    if (warps == 1)
        return;
    unsigned warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
#pragma unroll
    for (int i = 0; i < N; i++)
        if (lane == 0)
            shared[i * WARP + (int)warp] = v[i];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < N; i++)
        v[i] = warp_sum(lane < warps ? shared[i * WARP + (int)lane] : 0.0f);
}

__device__ __forceinline__ float sum4(float4 a, float4 b, float s)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, s))));
}

__device__ __forceinline__ float4 scaled(float4 v, float s)
{
    return float4{v.x * s, v.y * s, v.z * s, v.w * s};
}

__device__ __forceinline__ float4 times(float4 a, float4 b)
{
    return float4{a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}

/* Row `at` of heads. */
__device__ __forceinline__ float *head_at(struct rows x, unsigned at, unsigned heads, size_t c)
{
    return heads == 1 ? row_at(x, at) : row_at(x, at / heads) + at % heads * c;
}

template <int R, bool WHOLE>
__global__ void __launch_bounds__(R *ROW_THREADS)
    norm_rows(struct norm a, struct row_shape shape, uint16_t *shadow, size_t ld)
{
    SHARED(float, shared);
    kernel_before_ended();
    unsigned t = threadIdx.x % shape.threads;
    unsigned row = blockIdx.x * shape.groups + threadIdx.x / shape.threads;
    if (row >= a.m * a.heads)
        return;
    const float *from = head_at(a.x, row, (unsigned)a.heads, a.c);
    float *y = head_at(a.y, row, (unsigned)a.heads, a.c);
    float4 x[R], w[R];
    float s = 0;
#pragma unroll
    for (int i = 0; i < R; i++) {
        size_t at = 4 * (t + (size_t)i * shape.threads);
        x[i] = load4(from, at, a.c, WHOLE);
        w[i] = load4(a.w, at, a.c, WHOLE);
        s = sum4(x[i], x[i], s);
    }
    group_sums<1>(&s, shared, shape.threads / WARP);
    float r = 1.0f / sqrtf(s / (float)a.c + a.eps);
#pragma unroll
    for (int i = 0; i < R; i++) {
        size_t at = 4 * (t + (size_t)i * shape.threads);
        float4 v = times(scaled(x[i], r), w[i]);
        if (!a.fleeting)
            store4(y, at, a.c, WHOLE, v);
        if (shadow)
            store4_bf16(shadow + row * ld, at, ld, v);
    }
}

/* A launch of kernel<R, whole>. */
#define BY_ROW_SHAPE(c, kernel, shape, whole, grid, ...)                                           \
    do {                                                                                           \
        unsigned row_threads = (shape).threads * (shape).groups;                                   \
        size_t row_shared = 2 * GROUP_FLOATS * sizeof(float);                                      \
        if ((shape).r == 1 && (whole))                                                             \
            LAUNCH_EARLY(c, (kernel<1, true>), grid, row_threads, row_shared, __VA_ARGS__);        \
        else if ((shape).r == 1)                                                                   \
            LAUNCH_EARLY(c, (kernel<1, false>), grid, row_threads, row_shared, __VA_ARGS__);       \
        else if (whole)                                                                            \
            LAUNCH_EARLY(c, (kernel<2, true>), grid, row_threads, row_shared, __VA_ARGS__);        \
        else                                                                                       \
            LAUNCH_EARLY(c, (kernel<2, false>), grid, row_threads, row_shared, __VA_ARGS__);       \
    } while (0)

void cuda_norm(struct backend *b, const struct norm *a)
{
    struct cuda *d = cuda_of(b);
    if (!a->m || !a->heads || !a->c)
        return;
    if (exact(d) || a->c > ROW_MOST) {
        cuda_overwritten(d, a->y, a->m, a->heads * a->c);
        norm_exact(d, a);
        return;
    }
    struct row_shape shape = row_shape_of(a->c);
    bool whole = whole_rows(a->x, a->c) && whole_rows(a->y, a->c) && whole_vector(a->w, a->c);
    uint16_t *shadow = NULL; /* norms of heads are no product's x */
    if (a->heads == 1)
        shadow = cuda_shadow(d, a->y, a->m, a->c);
    else
        cuda_overwritten(d, a->y, a->m, a->heads * a->c);
    struct norm n = *a;
    n.fleeting = a->fleeting && shadow;
    BY_ROW_SHAPE(d, norm_rows, shape, whole, dim3((unsigned)parts(a->m * a->heads, shape.groups)),
                 n, shape, shadow, shadow_row(a->c));
    cuda_left_unwritten(n.fleeting, a->y, a->m, a->c); /* which may have been x */
}

/* dx, and each group's sums for dw, [block][group][c]; sums NULL: not wanted.  A thread reads of dy
 * what it writes of dx, which may be dy. */
template <int R, bool WHOLE>
__global__ void __launch_bounds__(R *ROW_THREADS)
    norm_grad_rows(struct norm_grad a, struct row_shape shape, float *sums, uint16_t *shadow,
                   size_t ld)
{
    SHARED(float, shared);
    kernel_before_ended();
    unsigned t = threadIdx.x % shape.threads, heads = (unsigned)a.heads;
    unsigned group = blockIdx.x * shape.groups + threadIdx.x / shape.threads;
    unsigned turn = 0;
    float4 dw[R];
#pragma unroll
    for (int i = 0; i < R; i++)
        dw[i] = float4{0, 0, 0, 0};
    for (unsigned row = group; row < a.m * a.heads; row += gridDim.x * shape.groups) {
        const float *from = head_at(a.x, row, heads, a.c), *dy = head_at(a.dy, row, heads, a.c);
        float *dx = head_at(a.dx, row, heads, a.c);
        float4 x[R], d[R];
        float s[2] = {0, 0};
#pragma unroll
        for (int i = 0; i < R; i++) {
            size_t at = 4 * (t + (size_t)i * shape.threads);
            x[i] = load4(from, at, a.c, WHOLE);
            d[i] = load4(dy, at, a.c, WHOLE);
            s[0] = sum4(x[i], x[i], s[0]);
            s[1] = sum4(times(x[i], load4(a.w, at, a.c, WHOLE)), d[i], s[1]);
        }
        group_sums<2>(s, shared + turn * GROUP_FLOATS, shape.threads / WARP);
        turn ^= 1;
        float r = 1.0f / sqrtf(s[0] / (float)a.c + a.eps);
        float all = -(r * r * r * (s[1] / (float)a.c));
#pragma unroll
        for (int i = 0; i < R; i++) {
            size_t at = 4 * (t + (size_t)i * shape.threads);
            float4 v = plus4(scaled(x[i], all), scaled(times(d[i], load4(a.w, at, a.c, WHOLE)), r));
            if (a.add_dx)
                v = plus4(load4(dx, at, a.c, WHOLE), v);
            dw[i] = plus4(dw[i], times(d[i], scaled(x[i], r)));
            store4(dx, at, a.c, WHOLE, v);
            if (shadow)
                store4_bf16(shadow + row * ld, at, ld, v);
        }
    }
    if (!sums)
        return;
#pragma unroll
    for (int i = 0; i < R; i++)
        store4(sums + group * a.c, 4 * (t + (size_t)i * shape.threads), a.c, a.c % 4 == 0, dw[i]);
}

/* y[j] += sum of column j of m rows: a block has a warp's width of columns. */
__global__ void fold_sums(float *y, const float *sums, size_t m, size_t n)
{
    SHARED(float, part);
    unsigned warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    size_t j = (size_t)blockIdx.x * WARP + lane;
    float s = 0;
    if (j < n)
#pragma unroll 8
        for (size_t i = warp; i < m; i += FOLD_WARPS)
            s += sums[i * n + j];
    part[threadIdx.x] = s;
    __syncthreads();
    if (warp != 0 || j >= n)
        return;
    s = y[j];
    for (unsigned i = 0; i < FOLD_WARPS; i++)
        s += part[i * WARP + lane];
    y[j] = s;
}

static void fold(struct cuda *c, float *y, const float *sums, size_t m, size_t n)
{
    LAUNCH(c, fold_sums, dim3((unsigned)parts(n, WARP)), FOLD_WARPS * WARP,
           FOLD_WARPS * WARP * sizeof(float), y, sums, m, n);
}

/* sums[part][j]: of SUM_ROWS rows, a warp's width of columns in a block. */
__global__ void sum_columns(struct rows x, size_t m, size_t n, float *sums)
{
    SHARED(float, part);
    unsigned warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    size_t j = (size_t)blockIdx.x * WARP + lane, first = (size_t)blockIdx.y * SUM_ROWS;
    float s = 0;
    if (j < n)
#pragma unroll
        for (size_t k = 0; k < SUM_ROWS; k += SUM_WARPS) {
            size_t i = first + warp + k;
            s += i < m ? row_at(x, i)[j] : 0.0f;
        }
    part[threadIdx.x] = s;
    __syncthreads();
    if (warp != 0 || j >= n)
        return;
    for (unsigned i = 1; i < SUM_WARPS; i++)
        s += part[i * WARP + lane];
    sums[blockIdx.y * n + j] = s;
}

/* Blocks of a gradient of so many rows. */
static size_t grad_blocks(size_t rows, struct row_shape shape)
{
    size_t blocks = parts(rows, shape.groups);
    return blocks < BLOCKS ? blocks : (size_t)BLOCKS;
}

size_t norm_scratch(const struct op_limits *l)
{
    if (!l->train)
        return 0;
    size_t heads = l->n_heads > l->n_kv_heads ? l->n_heads : l->n_kv_heads;
    size_t widest = l->width > l->hidden ? l->width : l->hidden;
    size_t exactly = l->rows * (heads ? heads : 1) + parts(l->rows, OPS_ROW_BLOCK) * widest;
    size_t row = widest < ROW_MOST ? widest : (size_t)ROW_MOST;
    size_t groups = l->rows < BLOCKS ? l->rows : (size_t)BLOCKS;
    size_t freely = groups * row, short_rows = (size_t)BLOCKS * HEADS_AT_ONCE * 4 * WARP;
    size_t columns = parts(l->rows, SUM_ROWS) * widest;
    freely = freely > short_rows ? freely : short_rows;
    freely = freely > columns ? freely : columns;
    return (exactly > freely ? exactly : freely) * sizeof(float) + 1024;
}

void cuda_column_sums(struct cuda *c, float *y, size_t n, size_t m, struct rows x)
{
    frame f(c);
    if (!m || !n)
        return;
    size_t blocks = parts(m, exact(c) ? (size_t)OPS_ROW_BLOCK : (size_t)SUM_ROWS);
    float *sums = f.take<float>(blocks * n);
    if (exact(c)) {
        dim3 grid((unsigned)parts(n, COLUMNS), (unsigned)blocks);
        LAUNCH(c, column_sums, grid, COLUMNS, 0, x, m, n, sums);
        LAUNCH(c, add_blocks, dim3(grid.x), COLUMNS, 0, y, sums, blocks, n);
        return;
    }
    LAUNCH(c, sum_columns, dim3((unsigned)parts(n, WARP), (unsigned)blocks), SUM_WARPS * WARP,
           SUM_WARPS * WARP * sizeof(float), x, m, n, sums);
    fold(c, y, sums, blocks, n);
}

void cuda_norm_backward(struct backend *b, const struct norm_grad *a)
{
    struct cuda *c = cuda_of(b);
    if (!a->m || !a->heads || !a->c)
        return;
    if (exact(c) || a->c > ROW_MOST) {
        norm_backward_exact(c, a);
        return;
    }
    frame f(c);
    struct row_shape shape = row_shape_of(a->c);
    size_t blocks = grad_blocks(a->m * a->heads, shape);
    float *sums = a->dw ? f.take<float>(blocks * shape.groups * a->c) : NULL;
    bool whole = whole_rows(a->x, a->c) && whole_rows(a->dy, a->c) && whole_rows(a->dx, a->c) &&
                 whole_vector(a->w, a->c);
    uint16_t *shadow = a->heads == 1 ? cuda_shadow(c, a->dx, a->m, a->c) : NULL;
    BY_ROW_SHAPE(c, norm_grad_rows, shape, whole, dim3((unsigned)blocks), *a, shape, sums, shadow,
                 shadow_row(a->c));
    if (a->dw)
        fold(c, a->dw, sums, blocks * shape.groups, a->c);
}
