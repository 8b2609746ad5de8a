/* cispo.c - the clipped ratio as a constant weight of A log pi (arXiv 2506.13585). */
#include "rl/surrogate.h"

static struct surrogate_value at(const struct loss_options *o, const struct surrogate_point *p)
{
    const struct clip_range *c = p->gold ? &o->clip_gold : &o->clip_policy;
    double w = p->rho_held;
    enum clip_side side = CLIP_NONE;
    if (c->on && w > 1 + c->high) {
        w = 1 + c->high;
        side = CLIP_HIGH;
    } else if (c->on && w < 1 - c->low) {
        w = 1 - c->low;
        side = CLIP_LOW;
    }
    double slope = -w * p->advantage;
    return (struct surrogate_value){.loss = slope * p->logp, .by_logp = slope, .clipped = side};
}

const struct surrogate surrogate_cispo = {
    .name = "cispo",
    .summary = "-sg[clip(rho)] A log pi",
    .uses_ratio = true,
    .uses_clip = true,
    .uses_advantage = true,
    .token_ratio_only = true,
    .at = at,
};
