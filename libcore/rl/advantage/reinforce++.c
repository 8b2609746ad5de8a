/* reinforce++.c - the reward itself, whitened over the batch's tokens (arXiv 2501.03262). */
#include "rl/advantage.h"

const struct advantage_rule advantage_reinforce__ = {
    .name = "reinforce++",
    .summary = "r, whitened over the tokens of the batch",
    .defaults = {.whiten = ADV_WHITEN_TOKENS, .whiten_root = ADV_VAR_PLUS, .whiten_epsilon = 1e-8},
};
