/* attention_grad.c - the gradient of attention.
 *
 * The weights are computed again from the log-sum-exp.  A key's sums are one chain over all the
 * rows that see it, in order, and a row's is one over its keys; no two tasks add to the same sum.
 * So a task is a prompt with all that share it, block by block of keys; or, where that
 * gives too few tasks for the threads, there are two passes, dk and dv by
 * blocks of keys and dq by rows, which cost two products more and give the same bits. */
#include "compute/cpu/attention_tile.h"
#include "base/mem.h"
#include "compute/elem.h"

#include <string.h>

enum { ENOUGH = 2 }; /* tasks for each thread, for them to end at about the same time */

struct job {
    struct cpu *c;
    const struct attention_grad *a;
    float *d; /* (M, H): sum of dout out */
};

/* One tile of stacked rows against one block of keys. */
struct tile {
    struct attn_tile t;
    float *q, *dout; /* [rows][d] */
    float *p, *ds;   /* [rows][64] */
    float *lse, *d;  /* [rows] */
    int32_t *n;      /* [rows] */
    float *turned;   /* a block of values: [4][d][16] */
    float *keys;     /* a block of keys: [dim/16][64][16] */
    float *panels;   /* rows as panels: [dim/16][rows][16] */
    float *a, *b;    /* sums: [rows or 64][dim] */
    float *dq;       /* [rows][dim] */
    float *plain;    /* a bf16 block as f32 */
};

static size_t max_rows(const struct op_limits *l)
{
    size_t group = l->n_kv_heads ? l->n_heads / l->n_kv_heads : 0;
    return group > ATTN_ROWS ? group : ATTN_ROWS;
}

static size_t tile_floats(size_t rows, size_t d)
{
    size_t dim = up(d, PANEL);
    return rows * (2 * d + 2 * OPS_KV_BLOCK + 2 * dim + 3) + OPS_KV_BLOCK * (d + 2 * dim) +
           (rows > OPS_KV_BLOCK ? rows : OPS_KV_BLOCK) * 2 * dim + 16 * PANEL;
}

size_t attention_grad_worker_floats(const struct op_limits *l)
{
    return tile_floats(max_rows(l), l->head_dim);
}

size_t attention_grad_shared_floats(const struct op_limits *l)
{
    return l->rows * l->n_heads;
}

static float *take(float **at, size_t n)
{
    float *p = *at;
    *at += up(n, PANEL);
    return p;
}

static void tile_memory(const struct job *j, struct tile *x, size_t rows, size_t worker)
{
    size_t d = j->a->kv->d, dim = j->a->kv->dim;
    size_t most = rows > OPS_KV_BLOCK ? rows : OPS_KV_BLOCK;
    float *at = cpu_worker(j->c, worker, tile_floats(rows, d));
    x->q = take(&at, rows * d);
    x->dout = take(&at, rows * d);
    x->p = take(&at, rows * OPS_KV_BLOCK);
    x->ds = take(&at, rows * OPS_KV_BLOCK);
    x->lse = take(&at, rows);
    x->d = take(&at, rows);
    x->n = (int32_t *)take(&at, rows);
    x->turned = take(&at, OPS_KV_BLOCK * d);
    x->plain = take(&at, OPS_KV_BLOCK * dim);
    x->keys = take(&at, OPS_KV_BLOCK * dim);
    x->panels = take(&at, rows * dim);
    x->dq = take(&at, rows * dim);
    x->a = take(&at, most * dim);
    x->b = take(&at, most * dim);
}

/* Rows [row, row + n_rows) of the batch as stacked rows [at, ...). */
static void load_rows(const struct job *j, struct tile *x, size_t at, size_t row, size_t n_rows)
{
    size_t d = j->a->kv->d, heads = x->t.heads, all = j->a->plan->n_heads;
    attn_tile_load(&x->t, x->q + at * d, d, j->a->q, row, n_rows);
    attn_tile_load(&x->t, x->dout + at * d, d, j->a->dout, row, n_rows);
    for (size_t r = 0; r < n_rows; r++)
        for (size_t h = 0; h < heads; h++) {
            size_t from = (row + r) * all + x->t.first_head + h;
            x->lse[at + r * heads + h] = j->a->lse[from];
            x->d[at + r * heads + h] = j->d[from];
        }
}

