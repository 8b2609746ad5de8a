/* objectives_loss.h - cases that turn log-probabilities into losses and gradients. */
#ifndef TESTS_OBJECTIVES_LOSS_H
#define TESTS_OBJECTIVES_LOSS_H

#include "objectives_case.h"

#include "rl/mismatch.h"
#include "rl/surrogate.h"

/* B rows of T tokens, row-major. */
struct loss_batch {
    size_t rows, width;
    double *logp, *old, *ref, *behaviour, *adv, *weights, *off_policy;
    unsigned char *mask;
    struct loss_options o;
    struct loss_denominator den;
    double *grad, *token_loss, *ratio;
    double loss;
    struct loss_stats stats;
    double *row_ratio;
};

static struct loss_batch loss_batch(struct test_case *c)
{
    struct loss_batch b = {.rows = (size_t)real_or(c->inputs, "B", 0),
                           .width = (size_t)real_or(c->inputs, "T", 0),
                           .logp = numbers(c, c->inputs, "logp_new", NULL),
                           .old = numbers(c, c->inputs, "logp_old", NULL),
                           .ref = numbers(c, c->inputs, "logp_ref", NULL),
                           .adv = numbers(c, c->inputs, "adv_seq", NULL),
                           .off_policy = numbers(c, c->inputs, "off_policy_rows", NULL),
                           .o = loss_defaults()};
    size_t n = b.rows * b.width;
    b.mask = mask_of(c, n);
    if (!b.mask) {
        double *lengths = numbers(c, c->inputs, "lengths", NULL);
        b.mask = arena_alloc(c->arena, n + 1);
        for (size_t i = 0; i < n; i++)
            b.mask[i] = !lengths || (double)(i % b.width) < lengths[i / b.width];
    }
    b.grad = blank(c, n);
    b.token_loss = blank(c, n);
    b.ratio = blank(c, n);
    b.row_ratio = blank(c, b.rows);
    return b;
}

static struct loss_row batch_row(const struct loss_batch *b, size_t i)
{
    size_t at = i * b->width;
    return (struct loss_row){.n = b->width,
                             .logp = b->logp + at,
                             .old = b->old ? b->old + at : NULL,
                             .ref = b->ref ? b->ref + at : NULL,
                             .behaviour = b->behaviour ? b->behaviour + at : NULL,
                             .weight = b->weights ? b->weights + at : NULL,
                             .mask = b->mask + at,
                             .advantage = b->adv ? b->adv[i] : 0,
                             .gold = b->off_policy && b->off_policy[i] != 0};
}

/* The counts of the rows at hand. */
static void local_denominator(struct loss_batch *b)
{
    b->den = (struct loss_denominator){0};
    for (size_t i = 0; i < b->rows; i++) {
        struct loss_row r = batch_row(b, i);
        loss_count_row(&b->o, &r, &b->den);
    }
}

static void run_loss(struct loss_batch *b)
{
    struct sum total = {0};
    for (size_t i = 0; i < b->rows; i++) {
        size_t at = i * b->width;
        struct loss_row r = batch_row(b, i);
        struct loss_out out = {
            .dlogp = b->grad + at, .token_loss = b->token_loss + at, .ratio = b->ratio + at};
        sum_add(&total, loss_row(&b->o, &b->den, &r, &out, &b->stats));
        for (size_t t = 0; t < b->width; t++)
            if (r.mask[t])
                b->row_ratio[i] = b->ratio[at + t];
    }
    b->loss = sum_value(&total);
}

static void expect_loss(struct test_case *c, struct loss_batch *b)
{
    size_t n = b->rows * b->width, seen;
    expect_real(c, "loss", b->loss);
    expect_array(c, "grad_logp_new", b->grad, n);
    numbers(c, c->expect, "ratio", &seen);
    if (seen == n && b->o.ratio_cap == 0)
        expect_array(c, "ratio", b->ratio, n);
    else if (seen == b->rows)
        expect_array(c, "ratio", b->row_ratio, b->rows);
    numbers(c, c->expect, "per_token_loss", &seen);
    if (seen == n)
        expect_array(c, "per_token_loss", b->token_loss, n);
}

static double per_token(const struct loss_batch *b, double count)
{
    double tokens = (double)(b->stats.source[0].tokens + b->stats.source[1].tokens);
    return tokens > 0 ? count / tokens : 0;
}

