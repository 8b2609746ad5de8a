/* attention.c - attention over pages, forward.
 *
 * A task is an item of the plan and a key/value head.  The rows of all samples of a
 * prompt and the query heads of the group are stacked into one matrix for the
 * blocks that they share, and go on alone, with what they have, for their own.
 * A stacked row's numbers are the same whatever it is stacked with. */
#include "compute/cpu/attention_tile.h"
#include "base/mem.h"
#include "compute/exact.h"

#include <math.h>
#include <string.h>

struct attn_tile attn_tile_of(const struct attn_plan *plan, const struct kv *kv, size_t layer,
                              size_t kv_head, size_t part, size_t n_rows)
{
    size_t group = plan->n_heads / plan->n_kv_heads;
    size_t heads = (group + plan->head_parts - 1) / plan->head_parts, first = part * heads;
    struct attn_tile t = {kv, layer, kv_head, kv_head * group + first, 0, 0};
    t.heads = first >= group ? 0 : group - first < heads ? group - first : heads;
    t.rows = n_rows * t.heads;
    return t;
}

void attn_tile_load(const struct attn_tile *t, float *to, size_t to_row, struct rows from,
                    size_t row, size_t n_rows)
{
    size_t d = t->kv->d;
    for (size_t r = 0; r < n_rows; r++) {
        const float *p = row_at(from, row + r) + t->first_head * d;
        for (size_t h = 0; h < t->heads; h++)
            memcpy(to + (r * t->heads + h) * to_row, p + h * d, d * sizeof *to);
    }
}

void attn_tile_scores(struct cpu *c, const struct attn_tile *t, const float *q, size_t rows,
                      int32_t page, size_t n, float *s)
{
    const struct kv *kv = t->kv;
    struct gemm g = {.a = q,
                     .a_row = kv->d,
                     .a_k = 1,
                     .m = rows,
                     .n = n,
                     .k = kv->d,
                     .c = s,
                     .b = kv_at(kv, kv_keys(kv, t->layer, page, t->kv_head)),
                     .b_panel = kv->d * PANEL,
                     .c_row = OPS_KV_BLOCK};
    c->k->gemm[kv->type == ELEM_BF16 ? PANELS_BF16 : PANELS_F32](&g);
}

/* The state of the stacked rows. */
struct state {
    struct cpu *c;
    struct attn_tile t;
    float *q;         /* [rows][d] */
    float *s;         /* [rows][64] */
    float *out;       /* [rows][dim] */
    float *max, *sum; /* [rows] */
    int32_t *n;       /* [rows]: valid keys of the block */
    float scale;
};

size_t attention_worker_floats(const struct op_limits *l)
{
    size_t group = l->n_kv_heads ? l->n_heads / l->n_kv_heads : 0;
    size_t rows = group > ATTN_ROWS ? group : ATTN_ROWS;
    return rows * (l->head_dim + up(l->head_dim, PANEL) + OPS_KV_BLOCK + 3) + 4 * PANEL;
}

/* Rows [first, first + rows) of the stack see the first state.n[] keys, at most n, of a page. */
static void join_block(const struct state *a, size_t first, size_t rows, int32_t page, size_t n)
{
    const struct kv *kv = a->t.kv;
    float *s = a->s + first * OPS_KV_BLOCK, *out = a->out + first * kv->dim;
    attn_tile_scores(a->c, &a->t, a->q + first * kv->d, rows, page, n, s);
    struct softmax_block b = {.s = s,
                              .n = a->n + first,
                              .rows = rows,
                              .width = up(n, PANEL),
                              .dim = kv->dim,
                              .out_row = kv->dim,
                              .scale = a->scale,
                              .max = a->max + first,
                              .sum = a->sum + first,
                              .out = out};
    a->c->k->softmax_block(&b);
    struct gemm g = {.a = s,
                     .a_row = OPS_KV_BLOCK,
                     .a_k = 1,
                     .m = rows,
                     .n = kv->dim,
                     .k = n,
                     .b = kv_at(kv, kv_values(kv, a->t.layer, page, a->t.kv_head)),
                     .b_panel = OPS_KV_BLOCK * PANEL,
                     .c = out,
                     .c_row = kv->dim,
                     .from = out,
                     .from_row = kv->dim};
    a->c->k->gemm[kv->type == ELEM_BF16 ? PANELS_BF16 : PANELS_F32](&g);
}

static void join_shared(const struct state *a, const struct attn_seq *s)
{
    for (size_t k = 0; k < s->n_shared; k += OPS_KV_BLOCK) {
        size_t n = s->n_shared - k < OPS_KV_BLOCK ? s->n_shared - k : OPS_KV_BLOCK;
        for (size_t i = 0; i < a->t.rows; i++)
            a->n[i] = (int32_t)n;
        join_block(a, 0, a->t.rows, s->shared_pages[k / OPS_KV_BLOCK], n);
    }
}

