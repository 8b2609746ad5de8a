/* prompts.h - the prompts of one training step.
 *
 * The prompts of a file are drawn epoch by epoch, without replacement inside an
 * epoch: epoch e is a permutation of the file, a function of the seed and e, and
 * step k takes the places [(k-1) n, k n) of the endless sequence of epochs.  So a
 * step's prompts are a function of (file, seed, n, k), whatever ran before. */
#ifndef TASK_PROMPTS_H
#define TASK_PROMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"

struct prompts_options {
    const char *out;
    bool plain;
    uint64_t step; /* from 1 */
    uint64_t n;    /* prompts per step */
    uint64_t seed;
    const struct opt *opts; /* for the provenance line */
};

/* files: regular files, since they are read twice.  Each record of the output
 * carries the epoch as "round" (from 0), so that a later epoch draws anew. */
bool prompts_run(const struct prompts_options *o, char *const *files, struct err *e) MUST_CHECK;

#endif
