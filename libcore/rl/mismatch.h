/* mismatch.h - when the sampler's log-probabilities are not the trainer's.
 *
 * x_t = o_t - b_t: the trainer's log-probability before the update less what the sampler
 * reported.  Weights multiply the loss per token and carry no gradient; rejection turns
 * tokens or rows off; the figures say how far apart the two are.  Rows without b (golds)
 * have weight 1 and are not given to these functions.  mask may be NULL throughout. */
#ifndef RL_MISMATCH_H
#define RL_MISMATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "rl/wmoments.h"

#define MISMATCH_LOG_MAX 20.0 /* x and sums of x are clamped to +- this before exp */

enum mismatch_level {
    MISMATCH_OFF,
    MISMATCH_TOKEN,         /* w_t = exp(x_t) */
    MISMATCH_SEQUENCE,      /* w = exp(sum x) for every token */
    MISMATCH_TOKEN_BY_MEAN, /* w_t = exp(x_t), kept where exp(mean x) is within the bounds */
};

struct mismatch_options {
    enum mismatch_level level;
    bool mask;        /* outside the bounds the weight is 0, not the bound (not for BY_MEAN) */
    double low, high; /* bounds of the weight; low 0: none */
};

/* Fills w (n values, 0 where masked out).  Returns the number of tokens at a bound or masked. */
size_t mismatch_weights(const struct mismatch_options *o, const double *old,
                        const double *behaviour, const unsigned char *mask, size_t n, double *w);

/* Adds a row's weights for the mean that normalisation divides by: tokens for token levels,
 * rows for MISMATCH_SEQUENCE. */
void mismatch_collect(const struct mismatch_options *o, const double *w, const unsigned char *mask,
                      size_t n, struct wmoments *m);

/* The effective sample size as a share: (mean w)^2 / mean w^2 over tokens, with w no less
 * than 1 / high, as verl reports it; in (0, 1], 0 without weights. */
void mismatch_collect_effective(const struct mismatch_options *o, const double *w,
                                const unsigned char *mask, size_t n, struct wmoments *m);
double mismatch_effective_size(const struct wmoments *m);

/* Rejection by an estimate of the divergence: k1 = -x within [log low, log high], or
 * k2 = x^2/2, k3 = exp(x) - x - 1 at most high; of each token, or of the row by the sum,
 * mean or maximum over its tokens. */
enum mismatch_over { REJECT_OFF, REJECT_TOKEN, REJECT_SUM, REJECT_MEAN, REJECT_MAX };

struct mismatch_reject {
    enum mismatch_over over;
    int kind;         /* 1, 2, 3 */
    double low, high; /* low is used by k1 only */
};

/* "token_k1", "seq_mean_k3", ...: NAME of verl.  Bounds are left as they are. */
bool mismatch_reject_parse(struct str name, struct mismatch_reject *r);

/* keep[t] becomes 1 or 0 (0 where mask is 0).  Returns the number of tokens turned off. */
size_t mismatch_reject(const struct mismatch_reject *r, const double *old, const double *behaviour,
                       const unsigned char *mask, size_t n, unsigned char *keep);

/* Figures over a step, row by row. */
struct mismatch_stats {
    size_t tokens, rows;
    double max_abs;                               /* of x */
    size_t outside;                               /* tokens with exp(x) outside [0.9, 1.1] */
    struct sum abs_x, minus_x, k3, squared_ratio; /* over tokens */
    struct sum train_log_ppl, rollout_log_ppl;    /* over rows: -mean log-prob */
    struct sum train_ppl, rollout_ppl, ppl_ratio; /* exp of them; of their difference */
    struct sum log_ppl_diff, log_ppl_abs_diff, squared_row_ratio;
    double log_ppl_diff_min, log_ppl_diff_max;
};
void mismatch_measure(struct mismatch_stats *s, const double *old, const double *behaviour,
                      const unsigned char *mask, size_t n);

#endif