/* Rows of one piece, whose own positions begin at `position`; `at`: its place in the stack. */
static void join_own(const struct state *a, const struct attn_seq *s, size_t position,
                     size_t n_rows, size_t at)
{
    size_t heads = a->t.heads, end = position + n_rows;
    for (size_t k = 0; k < end; k += OPS_KV_BLOCK) {
        size_t first = k > position ? k - position : 0; /* rows before see nothing of it */
        size_t n = end - k < OPS_KV_BLOCK ? end - k : OPS_KV_BLOCK;
        for (size_t r = first; r < n_rows; r++) {
            size_t seen = position + r + 1 - k;
            for (size_t h = 0; h < heads; h++)
                a->n[at + r * heads + h] = (int32_t)(seen < n ? seen : n);
        }
        join_block(a, at + first * heads, (n_rows - first) * heads, s->pages[k / OPS_KV_BLOCK], n);
    }
}

struct job {
    struct cpu *c;
    const struct attention *a;
};

static struct state state_of(const struct job *j, const struct attn_item *item, size_t kv_head,
                             size_t part, size_t worker)
{
    const struct kv *kv = j->a->kv;
    struct state a = {.c = j->c,
                      .scale = j->a->scale,
                      .t = attn_tile_of(j->a->plan, kv, j->a->layer, kv_head, part, item->n_rows)};
    size_t rows = a.t.rows;
    a.q = cpu_worker(j->c, worker, rows * (kv->d + kv->dim + OPS_KV_BLOCK + 3));
    a.s = a.q + up(rows * kv->d, PANEL);
    a.out = a.s + rows * OPS_KV_BLOCK;
    a.max = a.out + rows * kv->dim;
    a.sum = a.max + rows;
    a.n = (int32_t *)(a.sum + rows);
    for (size_t i = 0; i < rows; i++)
        a.max[i] = -HUGE_VALF;
    memset(a.out, 0, rows * kv->dim * sizeof *a.out);
    memset(a.sum, 0, rows * sizeof *a.sum);
    return a;
}

static void store_rows(const struct job *j, const struct state *a, const struct attn_seq *s,
                       const struct attn_piece *piece, size_t at)
{
    size_t d = a->t.kv->d;
    for (size_t r = 0; r < piece->n_rows; r++)
        for (size_t h = 0; h < a->t.heads; h++, at++) {
            size_t row = s->row + piece->row + r, head = a->t.first_head + h;
            memcpy(row_at(j->a->out, row) + head * d, a->out + at * a->t.kv->dim,
                   d * sizeof(float));
            if (j->a->lse)
                j->a->lse[row * j->a->plan->n_heads + head] =
                    (float)((double)a->max[at] + exact_log((double)a->sum[at]));
        }
}

static void attend(void *arg, size_t task, size_t worker)
{
    const struct job *j = arg;
    const struct attn_plan *plan = j->a->plan;
    size_t part = task % plan->head_parts, kv_head = task / plan->head_parts % plan->n_kv_heads;
    /* Items are longest last, so they are taken from the end. */
    size_t from_end = task / plan->head_parts / plan->n_kv_heads;
    const struct attn_item *item = &plan->items[plan->n_items - 1 - from_end];
    struct state a = state_of(j, item, kv_head, part, worker);
    const struct attn_piece *pieces = plan->pieces + item->piece;
    size_t at = 0;
    for (size_t p = 0; p < item->n_pieces; at += pieces[p++].n_rows * a.t.heads)
        attn_tile_load(&a.t, a.q + at * a.t.kv->d, a.t.kv->d, j->a->q,
                       plan->s.seqs[pieces[p].seq].row + pieces[p].row, pieces[p].n_rows);
    join_shared(&a, &plan->s.seqs[pieces[0].seq]);
    at = 0;
    for (size_t p = 0; p < item->n_pieces; at += pieces[p++].n_rows * a.t.heads) {
        const struct attn_seq *s = &plan->s.seqs[pieces[p].seq];
        join_own(&a, s, s->n_keys - s->n_rows + pieces[p].row, pieces[p].n_rows, at);
    }
    j->c->k->softmax_end(a.out, a.t.kv->dim, a.sum, a.t.rows, a.t.kv->dim);
    at = 0;
    for (size_t p = 0; p < item->n_pieces; at += pieces[p++].n_rows * a.t.heads)
        store_rows(j, &a, &plan->s.seqs[pieces[p].seq], &pieces[p], at);
}

void cpu_attention(struct backend *b, const struct attention *a)
{
    struct job j = {cpu_of(b), a};
    const struct attn_plan *plan = a->plan;
    ASSERT(plan->n_kv_heads == a->kv->n_heads);
    pool_run(j.c->pool, plan->n_items * plan->n_kv_heads * plan->head_parts, attend, &j);
}
