/* rows.c - operators that work row by row, and sums over rows.
 *
 * Sums over rows are split by columns: a task owns some of the outputs and
 * walks over all rows in order. */
#include "compute/cpu/cpu.h"
#include "base/mem.h"

#include <string.h>

enum {
    GRAIN = 1 << 13, /* elements worth a task */
    COLUMNS = 4 *
              PANEL /* columns of a task that sums over rows: one cache line of each panel row */
};

static size_t rows_grain(size_t width)
{
    return GRAIN / (width + 1) + 1;
}

/* ---- embedding, copies ---- */

struct copy {
    struct cpu *c;
    const struct weight *w;
    struct rows x, y;
    const int32_t *ids;
    float *dw;
    size_t n, m;
};

static void embed_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct copy *a = arg;
    for (size_t i = first; i < end; i++) {
        ASSERT((size_t)a->ids[i] < a->w->n);
        weight_row(a->w, (size_t)a->ids[i], row_at(a->y, i));
    }
}

void cpu_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
               struct rows y)
{
    struct copy a = {.w = w, .ids = ids, .y = y};
    cpu_each(cpu_of(b), m, rows_grain(w->k * 4), embed_rows, &a);
}

static void embed_columns(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct copy *a = arg;
    for (size_t i = 0; i < a->m; i++)
        a->c->k->add(a->dw + (size_t)a->ids[i] * a->n + first, row_at(a->y, i) + first,
                     end - first);
}

void cpu_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                        struct rows dy)
{
    struct copy a = {.c = cpu_of(b), .dw = dw, .n = c, .ids = ids, .m = m, .y = dy};
    size_t grain = rows_grain(m);
    cpu_each(a.c, c, grain < COLUMNS ? COLUMNS : grain, embed_columns, &a);
}

static void gather_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct copy *a = arg;
    for (size_t i = first; i < end; i++)
        memcpy(row_at(a->y, i), row_at(a->x, (size_t)a->ids[i]), a->n * sizeof(float));
}

void cpu_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                size_t c)
{
    struct copy a = {.x = x, .y = y, .ids = index, .n = c};
    cpu_each(cpu_of(b), m, rows_grain(c), gather_rows, &a);
}

static void scatter_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct copy *a = arg;
    for (size_t i = first; i < end; i++)
        a->c->k->add(row_at(a->x, (size_t)a->ids[i]), row_at(a->y, i), a->n);
}

void cpu_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                     size_t m, size_t c)
{
    struct copy a = {.c = cpu_of(b), .x = x, .y = y, .ids = index, .n = c};
    cpu_each(a.c, m, rows_grain(c), scatter_rows, &a);
}

struct vectors {
    struct cpu *c;
    float *y;
    const float *x;
};

static void add_range(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct vectors *a = arg;
    a->c->k->add(a->y + first, a->x + first, end - first);
}

void cpu_add(struct backend *b, float *y, const float *x, size_t n)
{
    struct vectors a = {cpu_of(b), y, x};
    cpu_each(a.c, n, GRAIN, add_range, &a);
}

/* ---- sums over rows ---- */

struct sums {
    struct cpu *c;
    float *y;
    struct rows x, dy;
    size_t m, heads, width;
    const float *r; /* (M, heads) */
};

static void column_range(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct sums *a = arg;
    float block[COLUMNS];
    for (size_t j = first; j < end; j += COLUMNS) {
        size_t n = end - j < COLUMNS ? end - j : COLUMNS;
        for (size_t i = 0; i < a->m; i += OPS_ROW_BLOCK) {
            memset(block, 0, sizeof block);
            for (size_t m = i; m < a->m && m < i + OPS_ROW_BLOCK; m++)
                a->c->k->add(block, row_at(a->x, m) + j, n);
            a->c->k->add(a->y + j, block, n);
        }
    }
}

void cpu_column_sums(struct cpu *c, float *y, size_t n, size_t m, struct rows x)
{
    struct sums a = {.c = c, .y = y, .x = x, .m = m};
    size_t grain = rows_grain(m);
    cpu_each(c, n, grain < COLUMNS ? COLUMNS : grain, column_range, &a);
}

/* ---- norm ---- */

struct norm_job {
    struct cpu *c;
    const struct norm *a;
    const struct norm_grad *g;
    float *r;
};

static void norm_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct norm_job *j = arg;
    const struct norm *a = j->a;
    for (size_t m = first; m < end; m++)
        for (size_t h = 0; h < a->heads; h++)
            j->c->k->norm(row_at(a->y, m) + h * a->c, row_at(a->x, m) + h * a->c, a->w, a->c,
                          a->eps);
}

