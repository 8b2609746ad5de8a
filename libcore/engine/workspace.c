/* workspace.c - the memory of an update step, sized before the work. */
#include "base/mem.h"
#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>

/* One buffer of activations: `width` floats for each token.  Buffers are laid
 * out twice: with block NULL to count, with block to place. */
struct layer_out {
    float *block;
    size_t used, tokens;
};

static struct rows take(struct layer_out *a, size_t width)
{
    struct rows r = {a->block ? a->block + a->used : NULL, width};
    a->used += (a->tokens * width + 15) / 16 * 16; /* each begins at 64 bytes */
    return r;
}

static void lay_out_layer(struct layer_out *a, const struct model *m, struct layer_rows *r)
{
    size_t d = (size_t)m->config->hidden, ff = (size_t)m->config->ff;
    r->mid = take(a, d);
    r->qkv = take(a, m->qkv_width);
    r->qk = m->config->family->qk_norm ? take(a, m->q_width + m->kv_width) : r->qkv;
    r->att = take(a, m->q_width);
    r->gu = take(a, 2 * ff);
    r->lse = take(a, (size_t)m->config->n_heads).p;
}

/* With recompute every layer keeps its input only. */
static void lay_out(struct layer_out *a, const struct model *m, bool recompute, struct workspace *w)
{
    size_t d = (size_t)m->config->hidden, ff = (size_t)m->config->ff;
    int n = m->config->n_layers;
    struct rows h = take(a, d), act = take(a, ff);
    struct layer_rows shared = {0};
    if (recompute)
        lay_out_layer(a, m, &shared);
    for (int i = 0; i < n; i++) {
        struct layer_rows r = shared;
        r.x = take(a, d);
        if (!recompute)
            lay_out_layer(a, m, &r);
        r.h = h, r.act = act;
        w->layers[i] = r;
    }
    w->out = take(a, d);
    for (int i = 0; i < n; i++)
        w->layers[i].out = i + 1 < n ? w->layers[i + 1].x : w->out;
    w->ends = take(a, d), w->normed = take(a, d), w->dends = take(a, d);
    w->back = (struct backward_rows){.dx = take(a, d),
                                     .dh = take(a, d),
                                     .datt = take(a, m->q_width),
                                     .dqkv = take(a, m->qkv_width),
                                     .dact = take(a, ff)};
    w->d_ids = (int32_t *)take(a, 1).p;
    w->d_pos = (int32_t *)take(a, 1).p;
    w->d_index = (int32_t *)take(a, 1).p;
}

static struct op_limits limits_of(const struct model *m, size_t tokens)
{
    const struct model_config *c = m->config;
    size_t wide = 2 * (size_t)c->ff;
    return (struct op_limits){.rows = tokens,
                              .width = wide > m->qkv_width ? wide : m->qkv_width,
                              .head_dim = (size_t)c->head_dim,
                              .n_heads = (size_t)c->n_heads,
                              .n_kv_heads = (size_t)c->n_kv_heads,
                              .keys = tokens,
                              .vocab = (size_t)c->vocab,
                              .hidden = (size_t)c->hidden,
                              .head_rows = HEAD_ROWS,
                              .train = true};
}

/* Lists of the host: of positions, and of targets, which grow_targets() begins with two for each. */
static uint64_t host_bytes(size_t tokens, size_t pages)
{
    const struct workspace *w = NULL;
    uint64_t position = sizeof *w->ids + sizeof *w->pos + sizeof *w->index + sizeof *w->seqs +
                        sizeof *w->spans + sizeof *w->rows;
    uint64_t target = sizeof *w->targets + sizeof *w->logp + sizeof *w->row_logp +
                      sizeof *w->row_entropy + sizeof *w->dlogp + sizeof *w->dentropy +
                      sizeof *w->row_dlogp + sizeof *w->row_dentropy;
    return tokens * (position + 2 * target) + pages * sizeof *w->pages_list;
}

void workspace_bytes(struct trainer *t, size_t tokens, size_t pages, bool recompute,
                     struct trainer_plan *plan)
{
    const struct model_config *c = &t->c.config;
    struct layer_out a = {.tokens = tokens};
    struct workspace w = {.layers = xcalloc((size_t)c->n_layers, sizeof *w.layers)};
    struct op_limits l = limits_of(&t->model, tokens);
    lay_out(&a, &t->model, recompute, &w);
    free(w.layers);
    plan->activations = a.used * sizeof(float);
    plan->head = t->b->op->reserve_bytes(t->b, &l) + host_bytes(tokens, pages);
    plan->caches = pages * t->b->op->kv_page_bytes(t->b, t->kv, recompute ? 1 : (size_t)c->n_layers,
                                                   (size_t)c->n_kv_heads, (size_t)c->head_dim);
}

static void open_host(struct workspace *w)
{
    size_t n = w->tokens;
    w->ids = xcalloc(n, sizeof *w->ids);
    w->pos = xcalloc(n, sizeof *w->pos);
    w->index = xcalloc(n, sizeof *w->index);
    w->seqs = xcalloc(n, sizeof *w->seqs);
    w->spans = xcalloc(n, sizeof *w->spans);
    w->rows = xcalloc(n, sizeof *w->rows);
    w->pages_list = xcalloc(w->pages, sizeof *w->pages_list);
    for (size_t i = 0; i < w->pages; i++)
        w->pages_list[i] = (int32_t)i;
}

bool workspace_open(struct trainer *t, size_t tokens, size_t pages, bool recompute, struct err *e)
{
    const struct model_config *c = &t->c.config;
    const struct ops *op = t->b->op;
    struct workspace *w = &t->w;
    struct layer_out a = {.tokens = tokens};
    struct op_limits l = limits_of(&t->model, tokens);
    workspace_close(t);
    w->tokens = tokens, w->pages = pages, w->recompute = recompute;
    w->layers = xcalloc((size_t)c->n_layers, sizeof *w->layers);
    open_host(w);
    lay_out(&a, &t->model, recompute, w);
    w->block = op->alloc(t->b, a.used * sizeof(float), e);
    if (!w->block)
        return false;
    a.block = w->block, a.used = 0;
    lay_out(&a, &t->model, recompute, w);
    w->kv = op->kv_new(t->b, t->kv, recompute ? 1 : (size_t)c->n_layers, pages,
                       (size_t)c->n_kv_heads, (size_t)c->head_dim, e);
    if (!w->kv)
        return false;
    w->plan = op->plan_new(t->b,
                           &(struct plan_size){.n_heads = (size_t)c->n_heads,
                                               .n_kv_heads = (size_t)c->n_kv_heads,
                                               .n_rows = tokens,
                                               .n_seqs = tokens,
                                               .n_pages = 2 * pages},
                           e);
    return w->plan && op->reserve(t->b, &l, e);
}

void workspace_close(struct trainer *t)
{
    struct workspace *w = &t->w;
    if (t->b) {
        t->b->op->free(t->b, w->block);
        t->b->op->kv_free(t->b, w->kv);
        t->b->op->plan_free(t->b, w->plan);
    }
    void *const host[] = {w->layers,  w->spans,      w->ids,       w->pos,
                          w->index,   w->pages_list, w->seqs,      w->rows,
                          w->targets, w->logp,       w->row_logp,  w->row_entropy,
                          w->dlogp,   w->dentropy,   w->row_dlogp, w->row_dentropy};
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        free(host[i]);
    memset(w, 0, sizeof *w);
}
