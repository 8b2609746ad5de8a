/* rloo.c - REINFORCE with a leave-one-out baseline. */
#include "rl/objective.h"

const struct preset preset_rloo = {
    .name = "rloo",
    .summary = "the response as one action: ratios of whole sequences, leave-one-out baseline",
    .source = "Ahmadian et al., arXiv 2402.14740",
    .advantage = "rloo",
    .switches = {{"surrogate", "ppo-clip", PRESET_CHOICE,
                  "as TRL: at ratio 1 it is the paper's REINFORCE"},
                 {"ratio", "sequence-sum", PRESET_PAPER, NULL},
                 {"clip-policy", "0.2,0.2", PRESET_CHOICE, "as TRL"},
                 {"clip-gold", "0.2,0.2", PRESET_CHOICE, NULL},
                 {"aggregate", "seq-mean-token-mean", PRESET_PAPER,
                  "one loss for each response: its tokens share the ratio"},
                 {"kl", "off", PRESET_CHOICE,
                  "the paper and TRL (0.05) take it off the reward; it needs ref_logprobs"},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
