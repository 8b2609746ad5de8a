/* grpo.c - the group's rewards, centred and divided by their standard deviation (DeepSeekMath). */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    for (size_t i = 0; i < n; i++)
        adv[i] = (rows[i].reward - s.mean) / (s.std + o->epsilon);
}

const struct advantage_rule advantage_grpo = {
    .name = "grpo",
    .summary = "(r - mean) / (std + eps) over the group",
    .defaults = {.epsilon = 1e-6},
    .group = group,
};
