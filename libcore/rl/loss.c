/* loss.c - the loss of a row. */
#include "rl/surrogate.h"

#include <math.h>

struct loss_options loss_defaults(void)
{
    return (struct loss_options){.surrogate = surrogate_find(STR("ppo-clip")),
                                 .clip_policy = {true, 0.2, 0.2},
                                 .clip_gold = {true, 0.2, 0.2},
                                 .gold_gamma = 0.1,
                                 .gold_negatives = 1};
}

bool loss_uses_old(const struct loss_options *o)
{
    return o->surrogate->uses_ratio || (o->kl != KL_OFF && o->kl_weighted);
}

bool loss_uses_advantage(const struct loss_options *o)
{
    return o->surrogate->uses_advantage;
}

static bool valid(const struct loss_row *r, size_t t)
{
    return !r->mask || r->mask[t];
}

static double held(const struct loss_row *r, size_t t)
{
    return r->held ? r->held[t] : r->logp[t];
}

/* o of a token. */
static double old_logp(const struct loss_options *o, const struct loss_row *r, size_t t)
{
    if (r->gold && o->gold_old == GOLD_OLD_ONE)
        return 0;
    if (r->gold && o->gold_old == GOLD_OLD_CURRENT)
        return held(r, t);
    return r->old[t];
}

size_t loss_row_tokens(const struct loss_row *r)
{
    size_t n = 0;
    for (size_t t = 0; t < r->n; t++)
        n += valid(r, t);
    return n;
}

static bool is_active(const struct loss_row *r)
{
    if (!r->advantages)
        return r->advantage != 0;
    for (size_t t = 0; t < r->n; t++)
        if (valid(r, t) && r->advantages[t] != 0)
            return true;
    return false;
}

bool loss_row_counts(const struct loss_options *o, const struct loss_row *r)
{
    if ((o->mask_truncated && r->truncated) || (o->rows == ROWS_GOLD && !r->gold) ||
        (o->rows == ROWS_ACTIVE && r->flat))
        return false;
    return loss_row_tokens(r) > 0;
}

void loss_count_row(const struct loss_options *o, const struct loss_row *r,
                    struct loss_denominator *d)
{
    if (!loss_row_counts(o, r))
        return;
    d->rows += 1;
    d->tokens += (double)loss_row_tokens(r);
}

double loss_scale(const struct loss_options *o, const struct loss_denominator *d, size_t tokens)
{
    double by = 0;
    switch (o->aggregate) {
    case AGGREGATE_TOKEN_MEAN: by = d->tokens; break;
    case AGGREGATE_SEQ_MEAN_TOKEN_MEAN: by = d->rows * (double)tokens; break;
    case AGGREGATE_SEQ_MEAN_TOKEN_SUM: by = d->rows; break;
    case AGGREGATE_CONSTANT: by = d->rows * d->length; break;
    }
    return by > 0 ? 1 / by : 0;
}

/* ---- ratios ---- */

/* A row's ratio at sequence level. */
struct row_ratio {
    double log_ratio, rho, rho_held;
    bool clamped;
};

static double sequence_log(const struct loss_options *o, const struct loss_row *r, size_t tokens,
                           const double *logp)
{
    struct sum d = {0};
    for (size_t t = 0; t < r->n; t++)
        if (valid(r, t))
            sum_add(&d, logp[t] - old_logp(o, r, t));
    return o->ratio == RATIO_SEQUENCE_SUM ? sum_value(&d) : sum_value(&d) / (double)tokens;
}

static struct row_ratio sequence_ratio(const struct loss_options *o, const struct loss_row *r,
                                       size_t tokens)
{
    struct row_ratio q = {.rho = 1, .rho_held = 1};
    if (o->ratio == RATIO_TOKEN || !loss_uses_old(o))
        return q;
    double bound = o->ratio == RATIO_SEQUENCE_SUM ? LOSS_SUM_LOG_MAX : LOSS_MEAN_LOG_MAX;
    /* Of GSPO-token's ratio the sequence part is a constant. */
    bool constant = o->ratio == RATIO_SEQUENCE_TOKEN && r->held;
    q.log_ratio = sequence_log(o, r, tokens, constant ? r->held : r->logp);
    q.clamped = q.log_ratio > bound;
    q.rho = exp(q.clamped ? bound : q.log_ratio);
    q.rho_held = q.rho;
    if (r->held) {
        double h = sequence_log(o, r, tokens, r->held);
        q.rho_held = exp(h > bound ? bound : h);
    }
    return q;
}

