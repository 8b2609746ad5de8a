/* moments.h - mean and variance of weighted values seen one after another. */
#ifndef RL_MOMENTS_H
#define RL_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "rl/sum.h"

struct moments {
    double weight; /* sum of the weights */
    double min, max;
    struct sum x, xx;
    bool any;
};

/* weight 0 adds nothing.  Weights are counts (rows, tokens). */
void moments_add(struct moments *m, double x, double weight);
double moments_mean(const struct moments *m); /* 0 if there is nothing */

/* Divided by weight - 1, or by weight if biased; 0 where that is not positive, and
 * exactly 0 if all values are equal. */
double moments_variance(const struct moments *m, bool biased);

#endif
