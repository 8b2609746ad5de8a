/* verify.h - a verdict and a reward for each response, and for the gold. */
#ifndef TASK_VERIFY_H
#define TASK_VERIFY_H

#include "answer/answer.h"
#include "task/filter.h"

extern const char *const verify_type_names[];      /* "math", "exact", ..., "exec", NULL */
extern const char *const verify_truncated_names[]; /* "judge", "no-answer", NULL */

struct verify_options {
    const char *type; /* of records without a "verifier" member */
    struct answer_options answer;
    const char *command; /* of type exec */
    double command_s;    /* time limit per answer, seconds */
    double correct_at;   /* a score from here on is correct */
    const char *rewards; /* "correct=1,wrong=0,no-answer=0" */
    const char *format;  /* PCRE2 pattern that a well-formed response matches; NULL: none */
    double format_bonus; /* added to the reward of a response that matches */
    uint64_t overlong;   /* tokens before max_tokens over which the penalty grows; 0: none */
    double overlong_factor;
    bool truncated_is_no_answer;
    bool why;
    bool check_gold; /* write only what does not accept itself */
};

struct verify_counts {
    uint64_t groups, responses, verdicts[N_VERDICTS];
    uint64_t golds, golds_correct;
    uint64_t faults; /* with check_gold */
};

/* Options that make no sense together are ERR_USAGE. */
bool verify_run(const struct verify_options *o, struct filter *f, char *const *files,
                struct verify_counts *counts, struct err *e) MUST_CHECK;

#endif