static const float *plain_block(struct cpu *c, const struct tile *x, size_t element, size_t n)
{
    const struct kv *kv = x->t.kv;
    if (kv->type == ELEM_F32)
        return kv_at(kv, element);
    c->k->widen_panel(x->plain, kv_at(kv, element), n / PANEL);
    return x->plain;
}

/* Values [dim/16][64][16] to [4][d][16]. */
static void turn_values(struct cpu *c, const struct tile *x, int32_t page)
{
    const struct kv *kv = x->t.kv;
    const float *v =
        plain_block(c, x, kv_values(kv, x->t.layer, page, x->t.kv_head), OPS_KV_BLOCK * kv->dim);
    for (size_t key = 0; key < OPS_KV_BLOCK; key += PANEL)
        for (size_t d = 0; d < kv->d; d += PANEL)
            c->k->pack_rows(x->turned + (key / PANEL * kv->d + d) * PANEL,
                            v + (d / PANEL * OPS_KV_BLOCK + key) * PANEL, PANEL, PANEL,
                            kv->d - d < PANEL ? kv->d - d : PANEL);
}

/* Keys [4][d][16] to [dim/16][64][16]. */
static void turn_keys(struct cpu *c, const struct tile *x, int32_t page)
{
    const struct kv *kv = x->t.kv;
    const float *k =
        plain_block(c, x, kv_keys(kv, x->t.layer, page, x->t.kv_head), OPS_KV_BLOCK * kv->d);
    for (size_t key = 0; key < OPS_KV_BLOCK; key += PANEL)
        for (size_t d = 0; d < kv->d; d += PANEL)
            c->k->pack_rows(x->keys + (d / PANEL * OPS_KV_BLOCK + key) * PANEL,
                            k + (key / PANEL * kv->d + d) * PANEL, PANEL,
                            kv->d - d < PANEL ? kv->d - d : PANEL, PANEL);
}

/* p and ds of stacked rows [first, first + rows) against the first n keys of a page. */
static void weigh(const struct job *j, const struct tile *x, size_t first, size_t rows,
                  int32_t page, size_t n)
{
    const struct kernels *k = j->c->k;
    size_t d = j->a->kv->d;
    float *p = x->p + first * OPS_KV_BLOCK, *ds = x->ds + first * OPS_KV_BLOCK;
    attn_tile_scores(j->c, &x->t, x->q + first * d, rows, page, n, p);
    k->softmax_again(p, x->n + first, x->lse + first, rows, up(n, PANEL), j->a->scale);
    struct gemm g = {.a = x->dout + first * d,
                     .a_row = d,
                     .a_k = 1,
                     .b = x->turned,
                     .b_panel = d * PANEL,
                     .m = rows,
                     .n = n,
                     .k = d,
                     .c = ds,
                     .c_row = OPS_KV_BLOCK};
    k->gemm[PANELS_F32](&g);
    k->softmax_grad(ds, p, x->d + first, rows, up(n, PANEL), j->a->scale);
}

/* How many of the keys [k, k + n) row r of a run sees, r at `position`. */
static int32_t seen(size_t position, size_t k, size_t n)
{
    if (position < k)
        return 0;
    return (int32_t)(position + 1 - k < n ? position + 1 - k : n);
}

/* ---- dq ---- */

/* dq [rows][dim] += ds of stacked rows [first, ...) times a block of keys. */
static void add_dq(const struct job *j, const struct tile *x, float *dq, size_t first, size_t rows,
                   size_t n)
{
    const struct kv *kv = j->a->kv;
    struct gemm g = {.a = x->ds + first * OPS_KV_BLOCK,
                     .a_row = OPS_KV_BLOCK,
                     .a_k = 1,
                     .b = x->keys,
                     .b_panel = OPS_KV_BLOCK * PANEL,
                     .m = rows,
                     .n = kv->dim,
                     .k = n,
                     .c = dq,
                     .c_row = kv->dim,
                     .from = dq,
                     .from_row = kv->dim};
    j->c->k->gemm[PANELS_F32](&g);
}

/* How far a chain goes on over weights of 0 must not be seen: zeros end as +0. */
static void store_dq(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] + 0.0f;
}

static void dq_block(const struct job *j, const struct tile *x, size_t first, size_t rows,
                     int32_t page, size_t n)
{
    turn_values(j->c, x, page);
    turn_keys(j->c, x, page);
    weigh(j, x, first, rows, page, n);
    add_dq(j, x, x->a + first * j->a->kv->dim, first, rows, n);
}

