/* tally.h - digests of many groups, counted.  Memory does not grow with them. */
#ifndef REPORT_TALLY_H
#define REPORT_TALLY_H

#include "report/digest.h"
#include "report/lengths.h"
#include "report/wordcount.h"

struct moments {
    uint64_t n;
    double sum, least, largest;
    double first, sum_off, sum_off2; /* of v - first: variance without cancellation */
};

struct tally {
    uint64_t groups;
    uint64_t prompts;  /* records without responses */
    uint64_t unjudged; /* groups whose responses have no verdicts */
    uint64_t contrast[N_CONTRASTS], all_truncated;
    uint64_t responses, verdicts[N_VERDICTS], truncated, gold_rows;
    size_t least_n, largest_n; /* policy responses in a group */
    struct rates rates;
    struct lengths tokens[N_LENGTH_CLASSES], characters[N_LENGTH_CLASSES];
    struct moments *numbers; /* [n_fields] */
    size_t n_fields;
    struct words fates, gold_verdicts;
};

struct tally *tally_new(size_t n_fields);
void tally_add(struct tally *t, const struct digest *d);
void tally_free(struct tally *t); /* accepts NULL */

uint64_t tally_judged(const struct tally *t); /* groups with a contrast */
double moments_mean(const struct moments *m); /* 0 if empty */
double moments_std(const struct moments *m);  /* unbiased; 0 if n < 2 */

#endif
