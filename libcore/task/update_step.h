/* update_step.h - what the parts of an update share: the step in memory. */
#ifndef TASK_UPDATE_STEP_H
#define TASK_UPDATE_STEP_H

#include "rl/mismatch.h"
#include "stream/outcome.h"
#include "task/inject.h"
#include "task/update.h"

enum {
    UPDATE_ROWS_MAX = 1 << 24, /* rows of a step: the limit `rows` */
    UPDATE_NAME_MAX = 16,      /* "exact", "bf16" */
};

struct update_row {
    int32_t *tokens;
    size_t n;        /* tokens; 0 if the row is out (unscorable, or without tokens) */
    float *recorded; /* the sampler's log-probabilities; NULL: none */
    float *scored;   /* under the policy before the update; NULL: not asked for */
    float *ref;      /* under the reference model; NULL: none */
    double advantage, reward;
    bool has_reward, gold, truncated, right, out;
    bool flat, beside_gold; /* as in struct loss_row */
};

struct update_group {
    struct str id;
    uint64_t round, first_sample;
    int32_t *prompt;
    size_t n_prompt;
    struct update_row *rows;
    size_t n_rows;
    const char *file; /* where it came from, for messages */
    size_t line;
};

struct update_counts {
    uint64_t groups, contrasts[N_CONTRASTS], unjudged, injected;
    uint64_t rows, golds, unscorable, truncated;
    uint64_t judged, correct; /* the policy's scorable responses, displaced ones included */
    uint64_t fates[N_FATES];  /* of golds, where gcpo-inject-gold said */
    uint64_t flat;            /* groups whose advantages are all 0 */
    uint64_t bare;            /* groups without responses, passed over */
    uint64_t tokens, prompt_tokens;
};

struct update_step {
    struct arena arena; /* owns everything below */
    struct update_group *groups;
    size_t n, cap;
    struct update_counts counts;
    uint64_t max_tokens; /* the longest of the records; 0: none says */
    size_t longest_row;
    /* From the heads; empty if none of them says. */
    char digest[ENGINE_DIGEST], precision[UPDATE_NAME_MAX], kv[UPDATE_NAME_MAX];
    char *const *files;
};

/* Reads all groups, sorted by (id, round, first sample); (id, round, sample) is unique. */
bool update_read(const struct update_options *o, char *const *files, struct update_step *s,
                 struct err *e) MUST_CHECK;
void update_free(struct update_step *s);

/* Ids inside the vocabulary and sequences inside the context, or ERR_DATA with the record's name. */
bool update_check_tokens(const struct update_step *s, const struct engine_info *info,
                         struct err *e) MUST_CHECK;

/* Puts "FILE:LINE: record ID: " in front of an error that is set.  Returns false. */
bool update_at(const struct update_group *g, struct err *e);

/* A row of the step, by its group and its place in it. */
struct update_ref {
    uint32_t group, row;
};

/* One epoch's order.  Units are whole groups, or rows with shuffle_sequences; unit u of
 * minibatch m lies in order[first(m) .. first(m + 1)). */
struct update_order {
    struct update_ref *units; /* row is UINT32_MAX for a whole group */
    size_t n;
};
void update_order(const struct update_options *o, const struct update_step *s, uint64_t pass,
                  struct update_order *order);
size_t update_order_first(const struct update_options *o, const struct update_order *order,
                          uint64_t minibatch);

/* ---- training ---- */

struct update_optimizer_step {
    double loss, rate, grad_norm, clip_coef;
    uint64_t rows, tokens;
    bool stepped;
};

struct update_run {
    const struct update_options *o;
    struct update_step step;
    struct trainer *trainer;
    struct trainer_plan plan;
    struct loss_denominator den; /* of an optimizer step */
    struct loss_stats stats;     /* over all epochs and minibatches */
    struct mismatch_stats mismatch;
    struct wmoments weights, effective; /* of mismatch weights */
    double weight_mean;                 /* what they are divided by */
    bool pristine;                      /* the weights are still those that were opened */
    bool measured;                      /* the mismatch is known for the whole step */
    double *scratch;                    /* of the longest row, for the loss */
    struct update_optimizer_step *steps;
    size_t n_steps;
    uint64_t state_updates, state_steps; /* made before: updates, optimizer steps */
    char digest[ENGINE_DIGEST];          /* of the new model */
    double seconds[4];                   /* read, score, train, save */
    uint64_t positions;                  /* of the training itself: through the model, and */
    double flops, peak_flops;            /* what that took; peak: a second, 0 if not known */
};

enum { TIME_READ, TIME_SCORE, TIME_TRAIN, TIME_SAVE };

/* Some rows of some units as the engine wants them.  Borrows from the step. */
struct update_batch {
    struct engine_group *groups;
    struct engine_row *rows;
    struct update_row **of; /* of[first[g] + r]: the row r of group g */
    size_t *first;
    float *values; /* room for the engine's outputs */
    size_t n, n_rows;
};

typedef bool update_pick(const struct update_run *u, const struct update_row *row);

enum update_want { WANT_LOGP = 1, WANT_ENTROPY = 2 };

/* The picked rows of units [from, to); groups without any are left out.  `want` says which
 * of the engine's outputs each row gets room for. */
void update_batch_make(const struct update_run *u, const struct update_order *order, size_t from,
                       size_t to, update_pick *pick, int want, struct update_batch *b);
void update_batch_free(struct update_batch *b);

/* Scores what needs it, and the mismatch weights' mean. */
bool update_score(struct update_run *u, struct err *e) MUST_CHECK;

/* Denominators of an optimizer step, of all rows of the step. */
bool update_denominator(struct update_run *u, struct err *e) MUST_CHECK;

/* All epochs and minibatches. */
bool update_train(struct update_run *u, struct err *e) MUST_CHECK;

/* The gradient of the whole step under an objective, over picked rows, added to the trainer's. */
bool update_gradient(struct update_run *u, update_pick *pick, struct err *e) MUST_CHECK;

/* Gradients by source and preset, on standard output. */
bool update_dry_run(struct update_run *u, struct err *e) MUST_CHECK;

/* A line of metrics and one of timing; what -v says before and after. */
void update_metrics(const struct update_run *u, struct buf *out);
void update_timing(const struct update_run *u, struct buf *out);
void update_say_objective(const struct update_options *o);
void update_say_step(const struct update_run *u);
void update_say_result(const struct update_run *u);

#endif
