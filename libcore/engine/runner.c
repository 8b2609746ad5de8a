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

/* Lanes read all weights each, which is for weights that stay in a core's caches; a lane of fewer
 * rows would read them for too little. */
enum { LANE_WEIGHTS = 4 << 20, LANE_ROWS = 4 };

/* So few lanes that none is ever given more than its share of `rows`, whatever the batch. */
static size_t lanes_of(const struct model *m, size_t rows, size_t logit_rows)
{
    double weights = (runner_row_flops(m, 0) + runner_head_flops(m)) / 2;
    bool small = weights * (m->stored == ELEM_BF16 ? 2 : 4) <= LANE_WEIGHTS;
    size_t n = small ? m->b->op->lanes(m->b) : 1, most = rows / (2 * LANE_ROWS);
    most = most < logit_rows ? most : logit_rows;
    return n < most ? n : most ? most : 1;
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
                              .head_rows = logit_rows,
                              .lanes = lanes_of(m, rows, logit_rows)};
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

static struct attn_plan *plan_new(struct runner *r, size_t n_rows, struct err *e)
{
    const struct model_config *c = r->model->config;
    struct backend *b = r->model->b;
    return b->op->plan_new(b,
                           &(struct plan_size){.n_heads = (size_t)c->n_heads,
                                               .n_kv_heads = (size_t)c->n_kv_heads,
                                               .n_rows = n_rows,
                                               .n_seqs = n_rows,
                                               .n_pages = 2 * r->pages.n_pages},
                           e);
}

static bool lanes_open(struct runner *r, struct err *e)
{
    size_t n = lanes_of(r->model, r->rows, r->logit_rows);
    if (n < 2)
        return true;
    r->lane_plans = xcalloc(n, sizeof *r->lane_plans);
    for (r->n_lanes = 0; r->n_lanes < n; r->n_lanes++)
        if (!(r->lane_plans[r->n_lanes] = plan_new(r, r->rows / n + 1, e)))
            return false;
    return true;
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
    r->plan = plan_new(r, rows, e);
    return r->plan && lanes_open(r, e) && op->reserve(b, &l, e);
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
    for (size_t i = 0; i < r->n_lanes; i++)
        b->op->plan_free(b, r->lane_plans[i]);
    free(r->lane_plans);
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

static void upload_rows(struct runner *r)
{
    struct backend *b = r->model->b;
    b->op->upload(b, r->d_ids, r->ids, r->m * sizeof *r->ids);
    b->op->upload(b, r->d_pos, r->pos, r->m * sizeof *r->pos);
}

static struct pass pass_of(const struct runner *r, struct backend *b, const struct attn_plan *plan,
                           size_t first, size_t n)
{
    return (struct pass){.model = r->model,
                         .b = b,
                         .kv = r->kv,
                         .plan = plan,
                         .ids = r->d_ids + first,
                         .pos = r->d_pos + first,
                         .m = n};
}

static void through_layers(const struct pass *p, const struct layer_rows *r)
{
    const struct ops *op = p->b->op;
    if (op->step_begin)
        op->step_begin(p->b);
    forward_embed(p, r->x);
    for (int i = 0; i < p->model->config->n_layers; i++) {
        forward_attention(p, i, (size_t)i, r);
        forward_mlp(p, i, r);
    }
    if (op->step_end)
        op->step_end(p->b);
}

void runner_run(struct runner *r)
{
    struct backend *b = r->model->b;
    struct pass p = pass_of(r, b, r->plan, 0, r->m);
    upload_rows(r);
    b->op->plan_set(b, r->plan, r->seqs, r->n_seqs);
    through_layers(&p, &r->r);
    r->m = r->n_seqs = 0;
}

struct step {
    struct runner *r;
    const struct sample_row *rows;
    struct sample_out *out;
    size_t n_parts;
    meanwhile_fn *meanwhile; /* NULL once it was called; lanes find it so */
    void *arg;
    bool failed;
};

static void call_meanwhile(struct step *s)
{
    if (!s->meanwhile)
        return;
    s->failed = !s->meanwhile(s->arg);
    s->meanwhile = NULL;
}

static void step_part(struct backend *b, size_t part, void *arg)
{
    struct step *s = arg;
    struct runner *r = s->r;
    const struct model *m = r->model;
    size_t v = (size_t)m->config->vocab, most = r->logit_rows / s->n_parts;
    size_t first = part * r->m / s->n_parts, end = (part + 1) * r->m / s->n_parts, n;
    struct attn_plan *plan = s->n_parts > 1 ? r->lane_plans[part] : r->plan;
    struct pass p = pass_of(r, b, plan, first, end - first);
    struct layer_rows rows = layer_rows_from(&r->r, first, 0);
    struct rows logits = rows_from((struct rows){r->logits, v}, part * most);
    for (size_t i = first; i < end; i++)
        r->seqs[i].row -= first;
    b->op->plan_set(b, plan, r->seqs + first, end - first);
    through_layers(&p, &rows);
    forward_norm(&p, p.m, rows.x, rows_from(r->ends, first));
    for (size_t i = first; i < end; i += n) {
        n = end - i < most ? end - i : most;
        b->op->linear(
            b, &(struct linear){.w = m->head, .m = n, .x = rows_from(r->ends, i), .y = logits});
        call_meanwhile(s); /* a device of its own still works on the logits */
        if (s->failed)
            return;
        b->op->sample(
            b, &(struct sample){
                   .m = n, .v = v, .logits = logits, .rows = s->rows + i, .out = s->out + i});
    }
}

bool runner_step(struct runner *r, const struct sample_row *rows, struct sample_out *out,
                 meanwhile_fn *meanwhile, void *arg)
{
    struct backend *b = r->model->b;
    size_t n = r->m / LANE_ROWS;
    n = n < r->n_lanes ? n : r->n_lanes;
    struct step s = {
        .r = r, .rows = rows, .out = out, .n_parts = n ? n : 1, .meanwhile = meanwhile, .arg = arg};
    ASSERT(r->n_seqs == r->m);
    if (s.n_parts > 1)
        call_meanwhile(&s);
    if (!s.failed) {
        upload_rows(r);
        b->op->run_lanes(b, s.n_parts, step_part, &s);
    }
    r->m = r->n_seqs = 0;
    return !s.failed;
}

void runner_ends(struct runner *r, const int32_t *index, size_t n)
{
    struct backend *b = r->model->b;
    b->op->upload(b, r->d_index, index, n * sizeof *index);
    b->op->gather(b, r->ends, r->r.x, r->d_index, n, (size_t)r->model->config->hidden);
    struct pass p = pass_of(r, b, r->plan, 0, n);
    forward_norm(&p, n, r->ends, r->ends);
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
