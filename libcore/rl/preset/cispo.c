/* cispo.c - clipped importance weights (MiniMax-M1). */
#include "rl/objective.h"

const struct preset preset_cispo = {
    .name = "cispo",
    .summary = "REINFORCE with token ratios, capped from above, as constant weights",
    .source = "MiniMax-M1, arXiv 2506.13585",
    .advantage = "grpo",
    .switches = {{"surrogate", "cispo", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "10,4", PRESET_CHOICE,
                  "no lower bound is the paper's; the cap of 5 is TRL's and ScaleRL's"},
                 {"clip-gold", "10,4", PRESET_CHOICE, NULL},
                 {"aggregate", "token-mean", PRESET_PAPER, NULL},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
