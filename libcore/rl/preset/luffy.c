/* luffy.c - learning to reason under off-policy guidance. */
#include "rl/objective.h"

const struct preset preset_luffy = {
    .name = "luffy",
    .summary = "a gold in every group, by its shaped probability",
    .source = "Yan et al., arXiv 2504.14945, and the authors' script",
    .advantage = "dr-grpo",
    .needs = "gcpo-inject-gold --when always",
    .switches = {{"surrogate", "luffy", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "off", PRESET_PAPER, NULL},
                 {"aggregate", "constant", PRESET_PAPER,
                  "the script divides by the padded width; here by rows and the generation limit"},
                 {"kl", "off", PRESET_PAPER, NULL},
                 {"entropy-coef", "0.001", PRESET_PAPER, NULL},
                 {"gold-old", "one", PRESET_PAPER, NULL},
                 {"gold-shape", "saturating", PRESET_PAPER, NULL},
                 {"gold-gamma", "0.1", PRESET_PAPER, NULL},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
