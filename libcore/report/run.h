/* run.h - what a training run left in its folder (gcpo-pipelines(7)).
 *
 *     RUN/metrics.jsonl       or else RUN/step-NNNN/metrics.jsonl, step by step
 *     RUN/step-NNNN/timing.jsonl
 *     RUN/eval/NNNN.json      gcpo-stat --json, with or without --by
 *     RUN/params.mk           lines NAME := VALUE
 *     RUN/step-NNNN/scored.jsonl.zst; if no step has one, step, else verified, else rollouts
 *
 * Whatever is absent is left out, so that a run can be looked at while it goes. */
#ifndef REPORT_RUN_H
#define REPORT_RUN_H

#include "report/series.h"

enum {
    RUN_STEPS_MAX = 1 << 20,     /* numbers of steps */
    RUN_FILE_MAX = 1 << 28,      /* bytes of a metrics file */
    RUN_SMALL_FILE_MAX = 1 << 24 /* bytes of an evaluation, of params.mk */
};

struct run_eval { /* one evaluation on held-out prompts, of one part of them */
    size_t step;
    char *part; /* "tier 2": member and value of --by; "" for all together */
    double mean, low, high, pass;
    unsigned pass_k;
    double groups;
};

struct run_param {
    char *name, *value;
};

struct run_groups { /* a step's file of groups */
    size_t step;
    char *path;
};

struct run {
    char *dir, *name; /* name: the folder's, made different from those of other runs */
    char *algo;       /* from the metrics, NULL if they do not say */
    struct series metrics, timing;
    struct run_eval *evals; /* by step, then in the file's order */
    struct run_param *params;
    struct run_groups *groups; /* by step */
    size_t n_evals, n_params, n_groups;
};

/* ERR_NOINPUT if dir is no folder, ERR_DATA if a file in it is damaged. */
bool run_open(struct run *r, const char *dir, struct err *e) MUST_CHECK;
void run_close(struct run *r);

const char *run_param(const struct run *r, const char *name); /* NULL if absent */

#endif
