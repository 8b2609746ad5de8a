/* linear.cu - products with weights, forward and backward.
 *
 * PRECISION_BF16 reads activations' shadows; the others read activations and weights as they
 * are. */
#include "compute/cuda/cuda.cuh"

static bool exact(const struct cuda *c)
{
    return c->b.precision == PRECISION_EXACT;
}

static void multiply(struct cuda *c, const struct product *p)
{
    if (exact(c))
        cuda_product(c, p);
    else
        cuda_product_lt(c, p);
}

/* m rows of x, as a product's side over columns. */
static struct side activations(struct cuda *c, struct rows x, size_t m, size_t n)
{
    if (c->b.precision != PRECISION_BF16 || !m)
        return {x.p, false, x.stride, 1};
    return {cuda_rounded(c, x, m, n), true, shadow_row(n), 1};
}

/* The same side over rows. */
static struct side turned(struct side s)
{
    return {s.p, s.bf16, s.depth, s.row};
}

/* Rows of w from `first` on. */
static struct side weight_rows(const struct weight *w, size_t first)
{
    size_t bytes = w->bf16 ? sizeof(uint16_t) : sizeof(float);
    const void *p = w->view ? w->view : w->own;
    return {static_cast<const char *>(p) + first * w->ld * bytes, w->bf16, w->ld, 1};
}

/* ---- forward ---- */

static void linear_rows(struct cuda *c, const struct weight *w, size_t first, size_t n,
                        const struct linear *a)
{
    struct product p = {};
    p.a = activations(c, a->x, a->m, w->k);
    p.b = weight_rows(w, first);
    p.m = a->m, p.n = n, p.k = w->k;
    p.c = a->y.p;
    p.c_row = a->y.stride;
    p.bias = a->bias;
    p.residual = a->residual.p;
    p.residual_row = a->residual.stride;
    cuda_overwritten(c, a->y, a->m, n);
    multiply(c, &p);
}

void cuda_linear_part(struct cuda *c, const struct weight *w, size_t first, size_t n, size_t m,
                      struct rows x, struct rows y)
{
    struct linear a = {};
    a.m = m;
    a.x = x;
    a.y = y;
    linear_rows(c, w, first, n, &a);
}

void cuda_linear(struct backend *b, const struct linear *a)
{
    linear_rows(cuda_of(b), a->w, 0, a->w->n, a);
}

/* ---- backward ---- */

static void linear_dx(struct cuda *c, const struct weight *w, size_t first, size_t n, size_t m,
                      struct side dy, struct rows dx, bool from, bool add)
{
    struct product p = {};
    p.a = dy;
    p.b = turned(weight_rows(w, first));
    p.m = m, p.n = w->k, p.k = n;
    p.c = dx.p;
    p.c_row = dx.stride;
    p.from = from;
    p.residual = add && !from ? dx.p : NULL;
    p.residual_row = dx.stride;
    cuda_overwritten(c, dx, m, w->k);
    multiply(c, &p);
}

void cuda_linear_dx(struct cuda *c, const struct weight *w, size_t first, size_t n, size_t m,
                    struct rows dy, struct rows dx, bool from, bool add)
{
    linear_dx(c, w, first, n, m, activations(c, dy, m, n), dx, from, add);
    cuda_overwritten(c, dy, m, n); /* its caller's own, which writes there as it likes */
}

/* dw[n][k] += chain over rows of dy[m][n] x[m][k], in row blocks if exact. */
static void linear_dw(struct cuda *c, float *dw, size_t n, size_t k, size_t m, struct side dy,
                      struct side x)
{
    size_t block = exact(c) ? (size_t)OPS_ROW_BLOCK : m;
    size_t bytes = dy.bf16 ? sizeof(uint16_t) : sizeof(float);
    cuda_overwritten(c, {dw, k}, n, k);
    for (size_t i = 0; i < m; i += block) {
        struct product p = {};
        p.a = turned(dy);
        p.b = turned(x);
        p.a.p = static_cast<const char *>(dy.p) + i * dy.row * bytes;
        p.b.p = static_cast<const char *>(x.p) + i * x.row * bytes;
        p.m = n, p.n = k, p.k = m - i < block ? m - i : block;
        p.c = dw;
        p.c_row = k;
        p.residual = dw;
        p.residual_row = k;
        multiply(c, &p);
    }
}

void cuda_linear_dw(struct cuda *c, float *dw, size_t n, size_t k, size_t m, struct rows dy,
                    struct rows x)
{
    struct side y = activations(c, dy, m, n);
    linear_dw(c, dw, n, k, m, y, activations(c, x, m, k));
    cuda_overwritten(c, dy, m, n);
}

void cuda_linear_backward(struct backend *b, const struct linear_grad *a)
{
    struct cuda *c = cuda_of(b);
    struct side dy = activations(c, a->dy, a->m, a->w->n);
    if (a->dw)
        linear_dw(c, a->dw, a->w->n, a->w->k, a->m, dy, activations(c, a->x, a->m, a->w->k));
    cuda_overwritten(c, {a->db, a->w->n}, 1, a->w->n);
    if (a->db)
        cuda_column_sums(c, a->db, a->w->n, a->m, a->dy);
    if (a->dx.p)
        linear_dx(c, a->w, 0, a->w->n, a->m, dy, a->dx, false, a->add_dx);
}
