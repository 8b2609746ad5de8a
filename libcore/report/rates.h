/* rates.h - how often groups came out as c correct of n, and what follows from it.
 *
 * Everything that gcpo-stat estimates about accuracy is a mean over groups of a
 * function of (scorable responses n, correct ones c, majority vote), so a stream
 * is summarised by counting how often each outcome occurred.  Memory grows with
 * the number of different outcomes, not with the stream. */
#ifndef REPORT_RATES_H
#define REPORT_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
    uint32_t n, c;     /* c correct of n scorable responses, n >= 1 */
    uint32_t vote, of; /* majority vote: right in vote/of of its tied winners, in lowest terms */
    uint64_t count;    /* groups that came out like this */
};

struct rates { /* {0} is empty */
    struct rate *slot;
    size_t n, cap; /* filled, slots (a power of two) */
    uint64_t groups;
};

void rates_add(struct rates *r, struct rate outcome); /* outcome.count of them */
void rates_free(struct rates *r);

/* The outcomes in rising order (n, c, vote, of); the caller frees. */
struct rate *rates_sorted(const struct rates *r);
uint32_t rates_largest(const struct rates *r); /* the largest n */

/* The chance that k responses drawn without replacement from n with c correct
 * hold at least one correct one: 1 - C(n-c, k) / C(n, k)  (Chen et al. 2021,
 * arXiv 2107.03374, eq. 1), computed as a product.  k <= n. */
double pass_at_k(uint32_t n, uint32_t c, uint32_t k);

/* A statistic of one outcome; false if the outcome does not take part (n < k). */
struct statistic {
    enum { STATISTIC_MEAN, STATISTIC_PASS, STATISTIC_MAJORITY } kind;
    uint32_t k; /* PASS */
};
bool statistic_value(const struct statistic *s, const struct rate *r, double *out);

struct estimate {
    double value, low, high; /* low and high: bootstrap percentiles */
    double above;            /* share of the bootstrap samples above 0; those at 0 count half */
    uint64_t groups;         /* that take part; 0: the rest is meaningless */
};

/* The mean of each statistic over groups, with the percentile interval of
 * `replicates` bootstrap samples of the groups (0: low = high = value). */
void rates_estimate(const struct rates *r, const struct statistic *s, size_t n_statistics,
                    uint32_t replicates, double confidence, uint64_t seed, struct estimate *out);

/* The expected shares of groups of size g in which every response is wrong, or
 * every one right, averaged over the prompts.  For g <= n without bias, by
 * drawing g of the n responses without replacement.  For g > n by extrapolation
 * (*extrapolated is set): solve rates are taken as beta-distributed with the
 * first two moments seen, and each prompt's own count updates that prior. */
void rates_no_contrast(const struct rates *r, uint32_t g, double *all_wrong, double *all_right,
                       bool *extrapolated);

#endif
