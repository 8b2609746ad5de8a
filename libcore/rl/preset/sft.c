/* sft.c - supervised fine-tuning on gold rows. */
#include "rl/objective.h"

const struct preset preset_sft = {
    .name = "sft",
    .summary = "the negative log-likelihood of gold rows; advantages are not read",
    .source = "common practice",
    .needs = "gcpo-inject-gold --when always",
    .switches = {{"surrogate", "nll", PRESET_PAPER, NULL},
                 {"aggregate", "token-mean", PRESET_PAPER, NULL},
                 {"denominator", "gold", PRESET_CHOICE, "the policy's own rows teach nothing here"},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
