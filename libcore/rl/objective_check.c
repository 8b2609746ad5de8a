/* objective_check.c - combinations that make no sense, and switches that have no effect. */
#include "rl/objective.h"

#include "rl/surrogate.h"

static bool check_surrogate(const struct loss_options *l, struct err *e)
{
    const struct surrogate *s = l->surrogate;
    if (s->token_ratio_only && l->ratio != RATIO_TOKEN)
        return err_set(e, ERR_USAGE,
                       "surrogate %s is defined on token ratios: it needs --ratio token", s->name);
    if (!s->uses_ratio && (l->dual_clip > 0 || l->ratio_cap > 0))
        return err_set(e, ERR_USAGE,
                       "surrogate %s has no ratio: --dual-clip and --ratio-cap mean nothing to it",
                       s->name);
    if (!s->uses_gold_shape && (l->gold_shape != SHAPE_NONE || l->gold_cap > 0))
        return err_set(e, ERR_USAGE,
                       "--gold-shape and --gold-cap belong to surrogate luffy (surrogate is %s)",
                       s->name);
    if (s->uses_gold_shape && l->gold_old == GOLD_OLD_CURRENT)
        return err_set(e, ERR_USAGE,
                       "surrogate %s shapes the gold's ratio, which --gold-old current makes "
                       "constant",
                       s->name);
    if (!s->uses_advantage && l->sft_weight != 0 && l->rows == ROWS_GOLD)
        return err_set(e, ERR_USAGE,
                       "surrogate %s is -log pi of gold rows already: --sft-weight "
                       "would count them twice",
                       s->name);
    if (!s->uses_advantage && l->rows == ROWS_ACTIVE)
        return err_set(e, ERR_USAGE,
                       "surrogate %s reads no advantages: --denominator active means nothing to it",
                       s->name);
    return true;
}

bool objective_check(const struct objective *o, struct err *e)
{
    const struct loss_options *l = &o->loss;
    if (!check_surrogate(l, e))
        return false;
    if (l->kl == KL_OFF && (l->kl_coef != 0 || l->kl_weighted))
        return err_set(e, ERR_USAGE, "--kl-coef and --kl-weighted need --kl k1, k2, k3 or abs");
    if (o->constant_length > 0 && l->aggregate != AGGREGATE_CONSTANT)
        return err_set(e, ERR_USAGE, "--constant-length needs --aggregate constant");
    if (o->mismatch.level == MISMATCH_OFF && o->mismatch_normalise)
        return err_set(e, ERR_USAGE, "--mismatch-normalise needs --mismatch");
    if (o->mismatch.low > o->mismatch.high)
        return err_set(e, ERR_USAGE, "--mismatch-low is above --mismatch-high");
    if (l->ratio_cap > 0 && l->dual_clip > 0)
        return err_set(e, ERR_USAGE,
                       "--ratio-cap and --dual-clip both bound the loss of rows with "
                       "A < 0: choose one");
    return true;
}

static bool clips(const struct loss_options *l)
{
    return l->surrogate->uses_clip &&
           (l->clip_policy.on || l->clip_gold.on || l->dual_clip > 0 || l->ratio_cap > 0);
}

void objective_idle(const struct objective *o, uint64_t updates, bool recompute,
                    void (*say)(void *arg, const char *text), void *arg)
{
    const struct loss_options *l = &o->loss;
    if (updates == 1 && loss_uses_old(l))
        say(arg, clips(l)
                     ? "one minibatch and one epoch: the ratio is exactly 1 on this model's own "
                       "rows, so neither it nor clipping has an effect there"
                     : "one minibatch and one epoch: the ratio is exactly 1 on this model's own "
                       "rows and has no effect there");
    if (l->kl != KL_OFF && l->kl_coef == 0)
        say(arg, "--kl without --kl-coef is measured, not trained on");
    if (o->mismatch.level != MISMATCH_OFF && !recompute)
        say(arg, "mismatch weights are exactly 1 with --old recorded: the old log-probabilities "
                 "are the sampler's");
    if (l->ratio == RATIO_SEQUENCE_MEAN && clips(l) && l->clip_policy.on &&
        l->clip_policy.high >= 0.1 && updates > 1)
        say(arg, "a sequence-mean ratio hardly ever leaves a clip range as wide as this");
}
