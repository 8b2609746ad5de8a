/* report.h - gcpo-report: runs in, one page or one chart out. */
#ifndef TASK_REPORT_H
#define TASK_REPORT_H

#include "base/opt.h"

struct report_options {
    const char *out;   /* -o */
    const char *model; /* whose tokenizer spells tokens; NULL: MODEL of params.mk */
    const char *svg;   /* the name of a curve: only that, as SVG; NULL: the page */
    uint64_t groups;   /* at most so many of each run; 0: none */
    uint64_t seed;     /* of their choice */
    const struct opt *opts;
};

enum {
    REPORT_RUNS_MAX = 64,
    REPORT_STEPS = 8,            /* of a run, from which groups are shown */
    REPORT_BYTES = 4800000,      /* of the page: as many groups as that leaves room for, */
    REPORT_GROUP_BYTES = 4000000 /* at most these, all runs together */
};

bool report_run(const struct report_options *o, char *const *dirs, struct err *e) MUST_CHECK;

#endif