static void dq_shared(const struct job *j, const struct tile *x, const struct attn_seq *s)
{
    for (size_t k = 0; k < s->n_shared; k += OPS_KV_BLOCK) {
        size_t n = s->n_shared - k < OPS_KV_BLOCK ? s->n_shared - k : OPS_KV_BLOCK;
        for (size_t i = 0; i < x->t.rows; i++)
            x->n[i] = (int32_t)n;
        dq_block(j, x, 0, x->t.rows, s->shared_pages[k / OPS_KV_BLOCK], n);
    }
}

static void dq_own(const struct job *j, const struct tile *x, const struct attn_seq *s,
                   size_t position, size_t n_rows, size_t at)
{
    size_t heads = x->t.heads, end = position + n_rows;
    for (size_t k = 0; k < end; k += OPS_KV_BLOCK) {
        size_t first = k > position ? k - position : 0;
        size_t n = end - k < OPS_KV_BLOCK ? end - k : OPS_KV_BLOCK;
        for (size_t i = first * heads; i < n_rows * heads; i++)
            x->n[at + i] = seen(position + i / heads, k, n);
        dq_block(j, x, at + first * heads, (n_rows - first) * heads, s->pages[k / OPS_KV_BLOCK], n);
    }
}

static void dq_task(void *arg, size_t task, size_t worker)
{
    const struct job *j = arg;
    const struct attn_plan *plan = j->a->plan;
    const struct kv *kv = j->a->kv;
    size_t part = task % plan->head_parts, kv_head = task / plan->head_parts % plan->n_kv_heads;
    size_t from_end = task / plan->head_parts / plan->n_kv_heads, at = 0;
    const struct attn_item *item = &plan->items[plan->n_items - 1 - from_end];
    const struct attn_piece *pieces = plan->pieces + item->piece;
    struct tile x = {.t = attn_tile_of(plan, kv, j->a->layer, kv_head, part, item->n_rows)};
    tile_memory(j, &x, x.t.rows, worker);
    memset(x.a, 0, x.t.rows * kv->dim * sizeof *x.a);
    for (size_t p = 0; p < item->n_pieces; at += pieces[p++].n_rows * x.t.heads)
        load_rows(j, &x, at, plan->s.seqs[pieces[p].seq].row + pieces[p].row, pieces[p].n_rows);
    dq_shared(j, &x, &plan->s.seqs[pieces[0].seq]);
    at = 0;
    for (size_t p = 0; p < item->n_pieces; at += pieces[p++].n_rows * x.t.heads)
        dq_own(j, &x, &plan->s.seqs[pieces[p].seq], pieces[p].row, pieces[p].n_rows, at);
    at = 0;
    for (size_t p = 0; p < item->n_pieces; p++)
        for (size_t r = 0; r < pieces[p].n_rows; r++)
            for (size_t h = 0; h < x.t.heads; h++, at++)
                store_dq(row_at(j->a->dq, plan->s.seqs[pieces[p].seq].row + pieces[p].row + r) +
                             (x.t.first_head + h) * kv->d,
                         x.a + at * kv->dim, kv->d);
}

/* ---- dk, dv ---- */

/* x->panels: [dim/16][rows][16] of `from` [rows][d]. */
static void rows_as_panels(struct cpu *c, const struct tile *x, const float *from, size_t rows)
{
    size_t d = x->t.kv->d;
    for (size_t i = 0; i < d; i += PANEL)
        c->k->pack_columns(x->panels + i * rows, PANEL, from + i, d, d - i < PANEL ? d - i : PANEL,
                           rows);
}

/* sum[key][dim] += weights^T from, over the stacked rows in order. */
static void add_keys(struct cpu *c, const struct tile *x, float *sum, const float *weights,
                     const float *from, size_t rows, size_t n)
{
    size_t dim = x->t.kv->dim;
    rows_as_panels(c, x, from, rows);
    struct gemm g = {.a = weights,
                     .a_row = 1,
                     .a_k = OPS_KV_BLOCK,
                     .b = x->panels,
                     .b_panel = rows * PANEL,
                     .m = n,
                     .n = dim,
                     .k = rows,
                     .c = sum,
                     .c_row = dim,
                     .from = sum,
                     .from_row = dim};
    c->k->gemm[PANELS_F32](&g);
}

