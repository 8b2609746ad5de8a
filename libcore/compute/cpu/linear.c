/* linear.c - products with weights, forward and backward. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"

size_t product_shared_floats(const struct op_limits *l)
{
    size_t slab = up(l->width, PANEL) * PANEL, rows = 0;
    if (l->train) /* a row block of x as panels */
        rows = up(l->width > l->hidden ? l->width : l->hidden, PANEL) * OPS_ROW_BLOCK;
    slab = slab > SLAB_FLOATS ? slab : SLAB_FLOATS;
    return slab > rows ? slab : rows;
}

size_t product_pairs_floats(const struct op_limits *l)
{
    size_t head = l->head_rows * (l->hidden > HEAD_SLAB ? l->hidden : HEAD_SLAB);
    size_t rows = l->rows * (l->width + 1);
    return (rows > head ? rows : head) / 2 + PANEL;
}

/* ---- the side that is broadcast ---- */

struct rounding {
    struct cpu *c;
    struct rows x;
    size_t k;
    float *to;
};

static void round_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct rounding *r = arg;
    size_t pairs = (r->k + 1) / 2;
    for (size_t m = first; m < end; m++) {
        uint16_t *to = (uint16_t *)(void *)(r->to + m * pairs);
        if (r->k % 2)
            to[r->k] = 0;
        r->c->k->round_bf16(to, row_at(r->x, m), r->k);
    }
}

/* Sets g's left side to m rows of x, k wide: as they are, or as pairs of bf16. */
static enum panels left_side(struct cpu *c, struct gemm *g, struct rows x, size_t m, size_t k)
{
    g->m = m;
    g->a_k = 1;
    if (c->b.precision == PRECISION_EXACT) {
        g->a = x.p;
        g->a_row = x.stride;
        g->k = k;
        return PANELS_F32;
    }
    g->k = g->a_row = (k + 1) / 2;
    struct rounding r = {c, x, k, cpu_pairs(c, m * g->k)};
    cpu_each(c, m, 16384 / (k + 1) + 1, round_rows, &r);
    g->a = r.to;
    return PANELS_PAIRS;
}

/* ---- forward ---- */

struct view_rows {
    const struct weight *w;
    size_t first, end;
};

static void pack_view(struct cpu *c, const void *arg, size_t panel, float *to)
{
    const struct view_rows *v = arg;
    size_t row = v->first + panel * PANEL, n = v->end - row < PANEL ? v->end - row : PANEL;
    (v->w->kind == PANELS_PAIRS ? c->k->pack_pair_rows : c->k->pack_rows)(
        to, v->w->view + row * v->w->k, v->w->k, n, v->w->k);
}

/* Rows [first, first + g->n) of w. */
static void linear_gemm(struct cpu *c, const struct weight *w, size_t first, struct gemm *g)
{
    if (w->view) {
        struct view_rows v = {w, first, first + g->n};
        cpu_product_packing(c, g, w->kind, pack_view, &v);
        return;
    }
    g->b = weight_panels(w, first, &g->b_panel);
    cpu_product(c, g, w->kind);
}

void cpu_linear_part(struct cpu *c, const struct weight *w, size_t first, size_t n, size_t m,
                     struct rows x, struct rows y)
{
    struct gemm g = {.n = n, .c = y.p, .c_row = y.stride};
    left_side(c, &g, x, m, w->k);
    linear_gemm(c, w, first, &g);
}

void cpu_linear(struct backend *b, const struct linear *a)
{
    struct cpu *c = cpu_of(b);
    struct gemm g = {.n = a->w->n,
                     .c = a->y.p,
                     .c_row = a->y.stride,
                     .bias = a->bias,
                     .residual = a->residual.p,
                     .residual_row = a->residual.stride};
    left_side(c, &g, a->x, a->m, a->w->k);
    linear_gemm(c, a->w, 0, &g);
}

/* ---- backward ---- */

struct transposed {
    const struct weight *w;
    size_t first, n;
};

static void pack_transposed(struct cpu *c, const void *arg, size_t panel, float *to)
{
    const struct transposed *t = arg;
    weight_pack_transposed(c, t->w, panel, t->first, t->n, to);
}

void cpu_linear_dx(struct cpu *c, const struct weight *w, size_t first, size_t n, size_t m,
                   struct rows dy, struct rows dx, bool go_on, bool add)
{
    struct gemm g = {.n = w->k, .c = dx.p, .c_row = dx.stride};
    enum panels kind = left_side(c, &g, dy, m, n);
    if (go_on) {
        g.from = dx.p;
        g.from_row = dx.stride;
    }
    if (add) {
        g.residual = dx.p;
        g.residual_row = dx.stride;
    }
    struct transposed t = {w, first, n};
    cpu_product_packing(c, &g, kind, pack_transposed, &t);
}

/* A slab of row blocks, each as panels [columns / 16][depth][16] of rows or of pairs of rows. */
struct columns {
    struct cpu *c;
    struct rows x;
    size_t n, m, panels;
    float *to;
};

typedef void columns_fn(float *to, size_t to_stride, const float *rows, size_t stride, size_t n,
                        size_t k);

static columns_fn *columns_packer(const struct cpu *c)
{
    return c->b.precision == PRECISION_EXACT ? c->k->pack_columns : c->k->pack_pair_columns;
}

static size_t block_rows(size_t m, size_t row)
{
    return m - row < OPS_ROW_BLOCK ? m - row : OPS_ROW_BLOCK;
}

