/* grpo.c - Group Relative Policy Optimization. */
#include "rl/objective.h"

const struct preset preset_grpo = {
    .name = "grpo",
    .summary = "token ratios, mean over each sequence and then over sequences",
    .source = "Shao et al., DeepSeekMath, arXiv 2402.03300",
    .advantage = "grpo",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "0.2,0.2", PRESET_CHOICE, "as verl, TRL and OpenRLHF"},
                 {"clip-gold", "0.2,0.2", PRESET_CHOICE, NULL},
                 {"aggregate", "seq-mean-token-mean", PRESET_PAPER, NULL},
                 {"kl", "off", PRESET_CHOICE,
                  "the paper has k3 with 0.04; off in verl and TRL, and it needs ref_logprobs"},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
