/* advantages.h - groups in, groups out, with "advantage" in every response.
 *
 * Reads reward and source of each response, verdict and finish where they are there,
 * and tokens for rules that weigh by length.  A reward of null is unscorable: the
 * response is out of everything and its advantage is null.  An absent reward is an
 * error.  Rules with a batch stage read the input twice; the batch is all of it. */
#ifndef TASK_ADVANTAGES_H
#define TASK_ADVANTAGES_H

#include "rl/advantage.h"
#include "stream/outcome.h"
#include "task/filter.h"
#include "task/inject.h"

struct advantages_options {
    const struct advantage_rule *rule;
    struct advantage_options rl;
    const char *dropped_file; /* ids of groups without contrast; may be NULL */
    bool keep_contrast;       /* groups without contrast are not written */
};

struct advantages_counts {
    uint64_t groups, contrasts[N_CONTRASTS], unjudged; /* by verdicts; without any verdict */
    uint64_t all_truncated;               /* of the all-wrong ones: every response cut off */
    uint64_t injected, rejected[N_FATES]; /* by gold_fate */
    uint64_t flat;                        /* without contrast, the gold counted */
    uint64_t dropped;                     /* not written, with keep_contrast */
    uint64_t rows[2], unscorable;         /* scorable ones by source: policy, gold */
    struct sum plus[2], minus[2];         /* of advantages, by source and sign */
};

bool advantages_run(const struct advantages_options *o, struct filter *f, char *const *files,
                    struct advantages_counts *counts, struct err *e) MUST_CHECK;

#endif
