/* scoring.h - log-probabilities of the responses that groups carry, under any model.
 *
 * As they are, never tokenised again: `prompt_tokens` and each response's `tokens`
 * go through the model, and what the sampler would have written for them is
 * written.  A gold row's under the policy, a reference model's for a KL term. */
#ifndef TASK_SCORING_H
#define TASK_SCORING_H

#include "engine/engine.h"
#include "task/filter.h"

enum scoring_as { SCORING_LOGPROBS, SCORING_REF_LOGPROBS };
extern const char *const scoring_as_names[]; /* in the order of the enum, NULL at the end */

struct scoring_options {
    const char *model;
    struct engine_options engine;
    enum scoring_as as;
    bool missing; /* only responses that have none yet */
};

struct scoring_counts {
    uint64_t groups, responses, tokens,
        without;    /* without: responses of text only, left as they are */
    double logprob; /* sum */
};

/* f->io.threads is of no effect: the engine has its own. */
bool scoring_run(const struct scoring_options *o, struct filter *f, char *const *files,
                 struct scoring_counts *counts, struct err *e) MUST_CHECK;

#endif
