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

/* ---- forward ---- */

struct view_rows {
    const struct weight *w;
    size_t first, end;
};

static void pack_view(struct cpu *c, const void *arg, size_t panel, float *to)
{
    const struct view_rows *v = arg;
    size_t row = v->first + panel * PANEL, n = v->end - row < PANEL ? v->end - row : PANEL;
    c->k->pack_rows(to, v->w->view + row * v->w->k, v->w->k, n, v->w->k);
}

static void linear_gemm(struct cpu *c, const struct weight *w, size_t first, struct gemm *g)
{
    if (w->view) {
        struct view_rows v = {w, first, first + g->n};
        cpu_product_packing(c, g, pack_view, &v);
        return;
    }
    size_t at = first / PANEL * w->k * PANEL;
    g->b = w->type == ELEM_BF16 ? (const void *)((const uint16_t *)w->panels + at)
                                : (const void *)((const float *)w->panels + at);
    g->b_panel = w->k * PANEL;
    cpu_product(c, g, w->type);
}

void cpu_linear_part(struct cpu *c, const struct weight *w, size_t first, size_t n, size_t m,
                     struct rows x, struct rows y)
{
    struct gemm g = {.a = x.p,
                     .a_row = x.stride,
                     .a_k = 1,
                     .m = m,
                     .n = n,
                     .k = w->k,
                     .c = y.p,
                     .c_row = y.stride};
    linear_gemm(c, w, first, &g);
}

void cpu_linear(struct backend *b, const struct linear *a)
{
    struct gemm g = {.a = a->x.p,
                     .a_row = a->x.stride,
                     .a_k = 1,
                     .m = a->m,
                     .n = a->w->n,
                     .k = a->w->k,
                     .c = a->y.p,
                     .c_row = a->y.stride,
                     .bias = a->bias,
                     .residual = a->residual.p,
                     .residual_row = a->residual.stride};
    linear_gemm(cpu_of(b), a->w, 0, &g);
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
    struct gemm g = {.a = dy.p,
                     .a_row = dy.stride,
                     .a_k = 1,
                     .m = m,
                     .n = w->k,
                     .k = n,
                     .c = dx.p,
                     .c_row = dx.stride};
    if (go_on) {
        g.from = dx.p;
        g.from_row = dx.stride;
    }
    if (add) {
        g.residual = dx.p;
        g.residual_row = dx.stride;
    }
    struct transposed t = {w, first, n};
    cpu_product_packing(c, &g, pack_transposed, &t);
}

/* One block of rows as panels [columns / 16][m][16]. */
struct columns {
    struct cpu *c;
    struct rows x;
    size_t n, m;
    float *to;
};

static void pack_columns(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct columns *p = arg;
    for (size_t i = first; i < end; i++) {
        size_t at = i * PANEL, n = p->n - at < PANEL ? p->n - at : PANEL;
        p->c->k->pack_columns(p->to + i * p->m * PANEL, PANEL, p->x.p + at, p->x.stride, n, p->m);
    }
}

struct dw {
    struct cpu *c;
    struct rows dy;
    const float *x; /* panels of a row block */
    size_t m, n, k;
    float *dw;
};

/* Panels of x that stay in cache while the outputs pass; outputs at a time. */
enum { DW_PANELS = 18, DW_OUTPUTS = 2 * PANEL };

/* Blocks of outputs, that is rows of dw: dy's columns are packed into the worker's scratch,
 * where they stay in the first cache. */
static void dw_outputs(void *arg, size_t first, size_t end, size_t worker)
{
    const struct dw *d = arg;
    float *dy = cpu_worker(d->c, worker, OPS_ROW_BLOCK * DW_OUTPUTS);
    for (size_t k = 0; k < d->k; k += DW_PANELS * PANEL)
        for (size_t i = first * DW_OUTPUTS; i < end * DW_OUTPUTS && i < d->n; i += DW_OUTPUTS) {
            size_t n = d->n - i < DW_OUTPUTS ? d->n - i : DW_OUTPUTS;
            float *to = d->dw + i * d->k + k;
            for (size_t j = 0; j < n; j += PANEL)
                d->c->k->pack_columns(dy + j, DW_OUTPUTS, d->dy.p + i + j, d->dy.stride,
                                      n - j < PANEL ? n - j : PANEL, d->m);
            struct gemm g = {.a = dy,
                             .a_row = 1,
                             .a_k = DW_OUTPUTS,
                             .b = d->x + k * d->m,
                             .b_panel = d->m * PANEL,
                             .m = n,
                             .k = d->m,
                             .c = to,
                             .c_row = d->k,
                             .residual = to,
                             .residual_row = d->k};
            g.n = d->k - k < DW_PANELS * PANEL ? d->k - k : DW_PANELS * PANEL;
            d->c->k->gemm_f32(&g);
        }
}

void cpu_linear_dw(struct cpu *c, float *dw, size_t n, size_t k, size_t m, struct rows dy,
                   struct rows x)
{
    float *packed = cpu_shared(c, up(k, PANEL) * (m < OPS_ROW_BLOCK ? m : OPS_ROW_BLOCK));
    for (size_t i = 0; i < m; i += OPS_ROW_BLOCK) {
        size_t rows = m - i < OPS_ROW_BLOCK ? m - i : OPS_ROW_BLOCK;
        struct columns p = {c, {row_at(x, i), x.stride}, k, rows, packed};
        cpu_each(c, (k + PANEL - 1) / PANEL, 1 + 4096 / rows, pack_columns, &p);
        struct dw d = {c, {row_at(dy, i), dy.stride}, packed, rows, n, k, dw};
        cpu_each(c, (n + DW_OUTPUTS - 1) / DW_OUTPUTS, 1 + (1 << 17) / (rows * k * DW_OUTPUTS),
                 dw_outputs, &d);
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
