/* sum.h - sums that do not lose the small terms (Neumaier's compensated summation).
 *
 * The error is that of a sum in twice the precision, so that neither thousands
 * of tokens nor the cut of a step into micro-batches shows beyond the last bits. */
#ifndef RL_SUM_H
#define RL_SUM_H

#include <math.h>

struct sum {
    double hi, lo; /* {0} is an empty sum */
};

static inline void sum_add(struct sum *s, double x)
{
    double t = s->hi + x;
    s->lo += fabs(s->hi) >= fabs(x) ? (s->hi - t) + x : (x - t) + s->hi;
    s->hi = t;
}

static inline double sum_value(const struct sum *s)
{
    return s->hi + s->lo;
}

/* Adds the sum of b to a. */
static inline void sum_merge(struct sum *a, const struct sum *b)
{
    sum_add(a, b->hi);
    sum_add(a, b->lo);
}

#endif