/* The stacked rows' part of dq, of rows [row, row + n_rows) of the batch. */
static float *dq_at(const struct job *j, const struct tile *x, size_t row)
{
    return row_at(j->a->dq, row) + x->t.first_head * x->t.kv->d;
}

/* Goes on with the chains of dq where the blocks before have left them. */
static void go_on_dq(const struct job *j, const struct tile *x, size_t row, size_t n_rows, size_t n)
{
    size_t d = x->t.kv->d, dim = x->t.kv->dim, heads = x->t.heads;
    for (size_t i = 0; i < n_rows * heads; i++)
        memcpy(x->dq + i * dim, dq_at(j, x, row + i / heads) + i % heads * d, d * sizeof(float));
    add_dq(j, x, x->dq, 0, n_rows * heads, n);
    for (size_t i = 0; i < n_rows * heads; i++)
        store_dq(dq_at(j, x, row + i / heads) + i % heads * d, x->dq + i * dim, d);
}

/* A block of keys that rows are added to; `own`: it is of the rows' own run, at position `at`. */
struct block {
    int32_t page;
    size_t at, n;
    bool own, with_dq;
};

/* Rows [first, s->n_rows) of a sequence. */
static void add_rows(const struct job *j, struct tile *x, const struct attn_seq *s, size_t first,
                     const struct block *b)
{
    size_t group = j->a->plan->n_heads / j->a->plan->n_kv_heads;
    size_t heads = x->t.heads, most = group < ATTN_ROWS ? ATTN_ROWS / group : 1;
    for (size_t row = first, rows; row < s->n_rows; row += rows) {
        rows = s->n_rows - row < most ? s->n_rows - row : most;
        size_t n = b->own ? (size_t)seen(row + rows - 1, b->at, b->n) : b->n;
        x->t.rows = rows * heads;
        load_rows(j, x, 0, s->row + row, rows);
        for (size_t i = 0; i < x->t.rows; i++)
            x->n[i] = b->own ? seen(row + i / heads, b->at, n) : (int32_t)n;
        weigh(j, x, 0, x->t.rows, b->page, n);
        add_keys(j->c, x, x->b, x->p, x->dout, x->t.rows, n);
        add_keys(j->c, x, x->a, x->ds, x->q, x->t.rows, n);
        if (b->with_dq)
            go_on_dq(j, x, s->row + row, rows, n);
    }
}

static bool shares(const struct attn_seq *other, const struct attn_seq *s)
{
    return other != s && other->n_shared && other->shared_row == s->row;
}

/* A page of a sequence's own run: its dk and dv and, if asked for, its part of dq. */
static void dkv_page(const struct job *j, const struct attn_seq *s, size_t at, size_t kv_head,
                     bool with_dq, size_t worker)
{
    const struct attn_plan *plan = j->a->plan;
    const struct kv *kv = j->a->kv;
    size_t group = plan->n_heads / plan->n_kv_heads, k = at * OPS_KV_BLOCK;
    size_t n = s->n_keys - k < OPS_KV_BLOCK ? s->n_keys - k : OPS_KV_BLOCK;
    struct block own = {s->pages[at], k, n, true, with_dq};
    struct tile x = {.n = NULL};
    tile_memory(j, &x, group > ATTN_ROWS ? group : ATTN_ROWS, worker);
    memset(x.a, 0, OPS_KV_BLOCK * kv->dim * sizeof *x.a);
    memset(x.b, 0, OPS_KV_BLOCK * kv->dim * sizeof *x.b);
    x.t = attn_tile_of(plan, kv, j->a->layer, kv_head, 0, 0);
    turn_values(j->c, &x, own.page);
    if (with_dq)
        turn_keys(j->c, &x, own.page);
    for (size_t part = 0; part < plan->head_parts; part++) {
        x.t = attn_tile_of(plan, kv, j->a->layer, kv_head, part, 0);
        add_rows(j, &x, s, k, &own);
        for (size_t i = 0; i < plan->s.n; i++) {
            const struct attn_seq *other = &plan->s.seqs[i];
            if (!shares(other, s) || other->n_shared <= k)
                continue;
            struct block shared = own;
            shared.own = false;
            shared.n = other->n_shared - k < n ? other->n_shared - k : n;
            add_rows(j, &x, other, 0, &shared);
        }
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(row_at(j->a->dk, s->row + k + i) + kv_head * kv->d, x.a + i * kv->dim,
               kv->d * sizeof(float));
        memcpy(row_at(j->a->dv, s->row + k + i) + kv_head * kv->d, x.b + i * kv->dim,
               kv->d * sizeof(float));
    }
}

