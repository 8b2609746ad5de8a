/* pair.h - two streams on the same prompts: is the second better?
 *
 * Each prompt that both have is one observation (n and c of each side); the
 * bootstrap resamples prompts, so that their difficulty cancels. */
#ifndef REPORT_PAIR_H
#define REPORT_PAIR_H

#include "report/idtable.h"
#include "report/rates.h"

enum { PAIR_ROWS_MAX = 34 };

struct pair_row {
    uint32_t k;                       /* of pass@k; 0: the mean */
    struct estimate a, b, difference; /* b - a; difference.above: how sure b is better */
};

struct pair {
    uint64_t both, only_a, only_b; /* prompts with a scorable response */
    uint64_t better, equal, worse; /* prompts by the share of correct responses, b against a */
    struct pair_row row[PAIR_ROWS_MAX];
    size_t n_rows;
};

void pair_compare(const struct idtable *a, const struct idtable *b, uint32_t replicates,
                  double confidence, uint64_t seed, struct pair *out);

#endif
