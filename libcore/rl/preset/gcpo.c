/* gcpo.c - Group Contrastive Policy Optimization. */
#include "rl/objective.h"

const struct preset preset_gcpo = {
    .name = "gcpo",
    .summary = "whole-sequence ratios, golds in all-wrong groups",
    .source = "Wu & Liu, arXiv 2510.07790",
    .advantage = "grpo",
    .needs = "gcpo-inject-gold --when all-wrong",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "sequence-mean", PRESET_PAPER,
                  "sequence level is the paper's; the exponent 1/length is our choice"},
                 {"clip-policy", "0.2,0.28", PRESET_CHOICE, "as the baseline, DAPO"},
                 {"clip-gold", "0.2,0.28", PRESET_CHOICE, "a gold starts at ratio 1 like any row"},
                 {"aggregate", "seq-mean-token-mean", PRESET_CHOICE,
                  "each row counts once, however long the failures beside a gold are"},
                 {"denominator", "all", PRESET_CHOICE,
                  "all-right groups stay in it with advantage 0"},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {"gold-old", "policy", PRESET_CHOICE, "a trust region, not importance sampling"},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
