/* rollout.h - prompts in, groups of sampled responses out.
 *
 * What is written for a record depends on the model, the record, the options that
 * bear on the result and the seed: not on the records around it, on batch, memory
 * or threads.  With -o, each group ends a zstd frame, and a run that was killed
 * goes on behind the last whole one. */
#ifndef TASK_ROLLOUT_H
#define TASK_ROLLOUT_H

#include "engine/engine.h"
#include "task/prompter.h"

struct rollout_options {
    const char *model;
    const char *out, *reject, *metrics, *timing; /* may be NULL */
    bool plain;
    uint64_t n; /* responses per prompt; 0: prompts are rendered, nothing is sampled */
    uint64_t max_tokens, first_sample;
    bool max_tokens_given; /* else it is less where the model's context leaves less */
    uint64_t round;
    bool round_given;     /* else the record's own round, or 0 */
    struct opt_list stop; /* further tokens that end a response */
    struct prompter_options prompter;
    struct engine_options engine;
    struct gen_options gen; /* stop ids and vocab_limit are filled in */
    const struct opt *opts; /* for the provenance line */
};

struct rollout_counts {
    uint64_t groups, kept, rejected; /* kept: of the groups, those of a killed run */
    uint64_t responses, stopped, prompt_tokens, tokens;
    double logprob; /* sum over tokens */
};

/* files: NULL-terminated; none is standard input. */
bool rollout_run(const struct rollout_options *o, char *const *files, struct rollout_counts *counts,
                 struct err *e) MUST_CHECK;

#endif
