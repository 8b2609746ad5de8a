/* weight.cu - matrices as rows, in the type that products read. */
#include "compute/cuda/device.cuh"

#include <stdlib.h>

/* Rows of bf16 begin at 16 bytes, for tensor cores. */
static struct weight shape_of(struct backend *b, enum elem type, size_t n, size_t k)
{
    struct weight w = {};
    w.bf16 = b->precision == PRECISION_BF16 ||
             (b->precision == PRECISION_EXACT && type == ELEM_BF16);
    w.rounded = !w.bf16 && type == ELEM_BF16;
    w.n = n;
    w.k = k;
    w.ld = w.bf16 ? up(k, 8) : k;
    return w;
}

static size_t row_bytes(const struct weight *w)
{
    return w->ld * (w->bf16 ? sizeof(uint16_t) : sizeof(float));
}

size_t cuda_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k)
{
    struct weight w = shape_of(b, type, n, k);
    return up(n * row_bytes(&w), 256);
}

bool cuda_views(struct backend *b)
{
    return b->precision != PRECISION_BF16;
}

struct weight *cuda_weight_view(struct backend *b, const float *rows, size_t n, size_t k)
{
    ASSERT(cuda_views(b));
    struct weight *w = static_cast<struct weight *>(xcalloc(1, sizeof *w));
    w->n = n;
    w->k = w->ld = k;
    w->view = rows;
    return w;
}

struct weight *cuda_weight_new(struct backend *b, enum elem type, size_t n, size_t k, struct err *e)
{
    struct weight shape = shape_of(b, type, n, k);
    shape.own = cuda_alloc(b, n * row_bytes(&shape), e);
    if (!shape.own)
        return NULL;
    struct weight *w = static_cast<struct weight *>(xcalloc(1, sizeof *w));
    *w = shape;
    return w;
}

void cuda_weight_free(struct backend *b, struct weight *w)
{
    if (!w)
        return;
    cuda_free(b, w->own);
    free(w);
}

/* ---- rounding ---- */

__global__ void round_rows(uint16_t *to, size_t ld, struct rows from, size_t m, size_t n,
                           unsigned shift, bool whole)
{
    EACH4(i, j, m, ld, shift)
    store4_bf16(to + i * ld, j, ld, load4(row_at(from, i), j, n, whole));
}

void cuda_round_rows(struct cuda *c, uint16_t *to, size_t ld, struct rows from, size_t m, size_t n)
{
    struct quads q = quads_of(m, ld);
    if (m && n)
        LAUNCH(c, round_rows, q.grid, EACH_THREADS, 0, to, ld, from, m, n, q.shift,
               whole_rows(from, n));
}

__global__ void round_floats(float *to, const float *from, size_t m, size_t n)
{
    EACH(i, j, m, n)
    to[i * n + j] = round_bf16(from[i * n + j]);
}

/* y[i] = row ids[i] (NULL: first + i) of a matrix as products see it. */
__global__ void read_rows(struct weight w, bool round, const int32_t *ids, size_t first, size_t m,
                          struct rows y)
{
    EACH(i, j, m, w.k)
    {
        size_t row = ids ? (size_t)ids[i] : first + i;
        float v = element(w.view ? w.view : w.own, w.bf16, row * w.ld + j);
        row_at(y, i)[j] = round ? round_bf16(v) : v;
    }
}

static void read_matrix(struct backend *b, const struct weight *w, const int32_t *ids, size_t first,
                        size_t m, struct rows y)
{
    struct cuda *c = cuda_of(b);
    if (m && w->k)
        LAUNCH(c, read_rows, grid_rows(m, w->k), EACH_THREADS, 0, *w,
               b->precision == PRECISION_BF16, ids, first, m, y);
}

void cuda_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
                struct rows y)
{
    read_matrix(b, w, ids, 0, m, y);
}

/* ---- to and from the host ---- */

static size_t rows_at_once(const struct weight *w)
{
    size_t n = STAGING / (w->k * sizeof(float));
    ASSERT(n > 0);
    return n;
}

static void store_rows(struct cuda *c, struct weight *w, size_t row, size_t n, const float *from)
{
    if (w->bf16)
        cuda_round_rows(c, static_cast<uint16_t *>(w->own) + row * w->ld, w->ld,
                        {const_cast<float *>(from), w->k}, n, w->k);
    else if (w->rounded)
        LAUNCH(c, round_floats, grid_rows(n, w->k), EACH_THREADS, 0,
               static_cast<float *>(w->own) + row * w->k, from, n, w->k);
    else
        cuda_check(cudaMemcpyAsync(static_cast<float *>(w->own) + row * w->k, from,
                                   n * w->k * sizeof *from, cudaMemcpyDeviceToDevice, c->stream),
                   "a copy");
}

void cuda_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                      const float *host)
{
    ASSERT(w->own && row <= w->n && n_rows <= w->n - row);
    if (!n_rows || !w->k)
        return;
    struct cuda *c = cuda_of(b);
    frame f(c);
    float *staging = f.take<float>(STAGING / sizeof(float));
    size_t most = rows_at_once(w);
    for (size_t i = 0; i < n_rows; i += most) {
        size_t n = n_rows - i < most ? n_rows - i : most;
        cuda_upload(b, staging, host + i * w->k, n * w->k * sizeof *host);
        store_rows(c, w, row + i, n, staging);
    }
}

void cuda_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                      float *host)
{
    ASSERT(row <= w->n && n_rows <= w->n - row);
    if (!n_rows || !w->k)
        return;
    frame f(cuda_of(b));
    float *staging = f.take<float>(STAGING / sizeof(float));
    size_t most = rows_at_once(w);
    for (size_t i = 0; i < n_rows; i += most) {
        size_t n = n_rows - i < most ? n_rows - i : most;
        read_matrix(b, w, NULL, row + i, n, {staging, w->k});
        cuda_download(b, host + i * w->k, staging, n * w->k * sizeof *host);
    }
}

void cuda_weight_refresh(struct backend *b, struct weight *w, const float *masters)
{
    if (w->own && w->n && w->k)
        store_rows(cuda_of(b), w, 0, w->n, masters);
}
