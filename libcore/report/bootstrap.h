/* bootstrap.h - percentile intervals by resampling, from counts.
 *
 * N observations that take only a few different values are summarised by how
 * often each occurred; a bootstrap sample is then one draw from a multinomial
 * distribution, whatever N is.  Draws are exact (integers and coin flips of a
 * counter-based generator, no logarithms), so they are the same on every machine. */
#ifndef REPORT_BOOTSTRAP_H
#define REPORT_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/rates.h"

struct bootstrap {
    size_t n;            /* different observations */
    uint64_t *count;     /* [n], how often each was seen */
    size_t n_statistics; /* each is a mean of a value of the observations that take part */
    double *value;       /* [n][n_statistics] */
    bool *takes_part;    /* [n][n_statistics] */
    uint32_t replicates;
};

/* Fills out[n_statistics].  Percentiles interpolate linearly between order
 * statistics (type 7 of Hyndman & Fan 1996, numpy's default). */
void bootstrap_run(const struct bootstrap *b, double confidence, uint64_t seed,
                   struct estimate *out);

/* Binomial(n, numerator / denominator), a function of (seed, i) and *j, which
 * counts the draws.  numerator <= denominator <= 2^62. */
uint64_t draw_binomial(uint64_t n, uint64_t numerator, uint64_t denominator, uint64_t seed,
                       uint32_t i, uint32_t *j);

/* The q-th quantile (0 <= q <= 1) of v[n], which is sorted; n >= 1. */
double quantile_sorted(const double *v, size_t n, double q);

#endif
