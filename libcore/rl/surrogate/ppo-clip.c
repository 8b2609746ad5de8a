/* ppo-clip.c - the clipped ratio (PPO; GRPO, DAPO, GSPO, GCPO by their other axes). */
#include "rl/surrogate.h"

static struct surrogate_value at(const struct loss_options *o, const struct surrogate_point *p)
{
    return surrogate_clipped(o, p->gold ? &o->clip_gold : &o->clip_policy, p);
}

const struct surrogate surrogate_ppo_clip = {
    .name = "ppo-clip",
    .summary = "-min(rho A, clip(rho) A)",
    .uses_ratio = true,
    .uses_clip = true,
    .uses_advantage = true,
    .at = at,
};
