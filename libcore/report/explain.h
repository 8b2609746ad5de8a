/* explain.h - one group with every number that an update would read or make of it.
 *
 * A number that the record does not say, or that does not follow from it, is NAN.
 * Log-probabilities are natural logarithms; sums are over the tokens of a row.  Ratios,
 * clipping and weights come from rl/loss.h, so that they are those of gcpo-update. */
#ifndef REPORT_EXPLAIN_H
#define REPORT_EXPLAIN_H

#include "report/digest.h"
#include "rl/objective.h"

struct explained_response {
    enum verdict verdict;
    enum finish finish;
    struct str extracted, why; /* p NULL: none */
    double reward, format_bonus, length_penalty;
    double tokens;
};

struct explained_row {
    struct explained_response is;
    struct explained_response displaced; /* of a gold row that says what stood there */
    bool gold, has_displaced;
    double advantage;
    double old_sum; /* of `logprobs` */
    double new_sum; /* of `ref_logprobs` */
    /* exp(new - old): of the mean over the tokens, and the range of single tokens. */
    double ratio, ratio_min, ratio_max;
    double clipped_low, clipped_high, clipped_dual; /* tokens whose gradient is cut */
    /* d loss / d log-probability of a token: mean, range and sum over the tokens. */
    double weight, weight_min, weight_max, weight_sum;
};

struct explained {
    struct str id;
    uint64_t round, first_sample;
    const struct preset *preset;
    struct objective objective;     /* the preset's, without terms that need a model */
    struct str left_out;            /* switches taken out of it, "entropy-coef"; may be empty */
    struct digest digest;           /* contrast, gold's fate and verdict */
    struct str gold_why;            /* p NULL: none */
    double reward_mean, reward_std; /* of the scorable rows, as the rule grpo has them */
    size_t n_scorable;
    struct loss_denominator denominator; /* of this group as the whole step */
    bool has_new;                        /* some row has ref_logprobs */
    struct explained_row *rows;          /* in the group's arena */
    size_t n_rows;
};

/* Everything is allocated from g->arena. */
bool explain_group(const struct group *g, const struct preset *p, struct explained *out,
                   struct err *e) MUST_CHECK;

/* For people, at most EXPLAIN_WIDTH columns unless the id is long; file and line say where
 * it stands.  And as one JSON object with '\n'. */
enum { EXPLAIN_WIDTH = 100 };
void explain_print(const struct explained *x, const char *file, size_t line, struct buf *out);
void explain_put_json(const struct explained *x, struct buf *out);

#endif
