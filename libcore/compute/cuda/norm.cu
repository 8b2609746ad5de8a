/* norm.cu - norms and sums over rows.
 *
 * A row's sum goes in sixteen lanes, which are half a warp: the row is brought into shared memory
 * by the whole block, so the lanes' chains wait for nothing.  Sums over rows are chains inside blocks
 * of OPS_ROW_BLOCK rows, all blocks at once into scratch, then added in order. */
#include "compute/cuda/device.cuh"

enum { THREADS = 128, COLUMNS = 128 };

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

void cuda_norm(struct backend *b, const struct norm *a)
{
    struct cuda *d = cuda_of(b);
    size_t bytes = (a->c + 1) * sizeof(float);
    if (!a->m || !a->heads || !a->c)
        return;
    cuda_allow_shared(d, norm_heads, bytes);
    LAUNCH(d, norm_heads, dim3((unsigned)(a->m * a->heads)), threads_for(a->c), bytes, *a);
}

/* ---- gradients ---- */

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

size_t norm_scratch(const struct op_limits *l)
{
    if (!l->train)
        return 0;
    size_t heads = l->n_heads > l->n_kv_heads ? l->n_heads : l->n_kv_heads;
    size_t widest = l->width > l->hidden ? l->width : l->hidden;
    return (l->rows * (heads ? heads : 1) + parts(l->rows, OPS_ROW_BLOCK) * widest) *
               sizeof(float) +
           1024;
}

void cuda_column_sums(struct cuda *c, float *y, size_t n, size_t m, struct rows x)
{
    frame f(c);
    size_t blocks = parts(m, OPS_ROW_BLOCK);
    if (!m || !n)
        return;
    float *sums = f.take<float>(blocks * n);
    dim3 grid((unsigned)parts(n, COLUMNS), (unsigned)blocks);
    LAUNCH(c, column_sums, grid, COLUMNS, 0, x, m, n, sums);
    LAUNCH(c, add_blocks, dim3(grid.x), COLUMNS, 0, y, sums, blocks, n);
}

void cuda_norm_backward(struct backend *b, const struct norm_grad *a)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    size_t bytes = (a->c + 1) * sizeof(float), blocks = parts(a->m, OPS_ROW_BLOCK);
    if (!a->m || !a->heads || !a->c)
        return;
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