static void expect_verl_metrics(struct test_case *c, const struct loss_batch *b)
{
    const struct loss_source_stats *s = &b->stats.source[0];
    if (b->o.surrogate->uses_ratio)
        expect_metric(c, "ppo_kl", per_token(b, sum_value(&s->log_ratio)));
    if (strcmp(b->o.surrogate->name, "ppo-clip") == 0) {
        /* The peer counts a token under the dual clip as one of the lower class only. */
        expect_metric(c, "pg_clipfrac", per_token(b, (double)(s->clipped_low + s->clipped_high)));
        expect_metric(c, "pg_clipfrac_lower", per_token(b, (double)s->clipped_dual));
    }
}

/* ---- verl ---- */

static bool verl_aggregate(struct test_case *c, const cJSON *o, struct loss_batch *b)
{
    const char *mode = word(o, "loss_agg_mode");
    const cJSON *info = member(o, "global_batch_info");
    if (!info)
        info = o;
    double shards = real_or(info, "dp_size", 1);
    (void)c;
    b->o.aggregate = strcmp(mode, "token-mean") == 0            ? AGGREGATE_TOKEN_MEAN
                     : strcmp(mode, "seq-mean-token-mean") == 0 ? AGGREGATE_SEQ_MEAN_TOKEN_MEAN
                     : strcmp(mode, "seq-mean-token-sum") == 0  ? AGGREGATE_SEQ_MEAN_TOKEN_SUM
                                                                : AGGREGATE_CONSTANT;
    local_denominator(b);
    b->den.tokens = real_or(info, "batch_num_tokens", b->den.tokens * shards) / shards;
    b->den.rows = real_or(info, "global_batch_size", b->den.rows * shards) / shards;
    if (b->o.aggregate == AGGREGATE_CONSTANT) {
        b->den.rows = 1; /* the peer sums over rows */
        b->den.length = real_or(info, "loss_scale_factor", (double)b->width);
    }
    return strncmp(mode, "seq-mean-token", 14) == 0 || strcmp(mode, "token-mean") == 0;
}

static const char *verl_options(struct test_case *c, const cJSON *o, struct loss_batch *b)
{
    const char *mode = word(o, "loss_mode");
    double clip = real_or(o, "clip_ratio", 0.2);
    b->o.clip_policy = (struct clip_range){true, real_or(o, "clip_ratio_low", clip),
                                           real_or(o, "clip_ratio_high", clip)};
    if (strcmp(mode, "sapo") == 0)
        return "SAPO";
    if (strcmp(mode, "geo_mean") == 0)
        return "GMPO";
    if (strcmp(mode, "vanilla") == 0)
        b->o.dual_clip = real_or(o, "clip_ratio_c", 3);
    else if (strcmp(mode, "gspo") == 0)
        b->o.ratio = RATIO_SEQUENCE_TOKEN;
    else if (strcmp(mode, "cispo") == 0)
        b->o.surrogate = surrogate_find(STR("cispo"));
    else if (strcmp(mode, "gpg") == 0 || strcmp(mode, "reinforce") == 0)
        b->o.surrogate = surrogate_find(STR("reinforce"));
    else
        return "a loss mode this test does not know";
    return verl_aggregate(c, o, b) ? NULL : "an aggregation this test does not know";
}

static const char *loss_verl(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    b.weights = numbers(c, c->inputs, "rollout_is_weights", NULL);
    const char *why = verl_options(c, c->options, &b);
    if (why)
        return why;
    run_loss(&b);
    expect_loss(c, &b);
    expect_verl_metrics(c, &b);
    return NULL;
}

/* Long rows: sums and norms of the gradient, and a few of its values. */
static const char *long_rows(struct test_case *c)
{
    size_t n_probes;
    double *probes = numbers(c, c->options, "probe_positions", &n_probes);
    const cJSON *run, *expect = c->expect;
    cJSON_ArrayForEach(run, member(expect, "runs"))
    {
        struct loss_batch b = loss_batch(c);
        const char *why = verl_options(c, member(run, "options"), &b);
        if (why)
            return why;
        run_loss(&b);
        double *sums = blank(c, b.rows), *norms = blank(c, b.rows);
        double *probe = blank(c, b.rows * n_probes);
        for (size_t i = 0; i < b.rows; i++) {
            struct sum s = {0}, q = {0};
            for (size_t t = 0; t < b.width; t++) {
                sum_add(&s, b.grad[i * b.width + t]);
                sum_add(&q, b.grad[i * b.width + t] * b.grad[i * b.width + t]);
            }
            sums[i] = sum_value(&s);
            norms[i] = sqrt(sum_value(&q));
            for (size_t k = 0; k < n_probes; k++)
                probe[k * b.rows + i] = b.grad[i * b.width + (size_t)probes[k]];
        }
        c->expect = run;
        expect_real(c, "loss", b.loss);
        expect_array(c, "grad_row_sum", sums, b.rows);
        expect_array(c, "grad_row_l2", norms, b.rows);
        expect_array(c, "grad_probe", probe, b.rows * n_probes);
        expect_array(c, "seq_ratio", b.row_ratio, b.rows);
        expect_verl_metrics(c, &b);
        c->expect = expect;
    }
    return NULL;
}

