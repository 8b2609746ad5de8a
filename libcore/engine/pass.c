/* pass.c - micro-batches through the model, forward and backward.
 *
 * A micro-batch is pieces of groups: a prompt, then the responses' positions.
 * The rows that have targets - the last of each prompt, for the first tokens of all its
 * responses, and every row of a response - go to the head together. */
#include "base/mem.h"
#include "engine/opened.h"
#include "engine/trainer.h"

#include <stdlib.h>
#include <string.h>

/* The batch that is being put together. */
struct batch {
    struct trainer *t;
    const struct engine_group *groups;
    const struct micro *micro;
    size_t m, n_seqs, n_pages, n_ends, n_targets;
};

/* ---- putting together ---- */

static void add_seq(struct batch *b, const int32_t *tokens, size_t n, size_t first_pos,
                    const struct attn_seq *prompt)
{
    struct workspace *w = &b->t->w;
    ASSERT(b->m + n <= w->tokens && b->n_pages + pages_for(n) <= w->pages);
    w->seqs[b->n_seqs++] = (struct attn_seq){.shared_pages = prompt ? prompt->pages : NULL,
                                             .n_shared = prompt ? prompt->n_keys : 0,
                                             .shared_row = prompt ? prompt->row : 0,
                                             .pages = w->pages_list + b->n_pages,
                                             .n_keys = n,
                                             .row = b->m,
                                             .n_rows = n};
    b->n_pages += pages_for(n);
    for (size_t i = 0; i < n; i++) {
        w->ids[b->m + i] = tokens[i];
        w->pos[b->m + i] = (int32_t)(first_pos + i);
    }
    b->m += n;
}

static void add_target(struct batch *b, int32_t id)
{
    struct workspace *w = &b->t->w;
    if (b->n_targets == w->cap_targets) {
        size_t cap = w->cap_targets = w->cap_targets ? 2 * w->cap_targets : 1024;
        w->targets = xrealloc(w->targets, cap, sizeof *w->targets);
        w->logp = xrealloc(w->logp, cap, sizeof *w->logp);
        w->row_logp = xrealloc(w->row_logp, cap, sizeof *w->row_logp);
        w->row_entropy = xrealloc(w->row_entropy, cap, sizeof *w->row_entropy);
        w->dlogp = xrealloc(w->dlogp, cap, sizeof *w->dlogp);
        w->dentropy = xrealloc(w->dentropy, cap, sizeof *w->dentropy);
        w->row_dlogp = xrealloc(w->row_dlogp, cap, sizeof *w->row_dlogp);
        w->row_dentropy = xrealloc(w->row_dentropy, cap, sizeof *w->row_dentropy);
    }
    w->targets[b->n_targets++] = (struct head_target){(int32_t)b->n_ends - 1, id};
}

/* Targets of a piece stand so: the first tokens of its rows, then each row's others.
 * walk_targets() below reads them in this order. */
static void add_piece(struct batch *b, const struct piece *p)
{
    struct workspace *w = &b->t->w;
    const struct engine_group *g = &b->groups[p->group];
    size_t prompt = b->n_seqs;
    add_seq(b, g->prompt, g->n_prompt, 0, NULL);
    w->index[b->n_ends++] = (int32_t)b->m - 1;
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
            w->index[b->n_ends++] = (int32_t)(b->m - n + k);
            add_target(b, row->tokens[k + 1]);
        }
    }
}

static void put_together(struct batch *b)
{
    struct workspace *w = &b->t->w;
    struct backend *d = b->t->b;
    const struct packing *p = &b->t->packing;
    for (size_t i = 0; i < b->micro->n; i++)
        add_piece(b, &p->pieces[b->micro->first + i]);
    d->op->upload(d, w->d_ids, w->ids, b->m * sizeof *w->ids);
    d->op->upload(d, w->d_pos, w->pos, b->m * sizeof *w->pos);
    d->op->upload(d, w->d_index, w->index, b->n_ends * sizeof *w->index);
    d->op->plan_set(d, w->plan, w->seqs, b->n_seqs);
}

static struct pass pass_of(const struct batch *b)
{
    struct workspace *w = &b->t->w;
    return (struct pass){.model = &b->t->model,
                         .kv = w->kv,
                         .plan = w->plan,
                         .ids = w->d_ids,
                         .pos = w->d_pos,
                         .m = b->m};
}