void cpu_norm(struct backend *b, const struct norm *a)
{
    struct norm_job j = {.c = cpu_of(b), .a = a};
    cpu_each(j.c, a->m, rows_grain(a->heads * a->c), norm_rows, &j);
}

static void root_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct norm_job *j = arg;
    const struct norm_grad *g = j->g;
    for (size_t m = first; m < end; m++)
        for (size_t h = 0; h < g->heads; h++)
            j->r[m * g->heads + h] = j->c->k->inverse_rms(row_at(g->x, m) + h * g->c, g->c, g->eps);
}

static void norm_columns(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct norm_job *j = arg;
    const struct norm_grad *g = j->g;
    float block[COLUMNS];
    for (size_t at = first; at < end; at += COLUMNS) {
        size_t n = end - at < COLUMNS ? end - at : COLUMNS;
        for (size_t i = 0; i < g->m; i += OPS_ROW_BLOCK) {
            memset(block, 0, sizeof block);
            for (size_t m = i; m < g->m && m < i + OPS_ROW_BLOCK; m++)
                for (size_t h = 0; h < g->heads; h++)
                    j->c->k->norm_dw(block, row_at(g->x, m) + h * g->c + at,
                                     row_at(g->dy, m) + h * g->c + at, n, j->r[m * g->heads + h]);
            j->c->k->add(g->dw + at, block, n);
        }
    }
}

static void norm_grad_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct norm_job *j = arg;
    const struct norm_grad *g = j->g;
    for (size_t m = first; m < end; m++)
        for (size_t h = 0; h < g->heads; h++)
            j->c->k->norm_grad(row_at(g->dx, m) + h * g->c, g->add_dx, row_at(g->x, m) + h * g->c,
                               row_at(g->dy, m) + h * g->c, g->w, g->c, j->r[m * g->heads + h]);
}

size_t rows_shared_floats(const struct op_limits *l)
{
    size_t heads = l->n_heads > l->n_kv_heads ? l->n_heads : l->n_kv_heads;
    return l->train ? l->rows * (heads ? heads : 1) : 0;
}

void cpu_norm_backward(struct backend *b, const struct norm_grad *g)
{
    struct norm_job j = {.c = cpu_of(b), .g = g};
    j.r = cpu_shared(j.c, g->m * g->heads);
    size_t grain = rows_grain(g->heads * g->c), columns = rows_grain(g->m * g->heads);
    cpu_each(j.c, g->m, grain, root_rows, &j);
    if (g->dw) /* before dx, which may be dy */
        cpu_each(j.c, g->c, columns < COLUMNS ? COLUMNS : columns, norm_columns, &j);
    cpu_each(j.c, g->m, grain, norm_grad_rows, &j);
}

/* ---- rope, swiglu ---- */

struct rope_job {
    struct cpu *c;
    const struct rope_args *a;
};

static void rope_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct rope_job *j = arg;
    const struct rope_args *a = j->a;
    size_t half = a->rot / 2;
    for (size_t m = first; m < end; m++)
        for (size_t h = 0; h < a->heads; h++)
            j->c->k->rope(row_at(a->x, m) + h * a->d, half, a->cos + (size_t)a->pos[m] * half,
                          a->sin + (size_t)a->pos[m] * half, a->inverse);
}

void cpu_rope(struct backend *b, const struct rope_args *a)
{
    struct rope_job j = {cpu_of(b), a};
    cpu_each(j.c, a->m, rows_grain(a->heads * a->d), rope_rows, &j);
}

struct swiglu_job {
    struct cpu *c;
    const struct swiglu *a;
    const struct swiglu_grad *g;
};

static void swiglu_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct swiglu_job *j = arg;
    for (size_t m = first; m < end; m++) {
        const float *gu = row_at(j->a->gu, m);
        j->c->k->swiglu(row_at(j->a->y, m), gu, gu + j->a->f, j->a->f);
    }
}

void cpu_swiglu(struct backend *b, const struct swiglu *a)
{
    struct swiglu_job j = {.c = cpu_of(b), .a = a};
    cpu_each(j.c, a->m, rows_grain(2 * a->f), swiglu_rows, &j);
}

static void swiglu_grad_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct swiglu_job *j = arg;
    const struct swiglu_grad *g = j->g;
    for (size_t m = first; m < end; m++) {
        const float *gu = row_at(g->gu, m);
        float *dgu = row_at(g->dgu, m);
        j->c->k->swiglu_grad(dgu, dgu + g->f, gu, gu + g->f, row_at(g->dy, m), g->f);
    }
}

void cpu_swiglu_backward(struct backend *b, const struct swiglu_grad *g)
{
    struct swiglu_job j = {.c = cpu_of(b), .g = g};
    cpu_each(j.c, g->m, rows_grain(4 * g->f), swiglu_grad_rows, &j);
}