/* ---- TRL ---- */

static const char *trl_options(struct test_case *c, struct loss_batch *b)
{
    const char *type = word(c->options, "loss_type");
    const char *level = word(c->options, "importance_sampling_level");
    if (strcmp(type, "vespo") == 0)
        return "VESPO";
    if (strcmp(type, "luspo") == 0)
        return "LUSPO";
    if (strcmp(type, "sapo") == 0)
        return "SAPO";
    if (real_or(c->options, "top_entropy_quantile", 1) < 1)
        return "top-entropy mask";
    struct loss_options *o = &b->o;
    double high = real_or(c->options, "epsilon_high", 0.2);
    o->clip_policy = (struct clip_range){true, real_or(c->options, "epsilon_low", 0.2), high};
    o->ratio = strcmp(level, "sequence") == 0         ? RATIO_SEQUENCE_MEAN
               : strcmp(level, "sequence_token") == 0 ? RATIO_SEQUENCE_TOKEN
                                                      : RATIO_TOKEN;
    o->ratio_cap = real_or(c->options, "delta", 0);
    o->off_policy_delta = real_or(c->options, "off_policy_mask_threshold", 0);
    o->kl_coef = real_or(c->options, "beta", 0);
    o->kl = o->kl_coef != 0 ? KL_K3 : KL_OFF;
    o->kl_weighted = strstr(c->name, "unbiased") != NULL; /* the options do not say it */
    local_denominator(b);
    o->aggregate = AGGREGATE_TOKEN_MEAN;
    if (strcmp(type, "grpo") == 0) {
        o->aggregate = AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
        b->den.rows = (double)b->rows; /* empty rows included */
    } else if (strcmp(type, "dr_grpo") == 0) {
        o->aggregate = AGGREGATE_CONSTANT;
        b->den.rows = (double)b->rows;
        b->den.length = real_or(c->options, "max_completion_length", 1);
    } else if (strcmp(type, "cispo") == 0) {
        o->surrogate = surrogate_find(STR("cispo"));
        o->clip_policy = (struct clip_range){true, 1, high - 1}; /* the cap itself */
    }
    double steps = real_or(c->options, "gradient_accumulation", 1);
    b->den.rows *= steps;
    b->den.tokens *= steps;
    return NULL;
}

static const char *loss_trl(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    b.weights = numbers(c, c->inputs, "importance_sampling_ratio", NULL);
    b.behaviour = numbers(c, c->inputs, "logp_sampling", NULL);
    const char *why = trl_options(c, &b);
    if (why)
        return why;
    run_loss(&b);
    expect_loss(c, &b);
    if (b.o.ratio == RATIO_TOKEN && b.o.surrogate->uses_clip && b.o.ratio_cap == 0 &&
        strcmp(b.o.surrogate->name, "ppo-clip") == 0) {
        const struct loss_source_stats *s = &b.stats.source[0];
        expect_metric(c, "clip_ratio/low_mean", per_token(&b, (double)s->clipped_low));
        expect_metric(c, "clip_ratio/high_mean", per_token(&b, (double)s->clipped_high));
    }
    return NULL;
}

static const char *loss_trl_rloo(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    b.o.ratio = RATIO_SEQUENCE_SUM;
    b.o.aggregate = AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
    b.o.clip_policy = (struct clip_range){true, real_or(c->options, "epsilon_low", 0.2),
                                          real_or(c->options, "epsilon_high", 0.2)};
    local_denominator(&b);
    b.den.rows = (double)b.rows;
    run_loss(&b);
    expect_loss(c, &b);
    return NULL;
}

/* ---- OpenRLHF ---- */

