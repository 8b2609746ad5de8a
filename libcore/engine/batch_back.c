/* batch_back.c - see batch.h: the backward pass of a micro-batch, span by span.
 *
 * A span's rows stand together in every buffer, so it goes through backward as
 * a batch of its own: buffers begin at its first row, and the lists that name rows are
 * made to count from there. */
#include "engine/batch.h"

static void count_from_span(const struct batch *b, const struct span *s)
{
    struct workspace *w = &b->t->w;
    struct backend *d = b->t->b;
    for (size_t i = s->end; i < s->end + s->n_ends; i++)
        w->index[i] -= (int32_t)s->row;
    for (size_t i = s->target; i < s->target + s->n_targets; i++)
        w->targets[i].row -= (int32_t)s->end;
    for (size_t i = s->seq; i < s->seq + s->n_seqs; i++) {
        w->seqs[i].row -= s->row;
        w->seqs[i].shared_row -= w->seqs[i].n_shared ? s->row : 0;
    }
    d->op->upload(d, w->d_index, w->index + s->end, s->n_ends * sizeof *w->index);
    d->op->plan_set(d, w->plan, w->seqs + s->seq, s->n_seqs);
}

/* From the derivatives to the gradient of the rows before the final norm, in w.dends. */
static void head_back(const struct batch *b, const struct span *s, bool entropy)
{
    struct trainer *t = b->t;
    struct workspace *w = &t->w;
    struct backend *d = t->b;
    const struct layout *l = &t->c.layout;
    size_t k = s->target, end = s->target + s->n_targets;
    for (size_t from = 0; from < s->n_ends; from += HEAD_ROWS) {
        size_t n = s->n_ends - from < HEAD_ROWS ? s->n_ends - from : HEAD_ROWS, first = k;
        for (; k < end && (size_t)w->targets[k].row < from + n; k++)
            w->targets[k].row -= (int32_t)from;
        d->op->head_backward(d,
                             &(struct head_grad){.w = t->model.head,
                                                 .m = n,
                                                 .x = rows_from(w->normed, s->end + from),
                                                 .targets = w->targets + first,
                                                 .n_targets = k - first,
                                                 .rows = w->rows + s->end + from,
                                                 .dlogp = w->dlogp + first,
                                                 .dentropy = entropy ? w->dentropy + first : NULL,
                                                 .dx = rows_from(w->dends, from),
                                                 .dw = t->grad + l->params[l->head].offset});
    }
    d->op->norm_backward(d, &(struct norm_grad){.m = s->n_ends,
                                                .heads = 1,
                                                .c = (size_t)t->c.config.hidden,
                                                .x = rows_from(w->ends, s->end),
                                                .dy = w->dends,
                                                .dx = w->dends,
                                                .w = t->model.norm,
                                                .dw = t->grad + l->params[l->norm].offset,
                                                .eps = (float)t->c.config.norm_eps});
}

static void span_backward(const struct batch *b, const struct span *s, bool entropy)
{
    struct trainer *t = b->t;
    struct workspace *w = &t->w;
    struct backend *d = t->b;
    const struct model_config *c = &t->c.config;
    size_t hidden = (size_t)c->hidden;
    struct pass p = {.model = &t->model,
                     .b = d,
                     .kv = w->kv,
                     .plan = w->plan,
                     .ids = w->d_ids + s->row,
                     .pos = w->d_pos + s->row,
                     .m = s->n_rows};
    t->work.flops += 2 * batch_flops(b, s);
    count_from_span(b, s);
    head_back(b, s, entropy);
    d->op->zero(d, w->back.dx.p, s->n_rows * w->back.dx.stride * sizeof(float));
    d->op->scatter_add(d, w->back.dx, w->dends, w->d_index, s->n_ends, hidden);
    for (int i = c->n_layers; i-- > 0;) {
        size_t kv_layer = w->recompute ? 0 : (size_t)i;
        struct layer_rows r = layer_rows_from(&w->layers[i], s->row, (size_t)c->n_heads);
        if (w->recompute) {
            forward_attention(&p, i, kv_layer, &r);
            forward_gate(&p, i, &r);
        }
        backward_layer(&p, i, kv_layer, &r, &w->back, t->grad);
    }
    d->op->embed_backward(d, t->grad + t->c.layout.params[t->c.layout.embed].offset, hidden, p.ids,
                          s->n_rows, w->back.dx);
}

void batch_backward(const struct batch *b, bool entropy)
{
    for (size_t i = 0; i < b->n_pieces; i++) {
        struct span s = b->spans[i];
        if (!s.any)
            continue;
        for (; i + 1 < b->n_pieces && b->spans[i + 1].any; i++) {
            const struct span *next = &b->spans[i + 1];
            s.n_rows += next->n_rows, s.n_seqs += next->n_seqs;
            s.n_ends += next->n_ends, s.n_targets += next->n_targets;
        }
        span_backward(b, &s, entropy);
    }
}
