/* wmoments.h - mean and variance of weighted values seen one after another. */
#ifndef RL_WMOMENTS_H
#define RL_WMOMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "rl/sum.h"

struct wmoments {
    double weight; /* sum of the weights */
    double min, max;
    struct sum x, xx;
    bool any;
};

/* weight 0 adds nothing.  Weights are counts (rows, tokens). */
void wmoments_add(struct wmoments *m, double x, double weight);
double wmoments_mean(const struct wmoments *m); /* 0 if there is nothing */

/* Divided by weight - 1, or by weight if biased; 0 where that is not positive, and
 * exactly 0 if all values are equal. */
double wmoments_variance(const struct wmoments *m, bool biased);

#endif
