/* bootstrap.c - see bootstrap.h. */
#include "report/bootstrap.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>

/* How many of n fair coins show heads: the bits of n / 128 Philox blocks. */
static uint64_t heads(uint64_t n, uint64_t seed, uint32_t i, uint32_t *j)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint64_t sum = 0;
    while (n) {
        const uint32_t counter[4] = {(*j)++, i, 0x626f6f74, 0}; /* "boot": a stream of its own */
        uint32_t v[4];
        rng_philox(key, counter, v);
        for (int w = 0; w < 4 && n; w++) {
            uint32_t bits = n >= 32 ? v[w] : v[w] & ((1u << n) - 1);
            sum += (uint64_t)__builtin_popcount(bits);
            n -= n >= 32 ? 32 : n;
        }
    }
    return sum;
}

/* Each of the n compares a uniform number U with p = numerator / denominator, bit
 * by bit from the first: where p has a 1, those with a 0 are below p (a success);
 * where p has a 0, those with a 1 are above it.  Half of the undecided go at every
 * bit, so 2n coins do. */
uint64_t draw_binomial(uint64_t n, uint64_t numerator, uint64_t denominator, uint64_t seed,
                       uint32_t i, uint32_t *j)
{
    if (numerator == denominator)
        return n;
    uint64_t successes = 0, rest = numerator;
    while (n && rest) {
        uint64_t ones = heads(n, seed, i, j);
        rest *= 2;
        if (rest >= denominator) {
            rest -= denominator;
            successes += n - ones;
            n = ones;
        } else {
            n -= ones;
        }
    }
    return successes;
}

struct draw {
    const uint64_t *upto; /* upto[i]: observations before the i-th kind */
    uint64_t *out;
    uint64_t seed;
    uint32_t i, j;
};

/* A multinomial draw of n into the kinds [from, to), halving the range. */
static void draw_multinomial(struct draw *d, size_t from, size_t to, uint64_t n)
{
    if (to - from == 1) {
        d->out[from] = n;
        return;
    }
    size_t mid = from + (to - from) / 2;
    uint64_t left = draw_binomial(n, d->upto[mid] - d->upto[from], d->upto[to] - d->upto[from],
                                  d->seed, d->i, &d->j);
    draw_multinomial(d, from, mid, left);
    draw_multinomial(d, mid, to, n - left);
}

/* The statistic's mean under the counts w; false if nothing takes part. */
static bool mean_of(const struct bootstrap *b, const uint64_t *w, size_t s, double *mean,
                    uint64_t *n)
{
    double sum = 0;
    *n = 0;
    for (size_t i = 0; i < b->n; i++) {
        size_t at = i * b->n_statistics + s;
        if (b->takes_part[at]) {
            sum += (double)w[i] * b->value[at];
            *n += w[i];
        }
    }
    *mean = *n ? sum / (double)*n : 0;
    return *n > 0;
}

double quantile_sorted(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return v[n - 1];
    return v[below] + (at - (double)below) * (v[below + 1] - v[below]);
}

static double share_above_zero(const double *v, size_t n)
{
    size_t halves = 0;
    for (size_t i = 0; i < n; i++)
        halves += (v[i] > 0) + (v[i] >= 0);
    return (double)halves / (2 * (double)n);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* values[n_statistics][replicates]; kept[s] of them are filled: a sample in which
 * nothing takes part has no mean. */
static void resample(const struct bootstrap *b, uint64_t seed, double *values, size_t *kept)
{
    uint64_t *upto = xcalloc(b->n + 1, sizeof *upto), *w = xcalloc(b->n, sizeof *w), total;
    for (size_t i = 0; i < b->n; i++)
        upto[i + 1] = upto[i] + b->count[i];
    for (uint32_t r = 0; r < b->replicates; r++) {
        struct draw d = {upto, w, seed, r, 0};
        draw_multinomial(&d, 0, b->n, upto[b->n]);
        for (size_t s = 0; s < b->n_statistics; s++)
            kept[s] += mean_of(b, w, s, &values[s * b->replicates + kept[s]], &total);
    }
    free(upto);
    free(w);
}

void bootstrap_run(const struct bootstrap *b, double confidence, uint64_t seed,
                   struct estimate *out)
{
    for (size_t s = 0; s < b->n_statistics; s++) {
        mean_of(b, b->count, s, &out[s].value, &out[s].groups);
        out[s].low = out[s].high = out[s].value;
        out[s].above = share_above_zero(&out[s].value, 1);
    }
    if (!b->n || !b->replicates)
        return;
    size_t *kept = xcalloc(b->n_statistics, sizeof *kept);
    double *values = xcalloc(b->n_statistics * b->replicates + 1, sizeof *values);
    resample(b, seed, values, kept);
    for (size_t s = 0; s < b->n_statistics; s++) {
        double *v = values + s * b->replicates;
        if (!kept[s])
            continue;
        qsort(v, kept[s], sizeof *v, compare_double);
        out[s].low = quantile_sorted(v, kept[s], (1 - confidence) / 2);
        out[s].high = quantile_sorted(v, kept[s], (1 + confidence) / 2);
        out[s].above = share_above_zero(v, kept[s]);
    }
    free(values);
    free(kept);
}
