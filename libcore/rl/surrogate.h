/* surrogate.h - the loss of one token as a function of its ratio and log-probability.
 *
 * A surrogate is one file of rl/surrogate/.  Methods that differ only in ratio level,
 * clipping or averaging share `ppo-clip`; a file of its own is for another shape. */
#ifndef RL_SURROGATE_H
#define RL_SURROGATE_H

#include "base/str.h"
#include "rl/loss.h"

struct surrogate_point {
    double rho, rho_held; /* the ratio; the same under a stop-gradient */
    double log_ratio;     /* log of rho before clamping */
    double logp;
    double advantage;
    bool gold;
};

enum clip_side { CLIP_NONE, CLIP_LOW, CLIP_HIGH, CLIP_DUAL };

struct surrogate_value {
    double loss;
    double by_rho, by_log_ratio, by_logp; /* partial derivatives */
    enum clip_side clipped;               /* the gradient was cut here */
};

struct surrogate {
    const char *name;
    const char *summary;
    bool uses_ratio, uses_clip, uses_advantage, uses_gold_shape;
    bool token_ratio_only;
    struct surrogate_value (*at)(const struct loss_options *o, const struct surrogate_point *p);
};

const struct surrogate *surrogate_find(struct str name); /* NULL if there is none */
const struct surrogate *const *surrogates(void);         /* ends with NULL */
const char *const *surrogate_names(void);                /* ends with NULL */

/* -min(rho A, clip(rho) A) with the dual clip and the ratio cap: shared by surrogates. */
struct surrogate_value surrogate_clipped(const struct loss_options *o, const struct clip_range *c,
                                         const struct surrogate_point *p);

#endif