static size_t n_blocks(const struct attn_seq *s)
{
    return up(s->n_keys, OPS_KV_BLOCK) / OPS_KV_BLOCK;
}

/* Task: a sequence, a block of it, a key/value head; found by counting. */
static void dkv_task(void *arg, size_t task, size_t worker)
{
    const struct job *j = arg;
    const struct host_seqs *s = &j->a->plan->s;
    size_t kv_head = task % j->a->plan->n_kv_heads, block = task / j->a->plan->n_kv_heads, i = 0;
    for (; block >= n_blocks(&s->seqs[i]); i++)
        block -= n_blocks(&s->seqs[i]);
    dkv_page(j, &s->seqs[i], block, kv_head, false, worker);
}

/* ---- all at once ---- */

static void clear_dq(const struct job *j, const struct attn_seq *s, size_t kv_head)
{
    size_t width = j->a->plan->n_heads / j->a->plan->n_kv_heads * j->a->kv->d;
    for (size_t r = 0; r < s->n_rows; r++)
        memset(row_at(j->a->dq, s->row + r) + kv_head * width, 0, width * sizeof(float));
}

/* Task: a run that no other precedes, with those that share it, and a key/value head. */
static void whole_task(void *arg, size_t task, size_t worker)
{
    const struct job *j = arg;
    const struct host_seqs *s = &j->a->plan->s;
    size_t kv_head = task % j->a->plan->n_kv_heads, root = task / j->a->plan->n_kv_heads, i = 0;
    for (; s->seqs[i].n_shared || root-- > 0; i++)
        ;
    const struct attn_seq *first = &s->seqs[i];
    clear_dq(j, first, kv_head);
    for (i = 0; i < s->n; i++)
        if (shares(&s->seqs[i], first))
            clear_dq(j, &s->seqs[i], kv_head);
    for (size_t b = 0; b < n_blocks(first); b++)
        dkv_page(j, first, b, kv_head, true, worker);
    for (i = 0; i < s->n; i++)
        for (size_t b = 0; shares(&s->seqs[i], first) && b < n_blocks(&s->seqs[i]); b++)
            dkv_page(j, &s->seqs[i], b, kv_head, true, worker);
}

static void row_dots(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct job *j = arg;
    size_t d = j->a->kv->d, heads = j->a->plan->n_heads;
    for (size_t i = first; i < end; i++) {
        const struct attn_seq *s = &j->a->plan->s.seqs[i];
        ASSERT(s->n_rows == s->n_keys);
        for (size_t row = s->row; row < s->row + s->n_rows; row++)
            for (size_t h = 0; h < heads; h++)
                j->d[row * heads + h] = (float)j->c->k->dot(row_at(j->a->dout, row) + h * d,
                                                            row_at(j->a->out, row) + h * d, d);
    }
}

void cpu_attention_backward(struct backend *b, const struct attention_grad *a)
{
    const struct attn_plan *plan = a->plan;
    const struct host_seqs *s = &plan->s;
    if (s->n == 0)
        return;
    struct job j = {cpu_of(b), a, NULL};
    size_t blocks = 0, roots = 0;
    for (size_t i = 0; i < s->n; i++) {
        blocks += n_blocks(&s->seqs[i]);
        roots += s->seqs[i].n_shared == 0;
    }
    j.d = cpu_shared(j.c, (s->seqs[s->n - 1].row + s->seqs[s->n - 1].n_rows) * plan->n_heads);
    cpu_each(j.c, s->n, 1, row_dots, &j);
    size_t threads = pool_size(j.c->pool);
    if (threads == 1 || roots * plan->n_kv_heads >= ENOUGH * threads) {
        pool_run(j.c->pool, roots * plan->n_kv_heads, whole_task, &j);
        return;
    }
    pool_run(j.c->pool, blocks * plan->n_kv_heads, dkv_task, &j);
    pool_run(j.c->pool, plan->n_items * plan->n_kv_heads * plan->head_parts, dq_task, &j);
}