/* ---- forward ---- */

static void run_layers(const struct batch *b)
{
    struct workspace *w = &b->t->w;
    struct pass p = pass_of(b);
    struct backend *d = b->t->b;
    forward_embed(&p, w->layers[0].x);
    for (int i = 0; i < b->t->c.config.n_layers; i++) {
        forward_attention(&p, i, w->recompute ? 0 : (size_t)i, &w->layers[i]);
        forward_mlp(&p, i, &w->layers[i]);
    }
    d->op->gather(d, w->ends, w->out, w->d_index, b->n_ends, (size_t)b->t->c.config.hidden);
    forward_norm(&b->t->model, b->n_ends, w->ends, w->normed);
}

static struct rows rows_at(struct rows r, size_t row)
{
    return (struct rows){r.p + row * r.stride, r.stride};
}

/* Calls head (or head_backward: grad not NULL) for HEAD_ROWS rows at a time. */
static void run_head(const struct batch *b, bool entropy, float *grad)
{
    struct workspace *w = &b->t->w;
    struct backend *d = b->t->b;
    float *dw = grad ? grad + b->t->c.layout.params[b->t->c.layout.head].offset : NULL;
    size_t t = 0;
    for (size_t from = 0; from < b->n_ends; from += HEAD_ROWS) {
        size_t n = b->n_ends - from < HEAD_ROWS ? b->n_ends - from : HEAD_ROWS, first = t;
        for (; t < b->n_targets && (size_t)w->targets[t].row < from + n; t++)
            w->targets[t].row -= (int32_t)from;
        if (grad)
            d->op->head_backward(
                d, &(struct head_grad){.w = b->t->model.head,
                                       .m = n,
                                       .x = rows_at(w->normed, from),
                                       .targets = w->targets + first,
                                       .n_targets = t - first,
                                       .rows = w->rows + from,
                                       .dlogp = w->dlogp + first,
                                       .dentropy = entropy ? w->dentropy + first : NULL,
                                       .dx = rows_at(w->dends, from),
                                       .dw = dw});
        else
            d->op->head(d, &(struct head){.w = b->t->model.head,
                                          .m = n,
                                          .x = rows_at(w->normed, from),
                                          .targets = w->targets + first,
                                          .n_targets = t - first,
                                          .logp = w->logp + first,
                                          .rows = w->rows + from,
                                          .entropy = entropy});
        for (size_t i = first; i < t; i++)
            w->targets[i].row += (int32_t)from;
    }
}

/* ---- the loss ---- */

struct loss {
    trainer_loss_fn *fn; /* NULL: log-probabilities only */
    void *arg;
    bool entropy; /* computed */
    bool any;     /* some derivative is not zero */
};

/* One row of a group: its targets are `first`, then n - 1 from `rest` on. */
static bool visit_row(const struct batch *b, struct loss *l, size_t group, size_t row, size_t first,
                      size_t rest, struct err *e)
{
    struct workspace *w = &b->t->w;
    const struct engine_row *r = &b->groups[group].rows[row];
    for (size_t k = 0; k < r->n; k++) {
        size_t t = k ? rest + k - 1 : first;
        w->row_logp[k] = w->logp[t];
        if (l->entropy)
            w->row_entropy[k] = (float)w->rows[w->targets[t].row].entropy;
        w->row_dlogp[k] = w->row_dentropy[k] = 0;
    }
    if (r->logp)
        memcpy(r->logp, w->row_logp, r->n * sizeof *r->logp);
    if (r->entropy)
        memcpy(r->entropy, w->row_entropy, r->n * sizeof *r->entropy);
    if (!l->fn)
        return true;
    if (!l->fn(l->arg, group, row, w->row_logp, l->entropy ? w->row_entropy : NULL, w->row_dlogp,
               w->row_dentropy, e))
        return false;
    for (size_t k = 0; k < r->n; k++) {
        size_t t = k ? rest + k - 1 : first;
        w->dlogp[t] = w->row_dlogp[k];
        w->dentropy[t] = w->row_dentropy[k];
        l->any = l->any || w->dlogp[t] != 0 || w->dentropy[t] != 0;
    }
    return true;
}

