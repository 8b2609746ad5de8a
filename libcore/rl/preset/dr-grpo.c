/* dr-grpo.c - GRPO without its length and difficulty biases. */
#include "rl/objective.h"

const struct preset preset_dr_grpo = {
    .name = "dr-grpo",
    .summary = "token ratios, sums over tokens by a constant length, no standard deviation",
    .source = "Liu et al., arXiv 2503.20783",
    .advantage = "dr-grpo",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "0.2,0.2", PRESET_PAPER, NULL},
                 {"clip-gold", "0.2,0.2", PRESET_CHOICE, NULL},
                 {"aggregate", "constant", PRESET_PAPER,
                  "divided by rows and the generation limit, as TRL has it"},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
