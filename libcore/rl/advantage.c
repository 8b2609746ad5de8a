/* advantage.c - what all advantage rules share. */
#include "rl/advantage.h"

#include <math.h>

#define X(symbol, name) extern const struct advantage_rule advantage_##symbol;
#include "rl/advantage.list"
#undef X

static const struct advantage_rule *const rules[] = {
#define X(symbol, name) &advantage_##symbol,
#include "rl/advantage.list"
#undef X
    NULL};

static const char *const names[] = {
#define X(symbol, name) name,
#include "rl/advantage.list"
#undef X
    NULL};

const struct advantage_rule *const *advantage_rules(void)
{
    return rules;
}

const char *const *advantage_names(void)
{
    return names;
}

const struct advantage_rule *advantage_find(struct str name)
{
    for (size_t i = 0; rules[i]; i++)
        if (str_is(name, rules[i]->name))
            return rules[i];
    return NULL;
}

static bool counts(const struct advantage_options *o, const struct advantage_row *r)
{
    return r->scorable && !(o->gold_apart && r->gold);
}

struct advantage_spread advantage_spread(const struct advantage_options *o,
                                         const struct advantage_row *rows, size_t n)
{
    struct advantage_spread s = {0};
    struct sum total = {0}, squares = {0};
    for (size_t i = 0; i < n; i++) {
        if (!counts(o, &rows[i]))
            continue;
        double r = rows[i].reward;
        s.min = s.n == 0 || r < s.min ? r : s.min;
        s.max = s.n == 0 || r > s.max ? r : s.max;
        s.n++;
        sum_add(&total, r);
    }
    if (s.n < 2 && (s.n == 0 || o->single == ADV_SINGLE_REWARD)) {
        s.std = 1; /* with mean 0: a lone reward is its own advantage */
        return s;
    }
    s.mean = s.min == s.max ? s.min : sum_value(&total) / (double)s.n;
    for (size_t i = 0; i < n; i++)
        if (counts(o, &rows[i]))
            sum_add(&squares, (rows[i].reward - s.mean) * (rows[i].reward - s.mean));
    double count = (double)s.n - (o->biased ? 0 : 1);
    double var = count > 0 ? sum_value(&squares) / count : 0;
    s.std = sqrt(var > o->var_floor ? var : o->var_floor);
    if (o->gold_apart && s.std == 0)
        s.std = 1; /* the gold's lead over equal rewards is measured in rewards, as LUFFY has it */
    return s;
}

void advantage_group(const struct advantage_rule *rule, const struct advantage_options *o,
                     const struct advantage_row *rows, size_t n, double *adv)
{
    size_t scorable = 0, first = 0;
    bool equal = true;
    for (size_t i = 0; i < n; i++) {
        adv[i] = 0;
        if (!rows[i].scorable)
            continue;
        first = scorable++ == 0 ? i : first;
        equal = equal && rows[i].reward == rows[first].reward;
    }
    bool lone = scorable == 1 && o->single == ADV_SINGLE_REWARD;
    if (rule->group && (scorable == 0 || (equal && !lone)))
        return;
    if (rule->group)
        rule->group(o, rows, n, adv);
    for (size_t i = 0; i < n; i++)
        adv[i] = !rows[i].scorable ? 0 : rule->group ? adv[i] : rows[i].reward;
}

bool advantage_is_batch(const struct advantage_rule *rule, const struct advantage_options *o)
{
    return rule->batch_std || o->whiten != ADV_WHITEN_OFF;
}

bool advantage_uses_lengths(const struct advantage_rule *rule, const struct advantage_options *o)
{
    return rule->lengths || o->whiten == ADV_WHITEN_TOKENS;
}

void advantage_collect(const struct advantage_rule *rule, const struct advantage_options *o,
                       const struct advantage_row *rows, size_t n, const double *adv,
                       struct advantage_batch *b)
{
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].scorable)
            continue;
        if (rule->batch_std)
            wmoments_add(&b->rewards, rows[i].reward, 1);
        if (o->whiten != ADV_WHITEN_OFF)
            wmoments_add(&b->values, adv[i], o->whiten == ADV_WHITEN_ROWS ? 1 : rows[i].length);
    }
}

static double whiten_mean(const struct advantage_options *o, const struct wmoments *m)
{
    double mean = wmoments_mean(m);
    return o->whiten_count > 0 ? mean * (m->weight / (m->weight + o->whiten_count)) : mean;
}

static double whiten_std(const struct advantage_options *o, const struct wmoments *m)
{
    double var = wmoments_variance(m, o->whiten_biased), n = m->weight;
    if (o->whiten_count > 0 && n > 1) {
        double off = wmoments_mean(m) - whiten_mean(o, m);
        double share = n / (n + o->whiten_count);
        var = var * share + off * off * share * (o->whiten_biased ? 1 : n / (n - 1));
    }
    switch (o->whiten_root) {
    case ADV_STD_PLUS: return sqrt(var) + o->whiten_epsilon;
    case ADV_VAR_PLUS: return sqrt(var + o->whiten_epsilon);
    case ADV_VAR_AT_LEAST: return sqrt(var > o->whiten_epsilon ? var : o->whiten_epsilon);
    }
    return 1;
}

/* All values exactly equal: nothing to scale, everything is 0. */
static bool is_flat(const struct advantage_options *o, const struct wmoments *m)
{
    return m->min == m->max && o->whiten_count == 0;
}

void advantage_finish(const struct advantage_rule *rule, const struct advantage_options *o,
                      const struct advantage_batch *b, const struct advantage_row *rows, size_t n,
                      double *adv)
{
    double std = rule->batch_std ? sqrt(wmoments_variance(&b->rewards, o->biased)) + o->epsilon : 1;
    double mean = whiten_mean(o, &b->values);
    bool flat = is_flat(o, &b->values);
    double spread = o->whiten == ADV_WHITEN_OFF || flat ? 1 : whiten_std(o, &b->values);
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].scorable || (rule->batch_std && adv[i] == 0))
            continue;
        if (rule->batch_std)
            adv[i] /= std;
        if (o->whiten != ADV_WHITEN_OFF)
            adv[i] = flat ? 0 : (adv[i] - mean) / spread;
    }
}

void advantage_collect_tokens(double value, size_t length, double gamma, struct wmoments *m)
{
    double power = 1;
    for (size_t t = length; t-- > 0; power *= gamma)
        wmoments_add(m, value * power, 1);
}

double advantage_token(const struct advantage_options *o, const struct wmoments *m, double value,
                       size_t length, size_t t, double gamma)
{
    if (is_flat(o, m))
        return 0;
    double power = 1;
    for (size_t k = t + 1; k < length; k++)
        power *= gamma;
    return (value * power - whiten_mean(o, m)) / whiten_std(o, m);
}
