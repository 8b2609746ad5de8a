/* batch-std.c - centred in the group, divided by the standard deviation of the batch (Lite PPO). */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    for (size_t i = 0; i < n; i++)
        adv[i] = rows[i].reward - s.mean;
}

const struct advantage_rule advantage_batch_std = {
    .name = "batch-std",
    .summary = "(r - mean over the group) / (std over the batch + eps)",
    .defaults = {.epsilon = 1e-4},
    .batch_std = true,
    .group = group,
};
