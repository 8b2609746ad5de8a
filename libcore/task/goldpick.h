/* goldpick.h - gcpo-gold pick: of verified responses, the golden one for each prompt.
 *
 * A candidate is a response of the policy that wrote the stream (a teacher, or a
 * model's own past) that is correct and was not cut off.  Of each id one gold is
 * written, the best over all groups with that id, in the order in which the ids
 * first had a candidate. */
#ifndef TASK_GOLDPICK_H
#define TASK_GOLDPICK_H

#include "engine/engine.h"
#include "task/filter.h"
#include "task/prompter.h"

enum pick_by { PICK_SHORTEST, PICK_LIKELIEST, PICK_RANDOM };
enum pick_thought { THOUGHT_KEEP, THOUGHT_OPEN, THOUGHT_DROP };

extern const char *const pick_by_names[]; /* in the order of the enums, NULL at the end */
extern const char *const pick_thought_names[];

struct goldpick_options {
    struct filter_options io;
    const struct opt *opts;
    enum pick_by by;
    enum pick_thought thought;
    uint64_t min_tokens, max_tokens;  /* 0: no bound */
    const char *model;                /* the policy; NULL: lengths are the responses' own tokens */
    struct prompter_options prompter; /* how the policy is shown the prompt */
    struct engine_options engine;     /* for likeliest; its threads are io.threads */
    uint64_t seed;
    const char *missing_file; /* ids without a gold; may be NULL */
};

struct goldpick_counts {
    uint64_t groups, ids, picked, responses, correct;
    uint64_t cut, outside; /* correct, but cut off by the limit; outside of the token range */
};

bool goldpick_run(const struct goldpick_options *o, char *const *files,
                  struct goldpick_counts *counts, struct err *e) MUST_CHECK;

#endif
