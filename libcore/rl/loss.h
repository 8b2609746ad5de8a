/* loss.h - one policy loss over named axes, evaluated row by row.
 *
 * A row is one response.  With n the log-probabilities now, o those of the policy
 * before the update, A the advantage, m the mask, L = sum of m:
 *
 *     rho_t   the ratio of the chosen level, from d_t = n_t - o_t
 *     l_t     = surrogate(rho_t, n_t, A) * mismatch weight_t + kl_coef KL_t - entropy_coef H_t
 *     loss    = sum over rows and tokens of scale_i m_t l_t
 *
 * where scale_i is the aggregation's weight of the row's tokens.  Its denominators
 * are given by the caller for the whole optimizer step, so that cutting a step into
 * micro-batches changes nothing.  Rows are independent of each other.
 *
 * Sums over tokens are compensated, and d is summed, never n and o apart.  exp cannot
 * overflow: a token's d is clamped to +-20, a mean to at most 10, a sum to at most 100
 * (derivative 0 beyond; clamped rows and tokens are counted).
 * Formulas and their sources: gcpo-objectives(7). */
#ifndef RL_LOSS_H
#define RL_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include "rl/kl.h"
#include "rl/sum.h"

#define LOSS_TOKEN_LOG_MAX 20.0
#define LOSS_MEAN_LOG_MAX  10.0
#define LOSS_SUM_LOG_MAX   100.0

enum loss_ratio {
    RATIO_TOKEN,          /* exp(d_t) */
    RATIO_SEQUENCE_MEAN,  /* s = exp(sum m d / L), with the gradient of s */
    RATIO_SEQUENCE_TOKEN, /* the value s, the gradient of the token alone (GSPO-token) */
    RATIO_SEQUENCE_SUM,   /* exp(sum m d) */
};

enum loss_aggregate {
    AGGREGATE_TOKEN_MEAN,          /* 1 / tokens */
    AGGREGATE_SEQ_MEAN_TOKEN_MEAN, /* 1 / (rows L) */
    AGGREGATE_SEQ_MEAN_TOKEN_SUM,  /* 1 / rows */
    AGGREGATE_CONSTANT,            /* 1 / (rows length) */
};

enum loss_rows { /* which rows are in the sums and the denominators */
                 ROWS_ALL,
                 ROWS_ACTIVE, /* those of groups with contrast */
                 ROWS_GOLD,
};

enum gold_old {                   /* what stands for o in a gold row */
                GOLD_OLD_POLICY,  /* its log-probability under the policy before the update */
                GOLD_OLD_CURRENT, /* n without gradient: the ratio is always 1 */
                GOLD_OLD_ONE,     /* 0: the probability 1 */
};

enum gold_shape {                   /* f of a gold row's ratio (surrogate luffy) */
                  SHAPE_NONE,       /* rho */
                  SHAPE_SATURATING, /* rho / (rho + gamma) */
                  SHAPE_LOG,        /* log rho */
                  SHAPE_SQRT,       /* sqrt(rho) */
                  SHAPE_POWER,      /* rho^gamma */
};

struct clip_range { /* [1 - low, 1 + high] */
    bool on;
    double low, high;
};

struct surrogate;

struct loss_options {
    const struct surrogate *surrogate;
    enum loss_ratio ratio;
    struct clip_range clip_policy, clip_gold;
    double dual_clip; /* caps the loss of A < 0 at -A dual_clip; 0: off */
    double ratio_cap; /* the unclipped branch uses min(rho, ratio_cap); 0: off */
    enum loss_aggregate aggregate;
    enum loss_rows rows;
    enum kl_kind kl;
    double kl_coef;
    bool kl_weighted; /* the KL term times rho, so that its gradient is unbiased off-policy */
    double entropy_coef;
    bool mask_truncated;     /* rows cut off by the length limit are left out */
    double off_policy_delta; /* drops rows with A < 0 and mean(behaviour - n) > it; 0: off */
    enum gold_old gold_old;
    enum gold_shape gold_shape;
    double gold_gamma;
    double gold_cap;       /* upper bound of f; 0: off */
    double gold_negatives; /* weight of A for wrong rows beside a gold */
    double sft_weight;     /* adds -sft_weight n_t on gold rows */
};

/* ppo-clip at token level, nothing else; gold_negatives 1. */
struct loss_options loss_defaults(void);

struct loss_row {
    size_t n;                  /* tokens, masked ones included */
    const double *logp;        /* n values */
    const double *old;         /* o; may be NULL for surrogates without a ratio, and where
                                * gold_old stands for it */
    const double *behaviour;   /* the sampler's own; only for off_policy_delta, may be NULL */
    const double *ref;         /* NULL unless kl is on */
    const double *entropy;     /* NULL unless entropy_coef is not 0 */
    const double *weight;      /* mismatch weights; NULL: all 1 */
    const double *advantages;  /* one for each token in place of `advantage`; NULL: not */
    const unsigned char *mask; /* NULL: every token counts */
    /* What is under a stop-gradient is computed from these; NULL: from logp.  Finite
     * differences hold them still. */
    const double *held;
    double advantage;
    bool gold, truncated;
    bool flat;        /* every advantage of the row's group is 0 */
    bool beside_gold; /* a wrong row of a group that holds a gold */
};

/* Denominators of an optimizer step. */
struct loss_denominator {
    double rows, tokens;
    double length; /* AGGREGATE_CONSTANT: the row length that counts as 1 */
};

struct loss_out { /* each may be NULL, else n values that are overwritten */
    double *dlogp, *dentropy;
    double *token_loss; /* m_t l_t */
    double *ratio;      /* m_t rho_t */
};

/* Kept apart for the policy's rows [0] and gold rows [1]. */
struct loss_source_stats {
    size_t rows, tokens, active_rows;       /* that counted; with A != 0 */
    double advantage_plus, advantage_minus; /* sums of A > 0 and of A < 0 over rows */
    double ratio_min, ratio_max;            /* 0 if there is none */
    struct sum ratio; /* over ratio_count: tokens, or rows at sequence level */
    size_t ratio_count;
    size_t clipped_low, clipped_high, clipped_dual; /* tokens whose gradient was cut */
    size_t clamped;                                 /* ratios at the overflow bound */
    struct sum log_ratio;   /* of o - n over tokens (clamped at token level) */
    struct sum kl, entropy; /* over tokens */
};

struct loss_stats {
    struct loss_source_stats source[2];
    size_t left_out;                        /* rows that did not count */
    struct sum surrogate, kl, entropy, sft; /* parts of the loss, scaled */
};

/* Whether the row is in the sums and denominators at all. */
bool loss_row_counts(const struct loss_options *o, const struct loss_row *r);
size_t loss_row_tokens(const struct loss_row *r); /* L */

/* Adds the row to the denominators (rows and tokens). */
void loss_count_row(const struct loss_options *o, const struct loss_row *r,
                    struct loss_denominator *d);

/* What a token of a row with L valid tokens is multiplied by; 0 where the denominator is. */
double loss_scale(const struct loss_options *o, const struct loss_denominator *d, size_t tokens);

/* The row's part of the loss; fills out, adds to stats (may be NULL). */
double loss_row(const struct loss_options *o, const struct loss_denominator *d,
                const struct loss_row *r, const struct loss_out *out, struct loss_stats *stats);

bool loss_uses_old(const struct loss_options *o); /* of the policy's rows */
bool loss_uses_advantage(const struct loss_options *o);

#endif
