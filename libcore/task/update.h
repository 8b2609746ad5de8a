/* update.h - one training step: groups and a model in, a new model out.
 *
 *     read the step        update_read.c   records to rows, every fault named
 *     put it in order      update_order.c  (id, round, sample), then the seed's order
 *     score the old policy update_score.c  rows without log-probabilities, golds first of all
 *     train                update_train.c  minibatches, the loss of each row, optimizer steps
 *     report               update_report.c metrics, the switches, what happened
 *     or only look         update_dry.c    gradients by source and preset, nothing written
 *
 * What is written depends on the set of records, the model, the state, the seed and the
 * options that bear on the result; not on the order of the records, threads or memory. */
#ifndef TASK_UPDATE_H
#define TASK_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "engine/engine.h"
#include "rl/objective.h"
#include "rl/schedule.h"

struct update_options {
    const char *model, *out;          /* directories; out NULL with dry_run */
    const char *state_in, *state_out; /* training state; may be NULL */
    const char *metrics, *timing;     /* files of JSON lines; may be NULL */
    const struct preset *preset;
    struct objective objective; /* the preset with its overrides */
    struct schedule schedule;
    struct trainer_options trainer;
    const char *precision, *kv; /* NULL: as the rollouts' head says, else the device's */
    uint64_t seed, minibatches, epochs, max_shard_bytes;
    bool shuffle_sequences; /* minibatches of rows, not of whole groups */
    bool recompute;         /* old log-probabilities of this model, not the recorded ones */
    bool off_policy;        /* another model's rollouts are welcome */
    bool dry_run;
    struct opt_list compare; /* presets to compare in a dry run; n = 0: all */
    const struct opt *opts;  /* for metrics and provenance */
};

/* files: NULL-terminated; none: standard input. */
bool update_run(const struct update_options *o, char *const *files, struct err *e) MUST_CHECK;

#endif
