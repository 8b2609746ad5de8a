/* head.c - log-probabilities of given tokens and their gradient.
 *
 * Rows go in chunks and ids in slabs; the logits of one chunk and slab are all that ever exists. */
#include "compute/cpu/cpu.h"
#include "base/mem.h"
#include "compute/exact.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 4 * OPS_ROW_BLOCK, SLAB = HEAD_SLAB };

static size_t n_blocks(size_t v)
{
    return (v + OPS_VOCAB_BLOCK - 1) / OPS_VOCAB_BLOCK;
}

static size_t chunk_rows(size_t m)
{
    return m < CHUNK ? m : CHUNK;
}

size_t head_worker_floats(void)
{
    return 0;
}

size_t head_shared_floats(const struct op_limits *l)
{
    size_t rows = chunk_rows(l->head_rows);
    return rows * (SLAB + 3 * n_blocks(l->vocab) + 3) + PANEL;
}

double cpu_merge_parts(const struct vocab_part *parts, size_t n, double *mean)
{
    double max = -HUGE_VAL, sum = 0, dot = 0;
    for (size_t i = 0; i < n; i++)
        max = (double)parts[i].max > max ? (double)parts[i].max : max;
    for (size_t i = 0; i < n; i++) {
        double top = (double)parts[i].max, scale = exact_exp(top - max);
        sum += (double)parts[i].sum * scale;
        dot += ((double)parts[i].dot + top * (double)parts[i].sum) * scale;
    }
    if (mean)
        *mean = dot / sum;
    return max + exact_log(sum);
}

/* One chunk of rows; slab: the ids [first, first + n). */
struct pass {
    struct cpu *c;
    float *logits; /* (rows, SLAB) */
    size_t rows, first, n;
    /* forward */
    struct vocab_part *parts; /* (rows, blocks) */
    size_t blocks;
    bool entropy;
    /* backward: for each row */
    const struct head_row *heads;
    const float *dlogp, *dentropy;
};

static struct rows logits_of(const struct pass *p)
{
    return (struct rows){p->logits, SLAB};
}

/* Item i: block i % blocks of row i / blocks, of the blocks in the slab. */
static void reduce(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct pass *p = arg;
    size_t in_slab = n_blocks(p->n);
    for (size_t i = first; i < end; i++) {
        size_t row = i / in_slab, at = i % in_slab * OPS_VOCAB_BLOCK;
        size_t n = p->n - at < OPS_VOCAB_BLOCK ? p->n - at : OPS_VOCAB_BLOCK;
        p->parts[row * p->blocks + (p->first + at) / OPS_VOCAB_BLOCK] =
            p->c->k->vocab_block(p->logits + row * SLAB + at, n, p->entropy);
    }
}

void cpu_head(struct backend *b, const struct head *a)
{
    struct pass p = {.c = cpu_of(b), .entropy = a->entropy, .blocks = n_blocks(a->w->n)};
    size_t most = chunk_rows(a->m), t = 0;
    p.logits = cpu_head_memory(p.c, most * (SLAB + 3 * p.blocks));
    p.parts = (struct vocab_part *)(void *)(p.logits + most * SLAB);
    for (size_t m = 0; m < a->m; m += CHUNK) {
        p.rows = chunk_rows(a->m - m);
        size_t begin = t;
        for (p.first = 0; p.first < a->w->n; p.first += SLAB) {
            p.n = a->w->n - p.first < SLAB ? a->w->n - p.first : SLAB;
            cpu_linear_part(p.c, a->w, p.first, p.n, p.rows,
                            (struct rows){row_at(a->x, m), a->x.stride}, logits_of(&p));
            cpu_each(p.c, p.rows * n_blocks(p.n), 16, reduce, &p);
            for (t = begin; t < a->n_targets && (size_t)a->targets[t].row < m + p.rows; t++) {
                size_t id = (size_t)a->targets[t].id;
                if (id >= p.first && id - p.first < p.n)
                    a->logp[t] = p.logits[((size_t)a->targets[t].row - m) * SLAB + id - p.first];
            }
        }
        for (size_t i = 0; i < p.rows; i++) {
            double mean = 0;
            struct head_row *row = &a->rows[m + i];
            row->lse = cpu_merge_parts(p.parts + i * p.blocks, p.blocks, &mean);
            if (a->entropy)
                row->entropy = row->lse - mean;
        }
        for (size_t i = begin; i < t; i++)
            a->logp[i] = (float)((double)a->logp[i] - a->rows[a->targets[i].row].lse);
    }
    ASSERT(t == a->n_targets);
}

/* ---- backward ---- */

static void gradient_rows(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct pass *p = arg;
    for (size_t i = first; i < end; i++)
        p->c->k->vocab_grad(p->logits + i * SLAB, p->n, (float)p->heads[i].lse, p->dlogp[i],
                            p->dentropy[i], p->dentropy[i] != 0 ? (float)p->heads[i].entropy : 0);
}

/* Sums over each row's targets; returns the end of the chunk's targets. */
static size_t sum_targets(const struct head_grad *a, size_t m, size_t rows, size_t t, float *dlogp,
                          float *dentropy)
{
    for (size_t i = 0; i < rows; i++) {
        double g = 0, h = 0;
        for (; t < a->n_targets && (size_t)a->targets[t].row == m + i; t++) {
            g += a->dlogp[t];
            h += a->dentropy ? a->dentropy[t] : 0;
        }
        dlogp[i] = (float)g;
        dentropy[i] = (float)h;
    }
    return t;
}

void cpu_head_backward(struct backend *b, const struct head_grad *a)
{
    struct pass p = {.c = cpu_of(b)};
    size_t most = chunk_rows(a->m), k = a->w->k, t = 0;
    p.logits = cpu_head_memory(p.c, most * (SLAB + 2));
    float *dlogp = p.logits + most * SLAB, *dentropy = dlogp + most;
    p.dlogp = dlogp;
    p.dentropy = dentropy;
    for (size_t m = 0; m < a->m; m += CHUNK) {
        p.rows = chunk_rows(a->m - m);
        p.heads = a->rows + m;
        struct rows x = {row_at(a->x, m), a->x.stride}, dx = {row_at(a->dx, m), a->dx.stride};
        size_t begin = t;
        t = sum_targets(a, m, p.rows, t, dlogp, dentropy);
        for (p.first = 0; p.first < a->w->n; p.first += SLAB) {
            p.n = a->w->n - p.first < SLAB ? a->w->n - p.first : SLAB;
            cpu_linear_part(p.c, a->w, p.first, p.n, p.rows, x, logits_of(&p));
            cpu_each(p.c, p.rows, 4096 / p.n + 1, gradient_rows, &p);
            for (size_t i = begin; i < t; i++) {
                size_t id = (size_t)a->targets[i].id, row = (size_t)a->targets[i].row - m;
                if (id >= p.first && id - p.first < p.n)
                    p.logits[row * SLAB + id - p.first] += (float)a->dlogp[i];
            }
            cpu_linear_dx(p.c, a->w, p.first, p.n, p.rows, logits_of(&p), dx, p.first > 0, false);
            if (a->dw)
                cpu_linear_dw(p.c, a->dw + p.first * k, p.n, k, p.rows, logits_of(&p), x);
        }
    }
    ASSERT(t == a->n_targets);
}
