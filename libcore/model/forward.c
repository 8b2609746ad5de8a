/* forward.c - see model.h: rows through a layer. */
#include "model/model.h"

#include <math.h>

static struct rows columns(struct rows r, size_t from)
{
    return (struct rows){r.p + from, r.stride};
}

static const struct rows no_rows = {0, 0};

struct layer_rows layer_rows_from(const struct layer_rows *r, size_t row, size_t n_heads)
{
    return (struct layer_rows){.x = rows_from(r->x, row),
                               .mid = rows_from(r->mid, row),
                               .out = rows_from(r->out, row),
                               .h = rows_from(r->h, row),
                               .qkv = rows_from(r->qkv, row),
                               .qk = rows_from(r->qk, row),
                               .att = rows_from(r->att, row),
                               .gu = rows_from(r->gu, row),
                               .act = rows_from(r->act, row),
                               .lse = r->lse ? r->lse + row * n_heads : NULL};
}

static void linear(const struct pass *p, const struct weight *w, struct rows x, struct rows y,
                   const float *bias, struct rows residual)
{
    p->b->op->linear(
        p->b,
        &(struct linear){.w = w, .m = p->m, .x = x, .y = y, .bias = bias, .residual = residual});
}

static void norm(const struct pass *p, size_t n_rows, size_t heads, size_t c, struct rows x,
                 struct rows y, const float *w, bool fleeting)
{
    p->b->op->norm(p->b, &(struct norm){.m = n_rows,
                                        .heads = heads,
                                        .c = c,
                                        .x = x,
                                        .y = y,
                                        .w = w,
                                        .eps = (float)p->model->config->norm_eps,
                                        .fleeting = fleeting});
}

void forward_embed(const struct pass *p, struct rows x)
{
    p->b->op->embed(p->b, p->model->embed, p->ids, p->m, x);
}

void forward_norm(const struct pass *p, size_t n_rows, struct rows x, struct rows y)
{
    norm(p, n_rows, 1, (size_t)p->model->config->hidden, x, y, p->model->norm, false);
}

/* Queries and keys stand side by side, so one call turns the heads of both. */
static void rotate(const struct pass *p, struct rows qk)
{
    const struct model *m = p->model;
    const struct model_config *c = m->config;
    p->b->op->rope(p->b, &(struct rope_args){.m = p->m,
                                             .heads = (size_t)(c->n_heads + c->n_kv_heads),
                                             .d = (size_t)c->head_dim,
                                             .rot = (size_t)c->head_dim,
                                             .x = qk,
                                             .pos = p->pos,
                                             .cos = m->cos,
                                             .sin = m->sin});
}

void forward_attention(const struct pass *p, int layer, size_t kv_layer, const struct layer_rows *r)
{
    const struct model *m = p->model;
    const struct model_config *c = m->config;
    const struct layer_weights *w = &m->layers[layer];
    const struct ops *op = p->b->op;
    norm(p, p->m, 1, (size_t)c->hidden, r->x, r->h, w->attn_norm, true);
    linear(p, w->qkv, r->h, r->qkv, w->qkv_bias, no_rows);
    if (w->q_norm) {
        size_t hd = (size_t)c->head_dim;
        norm(p, p->m, (size_t)c->n_heads, hd, r->qkv, r->qk, w->q_norm, false);
        norm(p, p->m, (size_t)c->n_kv_heads, hd, columns(r->qkv, m->q_width),
             columns(r->qk, m->q_width), w->k_norm, false);
    }
    rotate(p, r->qk);
    op->kv_write(p->b, &(struct kv_write){.kv = p->kv,
                                          .layer = kv_layer,
                                          .plan = p->plan,
                                          .k = columns(r->qk, m->q_width),
                                          .v = columns(r->qkv, m->q_width + m->kv_width)});
    op->attention(p->b, &(struct attention){.kv = p->kv,
                                            .layer = kv_layer,
                                            .plan = p->plan,
                                            .q = r->qk,
                                            .out = r->att,
                                            .lse = r->lse,
                                            .scale = (float)(1 / sqrt((double)c->head_dim))});
    linear(p, w->o, r->att, r->mid, w->o_bias, r->x);
}

void forward_gate(const struct pass *p, int layer, const struct layer_rows *r)
{
    const struct model *m = p->model;
    const struct layer_weights *w = &m->layers[layer];
    norm(p, p->m, 1, (size_t)m->config->hidden, r->mid, r->h, w->ff_norm, true);
    linear(p, w->gate_up, r->h, r->gu, w->gate_up_bias, no_rows);
}

void forward_mlp(const struct pass *p, int layer, const struct layer_rows *r)
{
    const struct model *m = p->model;
    const struct layer_weights *w = &m->layers[layer];
    forward_gate(p, layer, r);
    p->b->op->swiglu(
        p->b,
        &(struct swiglu){
            .m = p->m, .f = (size_t)m->config->ff, .gu = r->gu, .y = r->act, .fleeting = true});
    linear(p, w->down, r->act, r->out, w->down_bias, r->mid);
}
