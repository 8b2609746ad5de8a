/* lengths.h - a histogram of whole numbers, for means, medians and maxima.
 *
 * Exact below LENGTHS_EXACT; above, numbers share a bucket with others that
 * differ by less than 1 in 256.  Memory follows the largest number seen, up to a
 * fixed bound.  Sum, least and largest are exact. */
#ifndef REPORT_LENGTHS_H
#define REPORT_LENGTHS_H

#include <stddef.h>
#include <stdint.h>

enum { LENGTHS_EXACT = 1 << 16 };

struct lengths { /* {0} is empty */
    uint64_t *bucket;
    size_t n_buckets;
    uint64_t count, sum, least, largest;
};

void lengths_add(struct lengths *l, uint64_t v);
void lengths_free(struct lengths *l);

double lengths_mean(const struct lengths *l); /* 0 if empty */

/* The smallest number with at least a share q of all numbers at or below it
 * (type 1 of Hyndman & Fan 1996); the lower end of its bucket above LENGTHS_EXACT. */
uint64_t lengths_quantile(const struct lengths *l, double q);

#endif
