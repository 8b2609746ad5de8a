/* dr-grpo.c - the group's rewards, centred only (arXiv 2503.20783). */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    for (size_t i = 0; i < n; i++)
        adv[i] = rows[i].reward - s.mean;
}

const struct advantage_rule advantage_dr_grpo = {
    .name = "dr-grpo",
    .summary = "r - mean over the group",
    .group = group,
};
