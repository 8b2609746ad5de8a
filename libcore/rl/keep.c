/* keep.c - group filters. */
#include "rl/keep.h"

#include "rl/sum.h"

bool keep_contrast(const double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (values[i] != values[0])
            return true;
    return n == 1;
}

bool keep_between(const double *values, size_t n, double low, double high)
{
    struct sum s = {0};
    for (size_t i = 0; i < n; i++)
        sum_add(&s, values[i]);
    double mean = n > 0 ? sum_value(&s) / (double)n : 0;
    return n > 0 && mean > low && mean < high;
}
