/* luffy.c - gold rows by a shaped probability, the policy's rows clipped (arXiv 2504.14945).
 *
 * With the gold's old probability taken as 1 (gold-old one) rho is the policy's own
 * probability p, and p / (p + gamma) lifts the gradient of unlikely tokens. */
#include "rl/surrogate.h"

#include <math.h>

static struct surrogate_value shaped(const struct loss_options *o, const struct surrogate_point *p)
{
    double f = p->rho, by_rho = 1, by_log = 0, g = o->gold_gamma;
    switch (o->gold_shape) {
    case SHAPE_NONE: break;
    case SHAPE_SATURATING:
        f = p->rho / (p->rho + g);
        by_rho = g / ((p->rho + g) * (p->rho + g));
        break;
    case SHAPE_LOG:
        f = p->log_ratio;
        by_rho = 0;
        by_log = 1;
        break;
    case SHAPE_SQRT:
        f = sqrt(p->rho);
        by_rho = 0.5 / f;
        break;
    case SHAPE_POWER:
        f = pow(p->rho, g);
        by_rho = g * f / p->rho;
        break;
    }
    if (o->gold_cap > 0 && f > o->gold_cap)
        return (struct surrogate_value){.loss = -p->advantage * o->gold_cap, .clipped = CLIP_HIGH};
    return (struct surrogate_value){.loss = -p->advantage * f,
                                    .by_rho = -p->advantage * by_rho,
                                    .by_log_ratio = -p->advantage * by_log};
}

static struct surrogate_value at(const struct loss_options *o, const struct surrogate_point *p)
{
    return p->gold ? shaped(o, p) : surrogate_clipped(o, &o->clip_policy, p);
}

const struct surrogate surrogate_luffy = {
    .name = "luffy",
    .summary = "gold rows: -A f(rho); others: -min(rho A, clip(rho) A)",
    .uses_ratio = true,
    .uses_clip = true,
    .uses_advantage = true,
    .uses_gold_shape = true,
    .token_ratio_only = true,
    .at = at,
};
