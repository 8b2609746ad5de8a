/* dapo.c - Decoupled clip and dynamic sampling: the loss. */
#include "rl/objective.h"

const struct preset preset_dapo = {
    .name = "dapo",
    .summary = "token ratios, a higher upper clip, mean over all tokens",
    .source = "Yu et al., arXiv 2503.14476",
    .advantage = "grpo",
    .needs = "groups without contrast refilled (gcpo-advantage --dropped), the soft overlong "
             "penalty in the reward (gcpo-verify --reward)",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "0.2,0.28", PRESET_PAPER, NULL},
                 {"clip-gold", "0.2,0.28", PRESET_CHOICE, NULL},
                 {"dual-clip", "10", PRESET_CHOICE, "as the authors' recipe for verl"},
                 {"aggregate", "token-mean", PRESET_PAPER, NULL},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
