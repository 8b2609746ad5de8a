/* reinforce.c - the plain policy gradient, without a ratio. */
#include "rl/surrogate.h"

static struct surrogate_value at(const struct loss_options *o, const struct surrogate_point *p)
{
    (void)o;
    return (struct surrogate_value){.loss = -p->advantage * p->logp, .by_logp = -p->advantage};
}

const struct surrogate surrogate_reinforce = {
    .name = "reinforce",
    .summary = "-A log pi",
    .uses_advantage = true,
    .at = at,
};