/* Rows of a panel, or pairs of them. */
static size_t block_depth(const struct cpu *c, size_t rows)
{
    return c->b.precision == PRECISION_EXACT ? rows : (rows + 1) / 2;
}

static size_t block_at(const struct cpu *c, size_t panels, size_t row)
{
    return block_depth(c, row) * panels * PANEL;
}

static void pack_columns(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct columns *p = arg;
    for (size_t i = first; i < end; i++) {
        size_t row = i / p->panels * OPS_ROW_BLOCK, at = i % p->panels * PANEL;
        size_t m = block_rows(p->m, row), n = p->n - at < PANEL ? p->n - at : PANEL;
        columns_packer(p->c)(p->to + block_at(p->c, p->panels, row) + at * block_depth(p->c, m),
                             PANEL, row_at(p->x, row) + at, p->x.stride, n, m);
    }
}

struct dw {
    struct cpu *c;
    struct rows dy;
    const float *x; /* the slab's panels */
    size_t m, n, k;
    size_t n_blocks; /* of outputs, that is rows of dw */
    float *dw;
};

/* Panels of x that stay in cache while the outputs pass; outputs at a time, at most; floats of a slab, which
 * stays in the second cache. */
enum { DW_PANELS = 18, DW_OUTPUTS = 3 * PANEL, DW_SLAB = 1 << 18 };

static size_t first_output(const struct dw *d, size_t block)
{
    size_t panels = (d->n + PANEL - 1) / PANEL;
    return block < d->n_blocks ? block * panels / d->n_blocks * PANEL : d->n;
}

/* One block of outputs over one row block, from panel `k / 16` of x on. */
static void dw_block(const struct dw *d, size_t block, size_t row, size_t k, float *dy)
{
    const struct cpu *c = d->c;
    size_t first = first_output(d, block), n = first_output(d, block + 1) - first;
    size_t m = block_rows(d->m, row), depth = block_depth(c, m);
    float *to = d->dw + first * d->k + k;
    for (size_t j = 0; j < n; j += PANEL)
        columns_packer(c)(dy + j, DW_OUTPUTS, row_at(d->dy, row) + first + j, d->dy.stride,
                          n - j < PANEL ? n - j : PANEL, m);
    struct gemm g = {.a = dy,
                     .a_row = 1,
                     .a_k = DW_OUTPUTS,
                     .b = d->x + block_at(c, (d->k + PANEL - 1) / PANEL, row) + k * depth,
                     .b_panel = depth * PANEL,
                     .m = n,
                     .n = d->k - k < DW_PANELS * PANEL ? d->k - k : DW_PANELS * PANEL,
                     .k = depth,
                     .c = to,
                     .c_row = d->k,
                     .residual = to,
                     .residual_row = d->k};
    c->k->gemm[c->b.precision == PRECISION_EXACT ? PANELS_F32 : PANELS_PAIRS](&g);
}

/* dy's columns are packed into the worker's scratch, where they stay in the first cache. */
static void dw_blocks(void *arg, size_t first, size_t end, size_t worker)
{
    const struct dw *d = arg;
    float *dy = cpu_worker(d->c, worker, OPS_ROW_BLOCK * DW_OUTPUTS);
    for (size_t k = 0; k < d->k; k += DW_PANELS * PANEL)
        for (size_t row = 0; row < d->m; row += OPS_ROW_BLOCK)
            for (size_t i = first; i < end; i++)
                dw_block(d, i, row, k, dy);
}

/* Blocks of nearly equal size, as many for each thread. */
static size_t output_blocks(const struct cpu *c, size_t n)
{
    size_t panels = (n + PANEL - 1) / PANEL;
    size_t blocks = up((n + DW_OUTPUTS - 1) / DW_OUTPUTS, pool_size(c->pool));
    return blocks < panels ? blocks : panels;
}

void cpu_linear_dw(struct cpu *c, float *dw, size_t n, size_t k, size_t m, struct rows dy,
                   struct rows x)
{
    size_t panels = (k + PANEL - 1) / PANEL, block = panels * PANEL * OPS_ROW_BLOCK;
    size_t most = (block && block < DW_SLAB ? DW_SLAB / block : 1) * OPS_ROW_BLOCK;
    for (size_t i = 0; i < m; i += most) {
        size_t rows = m - i < most ? m - i : most;
        size_t row_blocks = (rows + OPS_ROW_BLOCK - 1) / OPS_ROW_BLOCK;
        float *packed = cpu_shared(c, block_at(c, panels, rows));
        struct columns p = {c, rows_from(x, i), k, rows, panels, packed};
        cpu_each(c, row_blocks * panels, 1 + 4096 / rows, pack_columns, &p);
        struct dw d = {c, rows_from(dy, i), packed, rows, n, k, output_blocks(c, n), dw};
        cpu_each(c, d.n_blocks, 1 + (1 << 17) / (rows * k * DW_OUTPUTS), dw_blocks, &d);
    }
}

void cpu_linear_backward(struct backend *b, const struct linear_grad *a)
{
    struct cpu *c = cpu_of(b);
    if (a->dw)
        cpu_linear_dw(c, a->dw, a->w->n, a->w->k, a->m, a->dy, a->x);
    if (a->db)
        cpu_column_sums(c, a->db, a->w->n, a->m, a->dy);
    if (a->dx.p)
        cpu_linear_dx(c, a->w, 0, a->w->n, a->m, a->dy, a->dx, false, a->add_dx);
}
