/* update_train.c - minibatches, the loss of each row, optimizer steps. */
#include "task/update_step.h"

#include "base/log.h"

#include <stdlib.h>

/* ---- the loss of a row ---- */

struct pass {
    struct update_run *u;
    struct update_batch *b;
    struct loss_stats *stats;
    struct sum loss;
};

/* What stands for o: its own score, this very pass, or what the sampler recorded. */
static const float *old_logp(const struct update_run *u, const struct update_row *row,
                             const float *logp)
{
    if (row->scored)
        return row->scored;
    return u->o->recompute || row->gold || !row->recorded ? logp : row->recorded;
}

static double *widen(double **next, const float *from, size_t n)
{
    double *out = *next;
    for (size_t t = 0; from && t < n; t++)
        out[t] = (double)from[t];
    *next += n;
    return from ? out : NULL;
}

/* Fills what the loss wants in doubles; scratch holds seven arrays of a row. */
static struct loss_row make_row(const struct update_run *u, const struct update_row *row,
                                const float *logp, const float *entropy)
{
    double *next = u->scratch;
    struct loss_row l = {.n = row->n,
                         .advantage = row->advantage,
                         .gold = row->gold,
                         .truncated = row->truncated,
                         .flat = row->flat,
                         .beside_gold = row->beside_gold};
    l.logp = widen(&next, logp, row->n);
    l.old = widen(&next, old_logp(u, row, logp), row->n);
    l.behaviour = widen(&next, row->recorded, row->n);
    l.ref = widen(&next, row->ref, row->n);
    l.entropy = widen(&next, entropy, row->n);
    const struct mismatch_options *m = &u->o->objective.mismatch;
    if (m->level != MISMATCH_OFF && l.behaviour) {
        mismatch_weights(m, l.old, l.behaviour, NULL, row->n, next);
        for (size_t t = 0; t < row->n; t++)
            next[t] /= u->weight_mean;
        l.weight = next;
    }
    return l;
}

static bool row_loss(void *arg, size_t group, size_t r, const float *logp, const float *entropy,
                     double *dlogp, double *dentropy, struct err *e)
{
    struct pass *p = arg;
    struct update_run *u = p->u;
    const struct update_row *row = p->b->of[p->b->first[group] + r];
    if (!engine_check_logprobs(logp, row->n, e))
        return false;
    struct loss_row l = make_row(u, row, logp, entropy);
    if (u->pristine && !u->measured && l.behaviour)
        mismatch_measure(&u->mismatch, l.logp, l.behaviour, NULL, l.n);
    struct loss_out out = {.dlogp = dlogp, .dentropy = dentropy};
    sum_add(&p->loss, loss_row(&u->o->objective.loss, &u->den, &l, &out, p->stats));
    return true;
}

/* ---- minibatches ---- */

/* Rows that can move a weight; the others are only looked at. */
static bool is_live(const struct update_run *u, const struct update_row *row)
{
    const struct loss_options *l = &u->o->objective.loss;
    struct loss_row r = {
        .n = row->n, .gold = row->gold, .truncated = row->truncated, .flat = row->flat};
    if (!loss_row_counts(l, &r))
        return false;
    return row->advantage != 0 || !loss_uses_advantage(l) || l->kl_coef != 0 ||
           l->entropy_coef != 0 || (l->sft_weight != 0 && row->gold);
}

static bool is_still(const struct update_run *u, const struct update_row *row)
{
    return !is_live(u, row);
}

static bool run_live(struct update_run *u, struct pass *p, struct err *e)
{
    bool entropy = u->o->objective.loss.entropy_coef != 0;
    return p->b->n == 0 ||
           trainer_backward(u->trainer, p->b->groups, p->b->n, entropy, row_loss, p, e);
}

static bool run_still(struct update_run *u, struct pass *p, struct err *e)
{
    struct update_batch *b = p->b;
    if (b->n == 0)
        return true;
    if (!trainer_score(u->trainer, b->groups, b->n, e))
        return false;
    for (size_t g = 0; g < b->n; g++)
        for (size_t r = 0; r < b->groups[g].n_rows; r++) {
            const struct engine_row *row = &b->groups[g].rows[r];
            if (!row_loss(p, g, r, row->logp, row->entropy, NULL, NULL, e))
                return false;
        }
    return true;
}

/* Forward and backward of units [from, to); fills the loss. */
static bool run_units(struct update_run *u, const struct update_order *order, size_t from,
                      size_t to, struct update_optimizer_step *s, struct err *e)
{
    struct update_batch live, still;
    update_batch_make(u, order, from, to, is_live, WANT_ENTROPY, &live);
    update_batch_make(u, order, from, to, is_still, WANT_LOGP | WANT_ENTROPY, &still);
    struct pass p = {.u = u, .b = &live, .stats = &u->stats};
    bool ok = run_live(u, &p, e);
    p.b = &still;
    ok = ok && run_still(u, &p, e);
    s->loss = sum_value(&p.loss);
    s->rows = live.n_rows + still.n_rows;
    for (size_t r = 0; r < live.n_rows; r++)
        s->tokens += live.rows[r].n;
    for (size_t r = 0; r < still.n_rows; r++)
        s->tokens += still.rows[r].n;
    update_batch_free(&live);
    update_batch_free(&still);
    return ok;
}

static bool optimizer_step(struct update_run *u, struct update_optimizer_step *s, struct err *e)
{
    struct trainer_step t;
    s->rate = schedule_rate(&u->o->schedule, u->state_steps + u->n_steps);
    if (!trainer_step(u->trainer, s->rate, &t, e))
        return false;
    s->grad_norm = t.grad_norm;
    s->clip_coef = t.clip_coef;
    s->stepped = t.stepped;
    u->pristine = u->pristine && !t.stepped;
    u->n_steps++;
    return true;
}

static bool run_epoch(struct update_run *u, uint64_t epoch, struct err *e)
{
    struct update_order order;
    update_order(u->o, &u->step, u->state_updates * u->o->epochs + epoch, &order);
    for (uint64_t m = 0; m < u->o->minibatches && !e->status; m++) {
        struct update_optimizer_step *s = &u->steps[u->n_steps];
        size_t from = update_order_first(u->o, &order, m);
        size_t to = update_order_first(u->o, &order, m + 1);
        if (run_units(u, &order, from, to, s, e) && optimizer_step(u, s, e))
            progress_note("loss %.4g, gradient %.4g", s->loss, s->grad_norm);
        progress_add(1);
    }
    free(order.units);
    return e->status == 0;
}

bool update_train(struct update_run *u, struct err *e)
{
    uint64_t n = u->o->minibatches * u->o->epochs;
    u->steps = xcalloc(n, sizeof *u->steps);
    u->pristine = true;
    progress_begin("optimizer steps", n);
    for (uint64_t epoch = 0; epoch < u->o->epochs && !e->status; epoch++)
        run_epoch(u, epoch, e);
    progress_end();
    return e->status == 0;
}

/* ---- a gradient without a step ---- */

bool update_gradient(struct update_run *u, update_pick *pick, struct err *e)
{
    struct update_options plain = *u->o;
    struct update_order all;
    struct update_batch b;
    struct loss_stats unused = {0};
    plain.shuffle_sequences = false;
    update_order(&plain, &u->step, 0, &all);
    update_batch_make(u, &all, 0, all.n, pick, 0, &b);
    struct pass p = {.u = u, .b = &b, .stats = &unused};
    bool ok = run_live(u, &p, e);
    update_batch_free(&b);
    free(all.units);
    return ok;
}
