/* reinforce++-baseline.c - centred in the group, whitened over the batch's tokens. */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    for (size_t i = 0; i < n; i++)
        adv[i] = rows[i].reward - s.mean;
}

const struct advantage_rule advantage_reinforce___baseline = {
    .name = "reinforce++-baseline",
    .summary = "r - mean over the group, whitened over the tokens of the batch",
    .defaults = {.whiten = ADV_WHITEN_TOKENS, .whiten_root = ADV_VAR_PLUS, .whiten_epsilon = 1e-8},
    .group = group,
};
