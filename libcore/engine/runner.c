/* runner.c - see runner.h. */
#include "engine/runner.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Columns of each buffer of activations. */
struct widths {
    size_t x, h, qkv, gu, act, ends;
};

static struct widths widths_of(const struct model *m)
{
    size_t d = (size_t)m->config->hidden, ff = (size_t)m->config->ff;
    return (struct widths){d, d, m->qkv_width, 2 * ff, ff, d};
}

static struct op_limits limits_of(const struct model *m, size_t rows, size_t logit_rows,
                                  size_t keys)
{
    const struct model_config *c = m->config;
    struct widths w = widths_of(m);
    return (struct op_limits){.rows = rows,
                              .width = w.gu > w.qkv ? w.gu : w.qkv,
                              .head_dim = (size_t)c->head_dim,
                              .n_heads = (size_t)c->n_heads,
                              .n_kv_heads = (size_t)c->n_kv_heads,
                              .keys = keys,
                              .vocab = (size_t)c->vocab,
                              .hidden = (size_t)c->hidden,
                              .head_rows = logit_rows};
}

uint64_t runner_bytes(const struct model *m, size_t rows, size_t logit_rows)
{
    struct widths w = widths_of(m);
    struct op_limits l = limits_of(m, rows, logit_rows, OPS_KV_BLOCK);
    uint64_t per_row = w.x + w.h + w.qkv + w.gu + w.act + w.ends + 3;
    return rows * per_row * sizeof(float) +
           (uint64_t)logit_rows * (uint64_t)m->config->vocab * sizeof(float) +
           m->b->op->reserve_bytes(m->b, &l);
}

uint64_t runner_page_bytes(const struct model *m, enum elem kv)
{
    const struct model_config *c = m->config;
    return m->b->op->kv_page_bytes(m->b, kv, (size_t)c->n_layers, (size_t)c->n_kv_heads,
                                   (size_t)c->head_dim);
}

static bool rows_new(struct backend *b, struct rows *r, size_t rows, size_t width, struct err *e)
{
    *r = (struct rows){b->op->alloc(b, rows * width * sizeof(float), e), width};
    return r->p != NULL;
}

bool runner_open(struct runner *r, struct model *m, enum elem kv, size_t n_pages, size_t rows,
                 size_t logit_rows, struct err *e)
{
    struct backend *b = m->b;
    const struct ops *op = b->op;
    const struct model_config *c = m->config;
    struct widths w = widths_of(m);
    struct op_limits l = limits_of(m, rows, logit_rows, n_pages * OPS_KV_BLOCK);
    memset(r, 0, sizeof *r);
    r->model = m, r->rows = rows, r->logit_rows = logit_rows;
    page_pool_init(&r->pages, n_pages);
    r->seqs = xcalloc(rows, sizeof *r->seqs);
    r->ids = xcalloc(3 * rows, sizeof *r->ids);
    r->pos = r->ids + rows, r->index = r->pos + rows;
    r->d_ids = op->alloc(b, 3 * rows * sizeof *r->d_ids, e);
    if (!r->d_ids)
        return false;
    r->d_pos = r->d_ids + rows, r->d_index = r->d_pos + rows;
    if (!rows_new(b, &r->r.x, rows, w.x, e) || !rows_new(b, &r->r.h, rows, w.h, e) ||
        !rows_new(b, &r->r.qkv, rows, w.qkv, e) || !rows_new(b, &r->r.gu, rows, w.gu, e) ||
        !rows_new(b, &r->r.act, rows, w.act, e) || !rows_new(b, &r->ends, rows, w.ends, e))
        return false;
    r->r.mid = r->r.out = r->r.x;
    r->r.qk = r->r.att = r->r.qkv;
    r->logits = op->alloc(b, logit_rows * (size_t)c->vocab * sizeof(float), e);
    if (!r->logits)
        return false;
    r->kv = op->kv_new(b, kv, (size_t)c->n_layers, n_pages, (size_t)c->n_kv_heads,
                       (size_t)c->head_dim, e);
    if (!r->kv)
        return false;
    r->plan = op->plan_new(b,
                           &(struct plan_size){.n_heads = (size_t)c->n_heads,
                                               .n_kv_heads = (size_t)c->n_kv_heads,
                                               .n_rows = rows,
                                               .n_seqs = rows,
                                               .n_pages = 2 * n_pages},
                           e);
    return r->plan && op->reserve(b, &l, e);
}

