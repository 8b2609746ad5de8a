/* reinforce++.c - REINFORCE with PPO's clip and advantages whitened over the batch. */
#include "rl/objective.h"

const struct preset preset_reinforce__ = {
    .name = "reinforce++",
    .summary = "token ratios, advantages whitened over the batch's tokens",
    .source = "Hu et al., arXiv 2501.03262",
    .advantage = "reinforce++",
    .switches = {{"surrogate", "ppo-clip", PRESET_PAPER, NULL},
                 {"ratio", "token", PRESET_PAPER, NULL},
                 {"clip-policy", "0.2,0.2", PRESET_CHOICE, "as OpenRLHF and verl"},
                 {"clip-gold", "0.2,0.2", PRESET_CHOICE, NULL},
                 {"aggregate", "token-mean", PRESET_CHOICE, "as OpenRLHF and verl"},
                 {"kl", "off", PRESET_CHOICE,
                  "the paper takes it off the reward of each token; it needs ref_logprobs"},
                 {NULL, NULL, PRESET_CHOICE, NULL}},
};