static const char *openrlhf_weights(struct test_case *c, struct loss_batch *b)
{
    const char *kind = word(c->options, "vllm_is_correction_type");
    double *bounds = numbers(c, c->options, "vllm_is_truncated_threshold", NULL);
    double *rollout = numbers(c, c->inputs, "logp_rollout", NULL);
    if (!flag(c->options, "enable_vllm_is_correction"))
        return NULL;
    struct mismatch_options m = {.level = MISMATCH_TOKEN, .low = bounds[0], .high = bounds[1]};
    if (strcmp(kind, "icepop") == 0)
        m.mask = true;
    else if (strcmp(kind, "seq-mask-tis") == 0)
        m.level = MISMATCH_TOKEN_BY_MEAN;
    else if (strcmp(kind, "tis") != 0)
        return "a correction this test does not know";
    b->weights = blank(c, b->rows * b->width);
    for (size_t i = 0; i < b->rows; i++) {
        size_t at = i * b->width;
        mismatch_weights(&m, b->old + at, rollout + at, b->mask + at, b->width, b->weights + at);
    }
    return NULL;
}

static const char *loss_openrlhf(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    bool gspo = strcmp(word(c->options, "policy_loss_type"), "gspo") == 0;
    const cJSON *token_level = member(c->options, "token_level_loss");
    b.o.clip_policy = (struct clip_range){true, real_or(c->options, "clip_eps_low", 0.2),
                                          real_or(c->options, "clip_eps_high", 0.2)};
    b.o.dual_clip = real_or(c->options, "dual_clip", 0);
    if (gspo)
        b.o.ratio = RATIO_SEQUENCE_TOKEN;
    if (gspo || cJSON_IsFalse(token_level))
        b.o.aggregate = AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
    const char *why = openrlhf_weights(c, &b);
    if (why)
        return why;
    local_denominator(&b);
    run_loss(&b);
    expect_loss(c, &b);
    expect_real(c, "ppo_kl", per_token(&b, sum_value(&b.stats.source[0].log_ratio)));
    return NULL;
}

/* ---- LUFFY, SFT ---- */

static const char *luffy_shape(struct test_case *c, struct loss_batch *b)
{
    const char *shape = word(c->options, "off_policy_reshape");
    b->o.gold_old = GOLD_OLD_ONE;
    if (strncmp(shape, "p_div_p_", 8) == 0) {
        b->o.gold_shape = SHAPE_SATURATING;
        b->o.gold_gamma = strtod(shape + 8, NULL);
    } else if (strcmp(shape, "logp") == 0) {
        b->o.gold_shape = SHAPE_LOG;
    } else if (strcmp(shape, "square_root") == 0) {
        b->o.gold_shape = SHAPE_SQRT;
    } else if (strcmp(shape, "pow") == 0) {
        b->o.gold_shape = SHAPE_POWER;
        b->o.gold_gamma = real_or(c->options, "off_policy_reshape_pow_exp", 0.5);
    } else if (strcmp(shape, "no_reshape") != 0) {
        return "a shape this test does not know";
    }
    double *target = numbers(c, c->inputs, "target_probs", NULL);
    for (size_t i = 0; target && i < b->rows * b->width; i++) {
        /* The peer's ratio is p / (q + 1e-6) then, and it is not shaped. */
        b->o.gold_shape = SHAPE_NONE;
        b->o.gold_old = GOLD_OLD_POLICY;
        if (b->off_policy[i / b->width] != 0)
            b->old[i] = log(target[i] + 1e-6);
    }
    return NULL;
}

static const char *loss_luffy(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    double clip = real_or(c->options, "cliprange", 0.2);
    double upper = real_or(c->options, "clip_upper_bound", 1);
    b.o.surrogate = surrogate_find(STR("luffy"));
    b.o.clip_policy =
        (struct clip_range){!flag(c->options, "loss_remove_clip"), clip, fmax(upper, 1 + clip) - 1};
    b.o.gold_cap = real_or(c->options, "off_max_clip", 0);
    const char *why = luffy_shape(c, &b);
    if (why)
        return why;
    local_denominator(&b);
    if (flag(c->options, "loss_remove_token_mean")) {
        b.o.aggregate = AGGREGATE_CONSTANT;
        b.den = (struct loss_denominator){.rows = 1, .length = (double)b.width};
    }
    run_loss(&b);
    expect_loss(c, &b);
    return NULL;
}

static const char *sft(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    b.o.surrogate = surrogate_find(STR("nll"));
    if (cJSON_IsFalse(member(c->options, "token_level_loss")))
        b.o.aggregate = AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
    local_denominator(&b);
    run_loss(&b);
    expect_loss(c, &b);
    return NULL;
}

#endif
