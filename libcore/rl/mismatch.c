/* mismatch.c - weights, rejection and figures of the rollout/trainer mismatch. */
#include "rl/mismatch.h"

#include <math.h>

static double bounded(double x)
{
    return fmin(fmax(x, -MISMATCH_LOG_MAX), MISMATCH_LOG_MAX);
}

static bool valid(const unsigned char *mask, size_t t)
{
    return !mask || mask[t];
}

static double sum_of_x(const double *old, const double *behaviour, const unsigned char *mask,
                       size_t n, size_t *tokens)
{
    struct sum s = {0};
    *tokens = 0;
    for (size_t t = 0; t < n; t++)
        if (valid(mask, t)) {
            sum_add(&s, old[t] - behaviour[t]);
            ++*tokens;
        }
    return sum_value(&s);
}

static double apply_bounds(const struct mismatch_options *o, double w, bool *hit)
{
    *hit = w > o->high || w < o->low;
    if (!*hit)
        return w;
    return o->mask ? 0 : w > o->high ? o->high : o->low;
}

size_t mismatch_weights(const struct mismatch_options *o, const double *old,
                        const double *behaviour, const unsigned char *mask, size_t n, double *w)
{
    size_t tokens, hits = 0;
    double total = sum_of_x(old, behaviour, mask, n, &tokens);
    bool row_hit = false;
    double row = 1;
    if (o->level == MISMATCH_SEQUENCE) {
        row = apply_bounds(o, exp(bounded(total)), &row_hit);
    } else if (o->level == MISMATCH_TOKEN_BY_MEAN && tokens > 0) {
        double g = exp(bounded(total / (double)tokens));
        row_hit = g > o->high || g < o->low;
    }
    for (size_t t = 0; t < n; t++) {
        bool hit = row_hit;
        w[t] = 0;
        if (!valid(mask, t))
            continue;
        double x = exp(bounded(old[t] - behaviour[t]));
        switch (o->level) {
        case MISMATCH_OFF: w[t] = 1; break;
        case MISMATCH_TOKEN: w[t] = apply_bounds(o, x, &hit); break;
        case MISMATCH_SEQUENCE: w[t] = row; break;
        case MISMATCH_TOKEN_BY_MEAN: w[t] = row_hit ? 0 : x; break;
        }
        hits += hit;
    }
    return hits;
}

void mismatch_collect(const struct mismatch_options *o, const double *w, const unsigned char *mask,
                      size_t n, struct wmoments *m)
{
    for (size_t t = 0; t < n; t++) {
        if (!valid(mask, t))
            continue;
        wmoments_add(m, w[t], 1);
        if (o->level == MISMATCH_SEQUENCE)
            return;
    }
}

void mismatch_collect_effective(const struct mismatch_options *o, const double *w,
                                const unsigned char *mask, size_t n, struct wmoments *m)
{
    for (size_t t = 0; t < n; t++)
        if (valid(mask, t))
            wmoments_add(m, fmax(w[t], 1 / o->high), 1);
}

double mismatch_effective_size(const struct wmoments *m)
{
    double x = sum_value(&m->x), xx = sum_value(&m->xx);
    return xx > 0 ? x * x / (m->weight * xx) : 0;
}

/* ---- rejection ---- */

bool mismatch_reject_parse(struct str name, struct mismatch_reject *r)
{
    static const struct {
        const char *prefix;
        enum mismatch_over over;
    } overs[] = {{"token_k", REJECT_TOKEN},
                 {"seq_sum_k", REJECT_SUM},
                 {"seq_mean_k", REJECT_MEAN},
                 {"seq_max_k", REJECT_MAX}};
    for (size_t i = 0; i < sizeof overs / sizeof *overs; i++) {
        struct str p = str_of(overs[i].prefix);
        if (!str_starts(name, p) || name.n != p.n + 1)
            continue;
        char kind = name.p[p.n];
        if (kind < '1' || kind > '3')
            return false;
        r->over = overs[i].over;
        r->kind = kind - '0';
        return true;
    }
    return false;
}

static double divergence(int kind, double x)
{
    double c = bounded(x);
    return kind == 1 ? -c : kind == 2 ? c * c / 2 : exp(c) - c - 1;
}

static bool acceptable(const struct mismatch_reject *r, double k)
{
    if (r->kind == 1)
        return k >= log(r->low) && k <= log(r->high);
    return k <= r->high;
}

size_t mismatch_reject(const struct mismatch_reject *r, const double *old, const double *behaviour,
                       const unsigned char *mask, size_t n, unsigned char *keep)
{
    struct sum total = {0};
    double most = -HUGE_VAL;
    size_t tokens = 0, off = 0;
    for (size_t t = 0; t < n; t++) {
        if (!valid(mask, t))
            continue;
        double k = divergence(r->kind, old[t] - behaviour[t]);
        sum_add(&total, k);
        most = k > most ? k : most;
        tokens++;
    }
    double row = r->over == REJECT_SUM ? sum_value(&total) : r->over == REJECT_MAX ? most : 0;
    if (r->over == REJECT_MEAN && tokens > 0)
        row = sum_value(&total) / (double)tokens;
    for (size_t t = 0; t < n; t++) {
        double k = r->over == REJECT_TOKEN ? divergence(r->kind, old[t] - behaviour[t]) : row;
        bool kept = r->over == REJECT_OFF || acceptable(r, k);
        keep[t] = valid(mask, t) && kept;
        off += valid(mask, t) && !kept;
    }
    return off;
}

/* ---- figures ---- */

static void measure_row(struct mismatch_stats *s, double old, double behaviour, double x)
{
    double diff = behaviour - old; /* of log perplexities, training less rollout */
    if (s->rows == 0 || diff < s->log_ppl_diff_min)
        s->log_ppl_diff_min = diff;
    if (s->rows == 0 || diff > s->log_ppl_diff_max)
        s->log_ppl_diff_max = diff;
    s->rows++;
    sum_add(&s->train_log_ppl, -old);
    sum_add(&s->rollout_log_ppl, -behaviour);
    sum_add(&s->train_ppl, exp(-old));
    sum_add(&s->rollout_ppl, exp(-behaviour));
    sum_add(&s->ppl_ratio, exp(diff));
    sum_add(&s->log_ppl_diff, diff);
    sum_add(&s->log_ppl_abs_diff, fabs(diff));
    sum_add(&s->squared_row_ratio, exp(2 * bounded(x)));
}

void mismatch_measure(struct mismatch_stats *s, const double *old, const double *behaviour,
                      const unsigned char *mask, size_t n)
{
    struct sum olds = {0}, behaviours = {0}, total = {0};
    size_t tokens = 0;
    for (size_t t = 0; t < n; t++) {
        if (!valid(mask, t))
            continue;
        double x = old[t] - behaviour[t], c = bounded(x), ratio = exp(c);
        tokens++;
        sum_add(&olds, old[t]);
        sum_add(&behaviours, behaviour[t]);
        sum_add(&total, x);
        sum_add(&s->abs_x, fabs(x));
        sum_add(&s->minus_x, -x);
        sum_add(&s->k3, ratio - x - 1);
        sum_add(&s->squared_ratio, exp(2 * c));
        s->max_abs = fmax(s->max_abs, fabs(x));
        s->outside += ratio < 0.9 || ratio > 1.1;
    }
    s->tokens += tokens;
    if (tokens > 0)
        measure_row(s, sum_value(&olds) / (double)tokens, sum_value(&behaviours) / (double)tokens,
                    sum_value(&total));
}