void runner_close(struct runner *r)
{
    if (!r->model)
        return;
    struct backend *b = r->model->b;
    void *const device[] = {r->d_ids,  r->r.x.p,   r->r.h.p,  r->r.qkv.p,
                            r->r.gu.p, r->r.act.p, r->ends.p, r->logits};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        b->op->free(b, device[i]);
    b->op->kv_free(b, r->kv);
    b->op->plan_free(b, r->plan);
    page_pool_free(&r->pages);
    free(r->seqs);
    free(r->ids);
    memset(r, 0, sizeof *r);
}

size_t runner_add(struct runner *r, const struct page_run *shared, size_t n_shared,
                  const struct page_run *own, const int32_t *tokens, size_t from, size_t to)
{
    size_t n = to - from < r->rows - r->m ? to - from : r->rows - r->m;
    if (n == 0)
        return 0;
    r->seqs[r->n_seqs++] = (struct attn_seq){.shared_pages = shared ? shared->pages : NULL,
                                             .n_shared = n_shared,
                                             .pages = own->pages,
                                             .n_keys = from + n,
                                             .row = r->m,
                                             .n_rows = n};
    for (size_t i = 0; i < n; i++) {
        r->ids[r->m + i] = tokens[from + i];
        r->pos[r->m + i] = (int32_t)(n_shared + from + i);
    }
    r->m += n;
    return n;
}

void runner_run(struct runner *r)
{
    struct backend *b = r->model->b;
    struct pass p = {.model = r->model,
                     .kv = r->kv,
                     .plan = r->plan,
                     .ids = r->d_ids,
                     .pos = r->d_pos,
                     .m = r->m};
    b->op->upload(b, r->d_ids, r->ids, r->m * sizeof *r->ids);
    b->op->upload(b, r->d_pos, r->pos, r->m * sizeof *r->pos);
    b->op->plan_set(b, r->plan, r->seqs, r->n_seqs);
    if (b->op->step_begin)
        b->op->step_begin(b);
    forward_embed(&p, r->r.x);
    for (int i = 0; i < r->model->config->n_layers; i++) {
        forward_attention(&p, i, (size_t)i, &r->r);
        forward_mlp(&p, i, &r->r);
    }
    if (b->op->step_end)
        b->op->step_end(b);
    r->m = r->n_seqs = 0;
}

void runner_ends(struct runner *r, const int32_t *index, size_t n)
{
    struct backend *b = r->model->b;
    b->op->upload(b, r->d_index, index, n * sizeof *index);
    b->op->gather(b, r->ends, r->r.x, r->d_index, n, (size_t)r->model->config->hidden);
    forward_norm(r->model, n, r->ends, r->ends);
}

void runner_logits(struct runner *r, size_t from, size_t n)
{
    const struct model *m = r->model;
    struct rows x = {r->ends.p + from * r->ends.stride, r->ends.stride};
    m->b->op->linear(
        m->b,
        &(struct linear){.w = m->head, .m = n, .x = x, .y = {r->logits, (size_t)m->config->vocab}});
}

double runner_row_flops(const struct model *m, double n_keys)
{
    double d = m->config->hidden, ff = m->config->ff, q = (double)m->q_width;
    return m->config->n_layers *
           (2 * d * (double)m->qkv_width + 2 * q * d + 6 * d * ff + 4 * q * n_keys);
}

double runner_head_flops(const struct model *m)
{
    return 2.0 * m->config->hidden * m->config->vocab;
}
