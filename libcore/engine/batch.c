/* batch.c - see batch.h: putting together, and the forward pass. */
#include "engine/batch.h"
#include "base/mem.h"
#include "engine/runner.h"
#include "model/kvcache.h"

/* ---- putting together ---- */

static void add_seq(struct batch *b, const int32_t *tokens, size_t n, size_t first_pos,
                    const struct attn_seq *prompt)
{
    struct workspace *w = &b->t->w;
    struct span *all = &b->all;
    ASSERT(all->n_rows + n <= w->tokens && b->n_pages + pages_for(n) <= w->pages);
    w->seqs[all->n_seqs++] = (struct attn_seq){.shared_pages = prompt ? prompt->pages : NULL,
                                               .n_shared = prompt ? prompt->n_keys : 0,
                                               .shared_row = prompt ? prompt->row : 0,
                                               .pages = w->pages_list + b->n_pages,
                                               .n_keys = n,
                                               .row = all->n_rows,
                                               .n_rows = n};
    b->n_pages += pages_for(n);
    for (size_t i = 0; i < n; i++) {
        w->ids[all->n_rows + i] = tokens[i];
        w->pos[all->n_rows + i] = (int32_t)(first_pos + i);
    }
    all->n_rows += n;
}

static void grow_targets(struct workspace *w)
{
    size_t cap = w->cap_targets = w->cap_targets ? 2 * w->cap_targets : 2 * w->tokens;
    w->targets = xrealloc(w->targets, cap, sizeof *w->targets);
    w->logp = xrealloc(w->logp, cap, sizeof *w->logp);
    w->row_logp = xrealloc(w->row_logp, cap, sizeof *w->row_logp);
    w->row_entropy = xrealloc(w->row_entropy, cap, sizeof *w->row_entropy);
    w->dlogp = xrealloc(w->dlogp, cap, sizeof *w->dlogp);
    w->dentropy = xrealloc(w->dentropy, cap, sizeof *w->dentropy);
    w->row_dlogp = xrealloc(w->row_dlogp, cap, sizeof *w->row_dlogp);
    w->row_dentropy = xrealloc(w->row_dentropy, cap, sizeof *w->row_dentropy);
}

static void add_target(struct batch *b, int32_t id)
{
    struct workspace *w = &b->t->w;
    if (b->all.n_targets == w->cap_targets)
        grow_targets(w);
    w->targets[b->all.n_targets++] = (struct head_target){(int32_t)b->all.n_ends - 1, id};
}

/* Targets of a piece: the first tokens of its rows, then each row's others. */
static void add_piece(struct batch *b, const struct piece *p)
{
    struct workspace *w = &b->t->w;
    struct span *all = &b->all;
    const struct engine_group *g = &b->groups[p->group];
    size_t prompt = all->n_seqs;
    add_seq(b, g->prompt, g->n_prompt, 0, NULL);
    w->index[all->n_ends++] = (int32_t)all->n_rows - 1;
    for (size_t i = p->first; i < p->end; i++)
        if (g->rows[i].n)
            add_target(b, g->rows[i].tokens[0]);
    for (size_t i = p->first; i < p->end; i++) {
        const struct engine_row *row = &g->rows[i];
        size_t n = row_positions(row);
        if (n == 0)
            continue;
        struct attn_seq own = w->seqs[prompt];
        add_seq(b, row->tokens, n, g->n_prompt, &own);
        for (size_t k = 0; k < n; k++) {
            w->index[all->n_ends++] = (int32_t)(all->n_rows - n + k);
            add_target(b, row->tokens[k + 1]);
        }
    }
}

void batch_put_together(struct batch *b)
{
    for (size_t i = 0; i < b->n_pieces; i++) {
        struct span from = b->all;
        add_piece(b, &b->pieces[i]);
        b->spans[i] = (struct span){.row = from.n_rows,
                                    .n_rows = b->all.n_rows - from.n_rows,
                                    .seq = from.n_seqs,
                                    .n_seqs = b->all.n_seqs - from.n_seqs,
                                    .end = from.n_ends,
                                    .n_ends = b->all.n_ends - from.n_ends,
                                    .target = from.n_targets,
                                    .n_targets = b->all.n_targets - from.n_targets};
    }
}

double batch_flops(const struct batch *b, const struct span *s)
{
    const struct trainer *t = b->t;
    double flops = (double)s->n_ends * runner_head_flops(&t->model);
    for (size_t i = s->seq; i < s->seq + s->n_seqs; i++) {
        double n = (double)t->w.seqs[i].n_rows, shared = (double)t->w.seqs[i].n_shared;
        flops += n * runner_row_flops(&t->model, shared + (n + 1) / 2);
    }
    return flops;
}

/* ---- forward ---- */

void batch_forward(const struct batch *b)
{
    struct workspace *w = &b->t->w;
    struct backend *d = b->t->b;
    const struct model_config *c = &b->t->c.config;
    struct pass p = {.model = &b->t->model,
                     .b = d,
                     .kv = w->kv,
                     .plan = w->plan,
                     .ids = w->d_ids,
                     .pos = w->d_pos,
                     .m = b->all.n_rows};
    d->op->upload(d, w->d_ids, w->ids, b->all.n_rows * sizeof *w->ids);
    d->op->upload(d, w->d_pos, w->pos, b->all.n_rows * sizeof *w->pos);
    d->op->upload(d, w->d_index, w->index, b->all.n_ends * sizeof *w->index);
    d->op->plan_set(d, w->plan, w->seqs, b->all.n_seqs);
    forward_embed(&p, w->layers[0].x);
    for (int i = 0; i < c->n_layers; i++) {
        forward_attention(&p, i, w->recompute ? 0 : (size_t)i, &w->layers[i]);
        forward_mlp(&p, i, &w->layers[i]);
    }
    d->op->gather(d, w->ends, w->out, w->d_index, b->all.n_ends, (size_t)c->hidden);
    forward_norm(&p, b->all.n_ends, w->ends, w->normed);
}

void batch_head(const struct batch *b, bool entropy)
{
    struct workspace *w = &b->t->w;
    struct backend *d = b->t->b;
    size_t t = 0, n_ends = b->all.n_ends;
    for (size_t from = 0; from < n_ends; from += HEAD_ROWS) {
        size_t n = n_ends - from < HEAD_ROWS ? n_ends - from : HEAD_ROWS, first = t;
        for (; t < b->all.n_targets && (size_t)w->targets[t].row < from + n; t++)
            w->targets[t].row -= (int32_t)from;
        d->op->head(d, &(struct head){.w = b->t->model.head,
                                      .m = n,
                                      .x = rows_from(w->normed, from),
                                      .targets = w->targets + first,
                                      .n_targets = t - first,
                                      .logp = w->logp + first,
                                      .rows = w->rows + from,
                                      .entropy = entropy});
        for (size_t i = first; i < t; i++)
            w->targets[i].row += (int32_t)from;
    }
}
