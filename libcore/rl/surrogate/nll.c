/* nll.c - supervised fine-tuning: the negative log-likelihood. */
#include "rl/surrogate.h"

static struct surrogate_value at(const struct loss_options *o, const struct surrogate_point *p)
{
    (void)o;
    return (struct surrogate_value){.loss = -p->logp, .by_logp = -1};
}

const struct surrogate surrogate_nll = {
    .name = "nll",
    .summary = "-log pi",
    .at = at,
};
