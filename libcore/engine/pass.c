/* pass.c - trainer_score and trainer_backward: micro-batches, and the caller's loss. */
#include "base/mem.h"
#include "engine/batch.h"
#include "engine/opened.h"

#include <stdlib.h>
#include <string.h>

struct loss {
    trainer_loss_fn *fn; /* NULL: log-probabilities only */
    void *arg;
    bool entropy; /* computed */
};

/* One row of a group: its targets are `first`, then n - 1 from `rest` on. */
static bool visit_row(const struct batch *b, const struct loss *l, struct span *s, size_t group,
                      size_t row, size_t first, size_t rest, struct err *e)
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
        s->any = s->any || w->dlogp[t] != 0 || w->dentropy[t] != 0;
    }
    return true;
}

static bool visit_piece(const struct batch *b, const struct loss *l, size_t i, struct err *e)
{
    const struct piece *p = &b->pieces[i];
    const struct engine_group *g = &b->groups[p->group];
    size_t first = b->spans[i].target, rest = first;
    for (size_t k = p->first; k < p->end; k++)
        rest += g->rows[k].n > 0;
    for (size_t k = p->first; k < p->end; k++) {
        if (!g->rows[k].n)
            continue;
        if (!visit_row(b, l, &b->spans[i], p->group, k, first++, rest, e))
            return false;
        rest += row_positions(&g->rows[k]);
    }
    return true;
}

static bool run_micro(struct trainer *t, const struct engine_group *groups, const struct micro *m,
                      const struct loss *l, struct err *e)
{
    struct batch b = {.t = t,
                      .groups = groups,
                      .pieces = t->packing.pieces + m->first,
                      .n_pieces = m->n,
                      .spans = t->w.spans};
    batch_put_together(&b);
    t->work.positions += b.all.n_rows;
    t->work.flops += batch_flops(&b, &b.all);
    batch_forward(&b);
    batch_head(&b, l->entropy);
    for (size_t i = 0; i < b.n_pieces; i++)
        if (!visit_piece(&b, l, i, e))
            return false;
    batch_backward(&b, l->entropy);
    return true;
}

/* Room for every micro-batch. */
static bool make_room(struct trainer *t, size_t longest, struct err *e)
{
    size_t tokens = 0, pages = 0;
    for (size_t i = 0; i < t->packing.n_micros; i++) {
        const struct micro *m = &t->packing.micros[i];
        tokens = m->tokens > tokens ? m->tokens : tokens;
        pages = m->pages > pages ? m->pages : pages;
    }
    return trainer_fit(t, tokens, pages, longest, e);
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
                const struct loss *l, struct err *e)
{
    size_t longest;
    if (!check_groups(&t->c.info, groups, n_groups, &longest, e))
        return false;
    pack_groups(&t->packing, groups, n_groups, t->micro_tokens);
    bool ok = make_room(t, longest, e);
    for (size_t i = 0; ok && i < t->packing.n_micros; i++)
        ok = run_micro(t, groups, &t->packing.micros[i], l, e);
    return ok;
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
