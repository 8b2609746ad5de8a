/* backward.c - see model.h: gradients of a layer, in the opposite order of forward.c.
 *
 * What the forward pass did not keep is cheap to make again: the norms' outputs
 * and the gate's product. */
#include "model/model.h"

#include <math.h>

static struct rows columns(struct rows r, size_t from)
{
    return (struct rows){r.p + from, r.stride};
}

/* The place of a parameter's gradient, or NULL if there is no such parameter. */
static float *place(const struct model *m, float *grad, int param)
{
    return param < 0 ? NULL : grad + m->layout->params[param].offset;
}

static void linear_back(const struct pass *p, const struct weight *w, struct rows x, struct rows dy,
                        struct rows dx, float *dw, float *db)
{
    const struct backend *b = p->b;
    b->op->linear_backward(
        p->b,
        &(struct linear_grad){.w = w, .m = p->m, .x = x, .dy = dy, .dx = dx, .dw = dw, .db = db});
}

static void norm_again(const struct pass *p, struct rows x, struct rows y, const float *w)
{
    const struct model *m = p->model;
    p->b->op->norm(p->b, &(struct norm){.m = p->m,
                                        .heads = 1,
                                        .c = (size_t)m->config->hidden,
                                        .x = x,
                                        .y = y,
                                        .w = w,
                                        .eps = (float)m->config->norm_eps,
                                        .fleeting = true});
}

/* The stream's gradient grows by what came through a norm. */
static void norm_back(const struct pass *p, struct rows x, const struct backward_rows *d,
                      const float *w, float *dw)
{
    const struct model *m = p->model;
    p->b->op->norm_backward(p->b, &(struct norm_grad){.m = p->m,
                                                      .heads = 1,
                                                      .c = (size_t)m->config->hidden,
                                                      .x = x,
                                                      .dy = d->dh,
                                                      .dx = d->dx,
                                                      .add_dx = true,
                                                      .w = w,
                                                      .dw = dw,
                                                      .eps = (float)m->config->norm_eps});
}

static void heads_norm_back(const struct pass *p, int heads, struct rows x, struct rows dy,
                            const float *w, float *dw)
{
    const struct model *m = p->model;
    p->b->op->norm_backward(p->b, &(struct norm_grad){.m = p->m,
                                                      .heads = (size_t)heads,
                                                      .c = (size_t)m->config->head_dim,
                                                      .x = x,
                                                      .dy = dy,
                                                      .dx = dy,
                                                      .w = w,
                                                      .dw = dw,
                                                      .eps = (float)m->config->norm_eps});
}

static void mlp_back(const struct pass *p, int layer, const struct layer_rows *r,
                     const struct backward_rows *d, float *grad)
{
    const struct model *m = p->model;
    const struct layer_weights *w = &m->layers[layer];
    const struct layer_params *at = &m->layout->layers[layer];
    size_t ff = (size_t)m->config->ff;
    p->b->op->swiglu(
        p->b, &(struct swiglu){.m = p->m, .f = ff, .gu = r->gu, .y = r->act, .fleeting = true});
    linear_back(p, w->down, r->act, d->dx, d->dact, place(m, grad, at->down),
                place(m, grad, at->down_bias));
    p->b->op->swiglu_backward(p->b, &(struct swiglu_grad){.m = p->m,
                                                          .f = ff,
                                                          .gu = r->gu,
                                                          .dy = d->dact,
                                                          .dgu = r->gu,
                                                          .fleeting = at->gate_bias < 0});
    norm_again(p, r->mid, r->h, w->ff_norm);
    linear_back(p, w->gate_up, r->h, r->gu, d->dh, place(m, grad, at->gate),
                place(m, grad, at->gate_bias));
    norm_back(p, r->mid, d, w->ff_norm, place(m, grad, at->ff_norm));
}

static void rotate_back(const struct pass *p, struct rows qk)
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
                                             .sin = m->sin,
                                             .inverse = true});
}

static void attention_back(const struct pass *p, int layer, size_t kv_layer,
                           const struct layer_rows *r, const struct backward_rows *d, float *grad)
{
    const struct model *m = p->model;
    const struct model_config *c = m->config;
    const struct layer_weights *w = &m->layers[layer];
    const struct layer_params *at = &m->layout->layers[layer];
    struct rows dk = columns(d->dqkv, m->q_width);
    linear_back(p, w->o, r->att, d->dx, d->datt, place(m, grad, at->o), place(m, grad, at->o_bias));
    p->b->op->attention_backward(
        p->b, &(struct attention_grad){.kv = p->kv,
                                       .layer = kv_layer,
                                       .plan = p->plan,
                                       .q = r->qk,
                                       .out = r->att,
                                       .dout = d->datt,
                                       .lse = r->lse,
                                       .dq = d->dqkv,
                                       .dk = dk,
                                       .dv = columns(d->dqkv, m->q_width + m->kv_width),
                                       .scale = (float)(1 / sqrt((double)c->head_dim))});
    rotate_back(p, d->dqkv);
    if (w->q_norm) {
        heads_norm_back(p, c->n_heads, r->qkv, d->dqkv, w->q_norm, place(m, grad, at->q_norm));
        heads_norm_back(p, c->n_kv_heads, columns(r->qkv, m->q_width), dk, w->k_norm,
                        place(m, grad, at->k_norm));
    }
    norm_again(p, r->x, r->h, w->attn_norm);
    linear_back(p, w->qkv, r->h, d->dqkv, d->dh, place(m, grad, at->q), place(m, grad, at->q_bias));
    norm_back(p, r->x, d, w->attn_norm, place(m, grad, at->attn_norm));
}

void backward_layer(const struct pass *p, int layer, size_t kv_layer, const struct layer_rows *r,
                    const struct backward_rows *d, float *grad)
{
    mlp_back(p, layer, r, d, grad);
    attention_back(p, layer, kv_layer, r, d, grad);
}