static double bounded(double d)
{
    return fmin(fmax(d, -LOSS_TOKEN_LOG_MAX), LOSS_TOKEN_LOG_MAX);
}

/* The ratio of a token; *by_logp is its derivative by the token's own log-probability. */
static struct row_ratio token_ratio(const struct loss_options *o, const struct loss_row *r,
                                    const struct row_ratio *sequence, size_t t, double *by_logp)
{
    struct row_ratio q = *sequence;
    *by_logp = 0;
    if (!loss_uses_old(o))
        return q;
    if (o->ratio == RATIO_SEQUENCE_TOKEN) {
        q.log_ratio += r->logp[t] - held(r, t);
        q.rho = q.rho_held * exp(r->logp[t] - held(r, t));
        *by_logp = q.clamped ? 0 : q.rho;
    } else if (o->ratio == RATIO_TOKEN) {
        double old = old_logp(o, r, t), d = r->logp[t] - old, h = held(r, t) - old;
        q.log_ratio = d;
        q.clamped = fabs(d) > LOSS_TOKEN_LOG_MAX;
        q.rho = exp(bounded(d));
        q.rho_held = exp(bounded(h));
        *by_logp = q.clamped ? 0 : q.rho;
    }
    return q;
}

/* ---- statistics ---- */

static void count_ratio(struct loss_source_stats *s, double rho, bool clamped)
{
    if (s->ratio_count == 0 || rho < s->ratio_min)
        s->ratio_min = rho;
    if (s->ratio_count == 0 || rho > s->ratio_max)
        s->ratio_max = rho;
    sum_add(&s->ratio, rho);
    s->ratio_count++;
    s->clamped += clamped;
}

static void count_row(const struct loss_options *o, const struct loss_row *r, size_t tokens,
                      const struct row_ratio *q, struct loss_source_stats *s)
{
    s->rows++;
    s->tokens += tokens;
    s->active_rows += is_active(r);
    if (r->advantage > 0)
        s->advantage_plus += r->advantage;
    else
        s->advantage_minus += r->advantage;
    if (o->ratio != RATIO_TOKEN && loss_uses_old(o))
        count_ratio(s, q->rho, q->clamped);
}

static void count_token(const struct loss_options *o, const struct loss_row *r, size_t t,
                        const struct row_ratio *q, enum clip_side clipped,
                        struct loss_source_stats *s)
{
    s->clipped_low += clipped == CLIP_LOW;
    s->clipped_high += clipped == CLIP_HIGH;
    s->clipped_dual += clipped == CLIP_DUAL;
    if (o->ratio == RATIO_TOKEN && loss_uses_old(o))
        count_ratio(s, q->rho, q->clamped);
    if (loss_uses_old(o))
        sum_add(&s->log_ratio,
                o->ratio == RATIO_TOKEN ? -bounded(q->log_ratio) : old_logp(o, r, t) - r->logp[t]);
    if (r->entropy)
        sum_add(&s->entropy, r->entropy[t]);
}

/* ---- a row ---- */

/* The whole row is far from what the sampler saw, and is to be pushed away (DeepSeek-V3.2). */
static bool is_off_policy(const struct loss_options *o, const struct loss_row *r, size_t tokens)
{
    if (o->off_policy_delta <= 0 || !r->behaviour || r->advantage >= 0)
        return false;
    struct sum x = {0};
    for (size_t t = 0; t < r->n; t++)
        if (valid(r, t))
            sum_add(&x, r->behaviour[t] - held(r, t));
    return sum_value(&x) / (double)tokens > o->off_policy_delta;
}

static void clear_out(const struct loss_out *out, size_t n)
{
    double *const all[] = {out->dlogp, out->dentropy, out->token_loss, out->ratio};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t t = 0; all[i] && t < n; t++)
            all[i][t] = 0;
}

/* A token's terms; each with its derivatives by the ratio and by logp. */
struct token_terms {
    double surrogate, kl, entropy, sft;
    double by_rho, by_log, by_logp, by_entropy;
};

