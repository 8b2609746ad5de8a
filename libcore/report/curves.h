/* curves.h - which charts a set of runs has.
 *
 * Of one run, lines that belong together share a chart (ratio min, mean, max).  Of
 * several, every quantity has a chart of its own with a line for each run. */
#ifndef REPORT_CURVES_H
#define REPORT_CURVES_H

#include "report/run.h"
#include "report/svg.h"

struct curve { /* a chart, and the name by which it is asked for */
    char *name, *title;
    bool main; /* of interest to everybody; the others are for digging */
    struct svg_chart chart;
    struct svg_line *lines; /* those of chart, owned with all they point to */
};

struct curves {
    struct curve *c;
    size_t n;
    struct buf zero; /* names of metrics that are 0 at every step of every run */
};

enum { CURVES_LEGENDS_MAX = 8 }; /* of more runs than these, charts have no legend each */

/* Names: "mean", "pass" (held-out prompts; of several runs also "mean:PART"),
 * "accuracy", "contrast", ... see gcpo-report(1), and any column of the metrics. */
void curves_make(struct curves *out, const struct run *runs, size_t n_runs);
void curves_free(struct curves *c);

const struct curve *curves_find(const struct curves *c, const char *name); /* NULL if absent */

#endif
