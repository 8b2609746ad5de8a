/* rates.c - see rates.h. */
#include "report/rates.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/bootstrap.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct rate *a, const struct rate *b)
{
    const uint32_t x[] = {a->n, a->c, a->vote, a->of}, y[] = {b->n, b->c, b->vote, b->of};
    for (int i = 0; i < 4; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static struct rate *find(const struct rates *r, const struct rate *key)
{
    const uint32_t x[] = {key->n, key->c, key->vote, key->of};
    size_t i = str_hash((struct str){(const char *)x, sizeof x}) & (r->cap - 1);
    while (r->slot[i].count && compare(&r->slot[i], key))
        i = (i + 1) & (r->cap - 1);
    return &r->slot[i];
}

static void grow(struct rates *r)
{
    struct rates bigger = {.cap = r->cap ? 2 * r->cap : 64, .n = r->n, .groups = r->groups};
    bigger.slot = xcalloc(bigger.cap, sizeof *bigger.slot);
    for (size_t i = 0; i < r->cap; i++)
        if (r->slot[i].count)
            *find(&bigger, &r->slot[i]) = r->slot[i];
    free(r->slot);
    *r = bigger;
}

void rates_add(struct rates *r, struct rate outcome)
{
    if (2 * (r->n + 1) > r->cap)
        grow(r);
    struct rate *slot = find(r, &outcome);
    r->n += !slot->count;
    r->groups += outcome.count;
    outcome.count += slot->count;
    *slot = outcome;
}

void rates_free(struct rates *r)
{
    free(r->slot);
    *r = (struct rates){0};
}

static int compare_void(const void *a, const void *b)
{
    return compare(a, b);
}

struct rate *rates_sorted(const struct rates *r)
{
    struct rate *out = xcalloc(r->n + 1, sizeof *out);
    size_t n = 0;
    for (size_t i = 0; i < r->cap; i++)
        if (r->slot[i].count)
            out[n++] = r->slot[i];
    qsort(out, n, sizeof *out, compare_void);
    return out;
}

uint32_t rates_largest(const struct rates *r)
{
    uint32_t n = 0;
    for (size_t i = 0; i < r->cap; i++)
        if (r->slot[i].count && r->slot[i].n > n)
            n = r->slot[i].n;
    return n;
}

/* C(a, k) / C(n, k): the chance that k draws from n all fall among a. */
static double all_among(uint32_t a, uint32_t n, uint32_t k)
{
    if (a < k)
        return 0;
    double p = 1;
    for (uint32_t i = 0; i < k; i++)
        p *= (double)(a - i) / (double)(n - i);
    return p;
}

double pass_at_k(uint32_t n, uint32_t c, uint32_t k)
{
    return 1 - all_among(n - c, n, k);
}

bool statistic_value(const struct statistic *s, const struct rate *r, double *out)
{
    switch (s->kind) {
    case STATISTIC_MEAN: *out = (double)r->c / r->n; break;
    case STATISTIC_MAJORITY: *out = (double)r->vote / r->of; break;
    case STATISTIC_PASS:
        if (r->n < s->k)
            return false;
        *out = pass_at_k(r->n, r->c, s->k);
        break;
    }
    return true;
}

void rates_estimate(const struct rates *r, const struct statistic *s, size_t n_statistics,
                    uint32_t replicates, double confidence, uint64_t seed, struct estimate *out)
{
    struct rate *sorted = rates_sorted(r);
    struct bootstrap b = {.n = r->n, .n_statistics = n_statistics, .replicates = replicates};
    b.count = xcalloc(r->n + 1, sizeof *b.count);
    b.value = xcalloc(r->n + 1, n_statistics * sizeof *b.value);
    b.takes_part = xcalloc(r->n + 1, n_statistics);
    for (size_t i = 0; i < r->n; i++) {
        b.count[i] = sorted[i].count;
        for (size_t k = 0; k < n_statistics; k++) {
            size_t at = i * n_statistics + k;
            b.takes_part[at] = statistic_value(&s[k], &sorted[i], &b.value[at]);
        }
    }
    bootstrap_run(&b, confidence, seed, out);
    free(b.count);
    free(b.value);
    free(b.takes_part);
    free(sorted);
}

/* E[x (x+1) ... (x+g-1) / (s (s+1) ... )]: g successes in a row when the success
 * rate is Beta(x, s - x). */
static double in_a_row(double x, double s, uint32_t g)
{
    double p = 1;
    for (uint32_t i = 0; i < g; i++)
        p *= (x + i) / (s + i);
    return p;
}

/* Beta(a, b) with E[p] and E[p^2] as seen: c/n and c(c-1) / (n(n-1)) are unbiased
 * for them.  The sum a + b is kept within bounds where all rates are alike, or
 * all are 0 or 1. */
static void fit_beta(const struct rates *r, double *a, double *b)
{
    double m1 = 0, m2 = 0, n1 = 0, n2 = 0;
    for (size_t i = 0; i < r->cap; i++) {
        const struct rate *o = &r->slot[i];
        double w = (double)o->count;
        if (!o->count)
            continue;
        m1 += w * o->c / o->n;
        n1 += w;
        if (o->n >= 2) {
            m2 += w * ((double)o->c * (o->c - 1.0)) / ((double)o->n * (o->n - 1.0));
            n2 += w;
        }
    }
    double m = n1 > 0 ? m1 / n1 : 0.5, variance = n2 > 0 ? m2 / n2 - m * m : 0;
    double sum = variance > 0 ? m * (1 - m) / variance - 1 : 1e6;
    sum = sum < 1e-3 ? 1e-3 : sum > 1e6 ? 1e6 : sum;
    *a = m * sum;
    *b = sum - *a;
}

void rates_no_contrast(const struct rates *r, uint32_t g, double *all_wrong, double *all_right,
                       bool *extrapolated)
{
    double a, b, wrong = 0, right = 0;
    struct rate *sorted = rates_sorted(r);
    fit_beta(r, &a, &b);
    *extrapolated = false;
    for (size_t i = 0; i < r->n; i++) {
        const struct rate *o = &sorted[i];
        double w = (double)o->count;
        if (o->n >= g) {
            wrong += w * all_among(o->n - o->c, o->n, g);
            right += w * all_among(o->c, o->n, g);
        } else {
            *extrapolated = true;
            wrong += w * in_a_row(b + o->n - o->c, a + b + o->n, g);
            right += w * in_a_row(a + o->c, a + b + o->n, g);
        }
    }
    *all_wrong = r->groups ? wrong / (double)r->groups : 0;
    *all_right = r->groups ? right / (double)r->groups : 0;
    free(sorted);
}