static struct token_terms token_terms(const struct loss_options *o, const struct loss_row *r,
                                      size_t t, const struct row_ratio *q, double weight,
                                      struct loss_source_stats *s)
{
    double a = r->advantages ? r->advantages[t] : r->advantage;
    struct surrogate_point p = {.rho = q->rho,
                                .rho_held = q->rho_held,
                                .log_ratio = q->log_ratio,
                                .logp = r->logp[t],
                                .advantage = r->beside_gold ? a * o->gold_negatives : a,
                                .gold = r->gold};
    struct surrogate_value v = o->surrogate->at(o, &p);
    struct token_terms k = {.surrogate = v.loss * weight,
                            .by_rho = v.by_rho * weight,
                            .by_log = v.by_log_ratio * weight,
                            .by_logp = v.by_logp * weight};
    if (o->kl != KL_OFF) {
        double by_n, kl = kl_value(o->kl, r->logp[t], r->ref[t], &by_n);
        double rho = o->kl_weighted ? q->rho : 1;
        sum_add(&s->kl, kl);
        k.kl = o->kl_coef * kl * rho;
        k.by_logp += o->kl_coef * by_n * rho;
        k.by_rho += o->kl_weighted ? o->kl_coef * kl : 0;
    }
    if (o->entropy_coef != 0) {
        k.entropy = -o->entropy_coef * r->entropy[t];
        k.by_entropy = -o->entropy_coef;
    }
    if (o->sft_weight != 0 && r->gold) {
        k.sft = -o->sft_weight * r->logp[t];
        k.by_logp -= o->sft_weight;
    }
    count_token(o, r, t, q, v.clipped, s);
    return k;
}

/* A ratio of the whole row: every token moves it. */
static void spread_gradient(const struct loss_options *o, const struct loss_row *r, size_t tokens,
                            const struct row_ratio *q, double by_rho, double by_log, double *dlogp)
{
    double each = (q->clamped ? 0 : by_rho * q->rho) + by_log;
    if (o->ratio == RATIO_SEQUENCE_MEAN)
        each /= (double)tokens;
    for (size_t t = 0; t < r->n; t++)
        if (valid(r, t))
            dlogp[t] += each;
}

double loss_row(const struct loss_options *o, const struct loss_denominator *d,
                const struct loss_row *r, const struct loss_out *out, struct loss_stats *stats)
{
    struct loss_stats unused = {0};
    struct loss_stats *st = stats ? stats : &unused;
    clear_out(out, r->n);
    if (!loss_row_counts(o, r)) {
        st->left_out++;
        return 0;
    }
    size_t tokens = loss_row_tokens(r);
    double scale = loss_scale(o, d, tokens);
    struct loss_source_stats *s = &st->source[r->gold];
    struct row_ratio sequence = sequence_ratio(o, r, tokens);
    count_row(o, r, tokens, &sequence, s);
    double keep = is_off_policy(o, r, tokens) ? 0 : 1;
    struct sum surrogate = {0}, kl = {0}, entropy = {0}, sft = {0};
    struct sum by_rho = {0}, by_log = {0}; /* of a ratio that the whole row moves */
    bool shared = loss_uses_old(o) &&
                  (o->ratio == RATIO_SEQUENCE_MEAN || o->ratio == RATIO_SEQUENCE_SUM);
    for (size_t t = 0; t < r->n; t++) {
        if (!valid(r, t))
            continue;
        double own; /* d rho / d logp of this token alone */
        struct row_ratio q = token_ratio(o, r, &sequence, t, &own);
        double weight = keep * (r->weight ? r->weight[t] : 1);
        struct token_terms k = token_terms(o, r, t, &q, weight, s);
        sum_add(&surrogate, k.surrogate);
        sum_add(&kl, k.kl);
        sum_add(&entropy, k.entropy);
        sum_add(&sft, k.sft);
        sum_add(&by_rho, scale * k.by_rho);
        sum_add(&by_log, scale * k.by_log);
        if (out->dlogp)
            out->dlogp[t] = scale * (k.by_logp + (shared ? 0 : k.by_rho * own + k.by_log));
        if (out->dentropy)
            out->dentropy[t] = scale * k.by_entropy;
        if (out->token_loss)
            out->token_loss[t] = k.surrogate + k.kl + k.entropy + k.sft;
        if (out->ratio)
            out->ratio[t] = q.rho;
    }
    if (out->dlogp && shared)
        spread_gradient(o, r, tokens, &sequence, sum_value(&by_rho), sum_value(&by_log),
                        out->dlogp);
    double parts[] = {scale * sum_value(&surrogate), scale * sum_value(&kl),
                      scale * sum_value(&entropy), scale * sum_value(&sft)};
    sum_add(&st->surrogate, parts[0]);
    sum_add(&st->kl, parts[1]);
    sum_add(&st->entropy, parts[2]);
    sum_add(&st->sft, parts[3]);
    return parts[0] + parts[1] + parts[2] + parts[3];
}