static bool visit_rows(const struct batch *b, struct loss *l, struct err *e)
{
    const struct packing *p = &b->t->packing;
    size_t t = 0;
    for (size_t i = 0; i < b->micro->n; i++) {
        const struct piece *piece = &p->pieces[b->micro->first + i];
        const struct engine_group *g = &b->groups[piece->group];
        size_t first = t;
        for (size_t k = piece->first; k < piece->end; k++)
            t += g->rows[k].n > 0;
        for (size_t k = piece->first; k < piece->end; k++) {
            if (!g->rows[k].n)
                continue;
            if (!visit_row(b, l, piece->group, k, first++, t, e))
                return false;
            t += row_positions(&g->rows[k]);
        }
    }
    return true;
}

/* ---- backward ---- */

static void run_backward(const struct batch *b, bool entropy)
{
    struct trainer *t = b->t;
    struct workspace *w = &t->w;
    struct backend *d = t->b;
    struct pass p = pass_of(b);
    size_t hidden = (size_t)t->c.config.hidden;
    run_head(b, entropy, t->grad);
    d->op->norm_backward(
        d, &(struct norm_grad){.m = b->n_ends,
                               .heads = 1,
                               .c = hidden,
                               .x = w->ends,
                               .dy = w->dends,
                               .dx = w->dends,
                               .w = t->model.norm,
                               .dw = t->grad + t->c.layout.params[t->c.layout.norm].offset,
                               .eps = (float)t->c.config.norm_eps});
    d->op->zero(d, w->back.dx.p, b->m * w->back.dx.stride * sizeof(float));
    d->op->scatter_add(d, w->back.dx, w->dends, w->d_index, b->n_ends, hidden);
    for (int i = t->c.config.n_layers; i-- > 0;) {
        size_t kv_layer = w->recompute ? 0 : (size_t)i;
        if (w->recompute) {
            forward_attention(&p, i, kv_layer, &w->layers[i]);
            forward_gate(&p, i, &w->layers[i]);
        }
        backward_layer(&p, i, kv_layer, &w->layers[i], &w->back, t->grad);
    }
    d->op->embed_backward(d, t->grad + t->c.layout.params[t->c.layout.embed].offset, hidden,
                          w->d_ids, b->m, w->back.dx);
}

/* Room for every micro-batch. */
static bool make_room(struct trainer *t, size_t longest, struct err *e)
{
    const struct workspace *w = &t->w;
    size_t tokens = 0, pages = 0;
    for (size_t i = 0; i < t->packing.n_micros; i++) {
        const struct micro *m = &t->packing.micros[i];
        tokens = m->tokens > tokens ? m->tokens : tokens;
        pages = m->pages > pages ? m->pages : pages;
    }
    if (tokens <= w->tokens && pages <= w->pages)
        return model_reserve_positions(&t->model, longest, e);
    return trainer_fit(t, tokens > w->tokens ? tokens : w->tokens,
                       pages > w->pages ? pages : w->pages, longest, NULL, e);
}

static bool wants_entropy(const struct engine_group *groups, size_t n_groups)
{
    for (size_t i = 0; i < n_groups; i++)
        for (size_t k = 0; k < groups[i].n_rows; k++)
            if (groups[i].rows[k].entropy)
                return true;
    return false;
}

static bool run(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                struct loss *l, struct err *e)
{
    size_t longest;
    if (!check_groups(&t->c.info, groups, n_groups, &longest, e))
        return false;
    pack_groups(&t->packing, groups, n_groups, t->micro_tokens);
    if (!make_room(t, longest, e))
        return false;
    for (size_t i = 0; i < t->packing.n_micros; i++) {
        struct batch b = {.t = t, .groups = groups, .micro = &t->packing.micros[i]};
        put_together(&b);
        run_layers(&b);
        run_head(&b, l->entropy, NULL);
        l->any = false;
        if (!visit_rows(&b, l, e))
            return false;
        if (l->any) /* else zeros would be added */
            run_backward(&b, l->entropy);
    }
    return true;
}

bool trainer_score(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                   struct err *e)
{
    struct loss l = {.entropy = wants_entropy(groups, n_groups)};
    return run(t, groups, n_groups, &l, e);
}

bool trainer_backward(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                      bool entropy, trainer_loss_fn *loss, void *arg, struct err *e)
{
    struct loss l = {.fn = loss, .arg = arg, .entropy = entropy || wants_entropy(groups, n_groups)};
    return run(t, groups, n_groups, &l, e);
}
