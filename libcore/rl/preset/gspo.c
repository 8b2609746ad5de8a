/* gspo.c - Group Sequence Policy Optimization. */
#include "rl/objective.h"

const struct preset preset_gspo = {
    .name = "gspo",
    .summary = "whole-sequence ratios in a very narrow clip range",
    .source = "Zheng et al., arXiv 2507.18071",
    .advantage = "grpo",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "sequence-mean", PRESET_PAPER, NULL},
                 {"clip-policy", "3e-4,4e-4", PRESET_PAPER, NULL},
                 {"clip-gold", "off", PRESET_CHOICE,
                  "one small step takes a gold out of so narrow a range"},
                 {"aggregate", "seq-mean-token-mean", PRESET_PAPER, NULL},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
