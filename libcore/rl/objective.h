/* objective.h - an objective as named switches, and presets as named sets of them.
 *
 * Every axis of the loss is a switch with a name and a value in text: a preset file
 * (rl/preset/NAME.c, pure data) lists them with where each comes from, an option of
 * gcpo-update overrides one, and -v prints them all. */
#ifndef RL_OBJECTIVE_H
#define RL_OBJECTIVE_H

#include <stdint.h>

#include "base/str.h"
#include "rl/loss.h"
#include "rl/mismatch.h"

struct objective {
    struct loss_options loss;
    double constant_length; /* of aggregate constant; 0: the longest max_tokens of the step */
    struct mismatch_options mismatch;
    bool mismatch_normalise; /* weights are divided by their mean over the step */
};

struct objective_switch {
    const char *name;    /* "ratio" */
    const char *metavar; /* "NAME", "X" */
    const char *values;  /* "token|sequence-mean|...", for people */
    const char *help;
    const char *neutral; /* the value that switches it off or is usual */
};

const struct objective_switch *objective_switches(void); /* ends with name NULL */

struct objective objective_defaults(void); /* every switch at its neutral value */

/* ERR_USAGE: no such switch, or a value that it does not take. */
bool objective_set(struct objective *o, const char *name, struct str value,
                   struct err *e) MUST_CHECK;

/* The value of a switch in canonical form, as objective_set reads it. */
void objective_get(const struct objective *o, const char *name, struct buf *out);

/* ERR_USAGE with the reason if the switches make no sense together. */
bool objective_check(const struct objective *o, struct err *e) MUST_CHECK;

/* Calls say() for each switch that has no effect on a step of `updates` optimizer
 * steps (minibatches x epochs), with the reason. */
void objective_idle(const struct objective *o, uint64_t updates, bool recompute,
                    void (*say)(void *arg, const char *text), void *arg);

/* ---- presets ---- */

enum preset_tag {
    PRESET_PAPER,  /* stated by the method's paper or its authors' code */
    PRESET_CHOICE, /* ours, with the reason in `why` or in gcpo-objectives(7) */
};

struct preset_switch {
    const char *name, *value; /* of objective_set */
    enum preset_tag tag;
    const char *why; /* may be NULL */
};

struct preset {
    const char *name, *summary, *source;
    const char *advantage;             /* gcpo-advantage's rule; NULL: no advantage is read */
    const char *needs;                 /* from the other programs, for people; may be NULL */
    struct preset_switch switches[16]; /* ends with name NULL; the rest is neutral */
};

const struct preset *preset_find(struct str name); /* NULL if there is none */
const struct preset *const *presets(void);         /* ends with NULL */
const char *const *preset_names(void);             /* ends with NULL */
const char *preset_tag_name(enum preset_tag t);    /* "[paper]", "[choice]" */

/* The preset's objective.  A preset that does not parse is a fault of ours (ASSERT). */
struct objective preset_objective(const struct preset *p);

/* The tag and reason of a switch of the preset; NULL where it is not listed. */
const struct preset_switch *preset_switch_of(const struct preset *p, const char *name);

#endif
