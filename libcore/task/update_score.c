/* update_score.c - the policy before the update: old log-probabilities, denominators. */
#include "task/update_step.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Whether the row's old log-probability is this model's own, not what a sampler recorded. */
static bool is_own(const struct update_run *u, const struct update_row *row)
{
    return u->o->recompute || row->gold || !row->recorded;
}

/* In a single optimizer step it is what the forward pass gives anyway, to the bit. */
static bool needs_score(const struct update_run *u, const struct update_row *row)
{
    const struct objective *b = &u->o->objective;
    if (!loss_uses_old(&b->loss) || !is_own(u, row))
        return false;
    if (row->gold && b->loss.gold_old != GOLD_OLD_POLICY)
        return false;
    bool weighed = b->mismatch.level != MISMATCH_OFF && row->recorded;
    return u->o->minibatches * u->o->epochs > 1 || weighed;
}

static bool score_batch(struct update_run *u, struct update_batch *b, struct err *e)
{
    if (b->n == 0)
        return true;
    if (!trainer_score(u->trainer, b->groups, b->n, e))
        return false;
    for (size_t i = 0; i < b->n_rows; i++) {
        struct update_row *row = b->of[i];
        row->scored = arena_array(&u->step.arena, row->n, sizeof *row->scored);
        memcpy(row->scored, b->rows[i].logp, row->n * sizeof *row->scored);
    }
    return true;
}

static void add_weights(struct update_run *u, const struct update_row *row)
{
    const struct mismatch_options *m = &u->o->objective.mismatch;
    if (row->n == 0 || row->gold || !row->recorded)
        return;
    const float *old = row->scored ? row->scored : row->recorded;
    double *o = u->scratch, *b = o + row->n, *w = b + row->n;
    for (size_t t = 0; t < row->n; t++) {
        o[t] = (double)old[t];
        b[t] = (double)row->recorded[t];
    }
    mismatch_weights(m, o, b, NULL, row->n, w);
    mismatch_collect(m, w, NULL, row->n, &u->weights);
    mismatch_collect_effective(m, w, NULL, row->n, &u->effective);
}

bool update_score(struct update_run *u, struct err *e)
{
    struct update_order all;
    struct update_batch b;
    struct update_options plain = *u->o;
    plain.shuffle_sequences = false;
    update_order(&plain, &u->step, 0, &all);
    update_batch_make(u, &all, 0, all.n, needs_score, WANT_LOGP, &b);
    bool ok = score_batch(u, &b, e);
    if (ok && b.n_rows)
        log_info("scored %zu rows under the policy before the update", b.n_rows);
    update_batch_free(&b);
    free(all.units);
    u->weight_mean = 1;
    if (!ok || u->o->objective.mismatch.level == MISMATCH_OFF)
        return ok;
    for (size_t g = 0; g < u->step.n; g++)
        for (size_t r = 0; r < u->step.groups[g].n_rows; r++)
            add_weights(u, &u->step.groups[g].rows[r]);
    double mean = wmoments_mean(&u->weights);
    if (u->o->objective.mismatch_normalise && mean > 0)
        u->weight_mean = mean;
    return true;
}

bool update_denominator(struct update_run *u, struct err *e)
{
    const struct objective *o = &u->o->objective;
    u->den = (struct loss_denominator){0};
    for (size_t g = 0; g < u->step.n; g++)
        for (size_t r = 0; r < u->step.groups[g].n_rows; r++) {
            const struct update_row *row = &u->step.groups[g].rows[r];
            struct loss_row l = {
                .n = row->n, .gold = row->gold, .truncated = row->truncated, .flat = row->flat};
            loss_count_row(&o->loss, &l, &u->den);
        }
    u->den.rows /= (double)u->o->minibatches;
    u->den.tokens /= (double)u->o->minibatches;
    u->den.length = o->constant_length > 0 ? o->constant_length : (double)u->step.max_tokens;
    if (o->loss.aggregate == AGGREGATE_CONSTANT && u->den.length == 0)
        return err_set(e, ERR_DATA,
                       "no record says its max_tokens: --aggregate constant needs "
                       "--constant-length");
    return true;
}
