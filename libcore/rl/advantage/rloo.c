/* rloo.c - the reward less the mean of the others (arXiv 2402.14740). */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    double g = (double)s.n;
    for (size_t i = 0; i < n; i++)
        adv[i] = (rows[i].reward - s.mean) * (s.n > 1 ? g / (g - 1) : 1);
}

const struct advantage_rule advantage_rloo = {
    .name = "rloo",
    .summary = "r - mean of the group's other rewards",
    .defaults = {.whiten_epsilon = 1e-4},
    .group = group,
};
