/* product.c - products of matrices over the pool.
 *
 * A task is a block of rows times a block of panels.  Reductions longer than
 * PRODUCT_DEPTH go in pieces, so that panels and rows stay in cache; the sums wait in the
 * worker's scratch between the pieces, exactly as they are, and the chain goes on.
 * Where all rows are few enough for the cache, as in decoding, panels are read in one go. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"

struct job {
    struct cpu *c;
    struct gemm g;
    enum panels kind;
    size_t rows; /* of a task */
    size_t n_panels, row_blocks, panel_blocks;
    size_t depth;
};

enum { FEW_ELEMENTS = 1 << 15 }; /* of rows, that stay in the second cache beside panels */
enum { TASK_BYTES = 384 << 10 }; /* of weights that one task reads from memory */

size_t product_worker_floats(void)
{
    return (size_t)PRODUCT_ROWS * PRODUCT_PANELS * PANEL;
}

static const void *panel_at(const struct job *j, size_t panel, size_t k)
{
    size_t size = j->kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float);
    return (const char *)j->g.b + (panel * j->g.b_panel + k * PANEL) * size;
}

static void block(void *arg, size_t task, size_t worker)
{
    const struct job *j = arg;
    size_t i = task % j->row_blocks * j->rows, part = task / j->row_blocks;
    size_t p = part * j->n_panels / j->panel_blocks;
    size_t end = (part + 1) * j->n_panels / j->panel_blocks * PANEL;
    struct gemm g = j->g;
    g.m = j->g.m - i < j->rows ? j->g.m - i : j->rows;
    g.n = (end < j->g.n ? end : j->g.n) - p * PANEL;
    g.c = j->g.c + i * j->g.c_row + p * PANEL;
    g.bias = j->g.bias ? j->g.bias + p * PANEL : NULL;
    g.residual = j->g.residual ? j->g.residual + i * j->g.residual_row + p * PANEL : NULL;
    float *wait = g.k > j->depth ? cpu_worker(j->c, worker, product_worker_floats()) : NULL;
    for (size_t k = 0; k < j->g.k || k == 0; k += j->depth) {
        struct gemm piece = g;
        bool last = j->g.k - k <= j->depth;
        piece.k = last ? j->g.k - k : j->depth;
        piece.a = (const float *)j->g.a + i * j->g.a_row + k * j->g.a_k;
        piece.b = panel_at(j, p, k);
        if (k) {
            piece.from = wait;
            piece.from_row = PRODUCT_PANELS * PANEL;
        } else if (g.from) {
            piece.from = g.from + i * g.from_row + p * PANEL;
        }
        if (!last) {
            piece.c = wait;
            piece.c_row = PRODUCT_PANELS * PANEL;
            piece.bias = piece.residual = NULL;
        }
        j->c->k->gemm[j->kind](&piece);
    }
}

/* Panels of a task that reads them in one go: TASK_BYTES, but whole tiles. */
static size_t few_panels(const struct job *j)
{
    size_t size = j->kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float);
    size_t n = TASK_BYTES / (j->g.k * PANEL * size + 1) / 3 * 3;
    return n < 3 ? 3 : n < PRODUCT_PANELS ? n : PRODUCT_PANELS;
}

void cpu_product(struct cpu *c, const struct gemm *g, enum panels kind)
{
    if (g->m == 0 || g->n == 0)
        return;
    struct job j = {.c = c, .g = *g, .kind = kind, .n_panels = (g->n + PANEL - 1) / PANEL};
    size_t threads = pool_size(c->pool), blocks = (g->m + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
    j.rows = (g->m + blocks - 1) / blocks;
    j.row_blocks = (g->m + j.rows - 1) / j.rows;
    j.depth = g->m * g->k <= FEW_ELEMENTS && g->k ? g->k : PRODUCT_DEPTH;
    /* Enough tasks for the threads, of nearly equal size, unless the work is not worth waking them. */
    /* Many weights come from memory, at a rate that differs between threads: tasks are smaller there. */
    size_t work = g->m * g->n * g->k, each = j.n_panels < 64 * threads ? 3 : 6;
    size_t wanted = work < 1 << 17 ? 1 : each * threads;
    size_t most = j.depth == g->k ? few_panels(&j) : PRODUCT_PANELS;
    size_t least = (j.n_panels + most - 1) / most;
    j.panel_blocks = (wanted + j.row_blocks - 1) / j.row_blocks;
    if (j.panel_blocks < least)
        j.panel_blocks = wanted == 1 ? least : up(least, threads);
    if (j.panel_blocks > j.n_panels)
        j.panel_blocks = j.n_panels;
    size_t n_tasks = j.panel_blocks * j.row_blocks;
    if (wanted == 1)
        for (size_t t = 0; t < n_tasks; t++)
            block(&j, t, 0);
    else
        pool_run(c->pool, n_tasks, block, &j);
}

/* ---- panels that are packed as they are needed ---- */

struct packing {
    struct cpu *c;
    pack_fn *pack;
    const void *arg;
    float *to;
    size_t first, k;
};

static void pack_range(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct packing *p = arg;
    for (size_t i = first; i < end; i++)
        p->pack(p->c, p->arg, p->first + i, p->to + i * p->k * PANEL);
}

void cpu_product_packing(struct cpu *c, const struct gemm *g, enum panels kind, pack_fn *pack,
                         const void *arg)
{
    if (g->m == 0 || g->n == 0)
        return;
    size_t n_panels = (g->n + PANEL - 1) / PANEL, panel = g->k * PANEL;
    size_t most = panel ? SLAB_FLOATS / panel : n_panels;
    most = most < 1 ? 1 : most > n_panels ? n_panels : most;
    struct packing p = {c, pack, arg, cpu_shared(c, most * panel), 0, g->k};
    for (; p.first < n_panels; p.first += most) {
        size_t n = n_panels - p.first < most ? n_panels - p.first : most, at = p.first * PANEL;
        cpu_each(c, n, 1 + 32768 / (panel + 1), pack_range, &p);
        struct gemm part = *g;
        part.b = p.to;
        part.b_panel = panel;
        part.n = g->n - at < n * PANEL ? g->n - at : n * PANEL;
        part.c = g->c + at;
        part.from = g->from ? g->from + at : NULL;
        part.bias = g->bias ? g->bias + at : NULL;
        part.residual = g->residual ? g->residual + at : NULL;
        cpu_product(c, &part, kind);
    }
}
